//! What was said is taken back, or said better, as people see it.

use crate::{
    chromium::Chromium,
    support::{Server, TestApp, until},
    tab::Tab,
};

const SECRET: &str = "quicksilver";

/// Waits until the page says what became of the message, and that nothing of it is left there.
async fn is_gone(page: &Tab) {
    page.until(
        "document.querySelector('.message[data-removed] span')?.textContent === 'Message removed'",
    )
    .await;
    let left = format!("document.documentElement.outerHTML.includes('{SECRET}')");
    assert!(!page.eval::<bool>(&left).await);
}

#[tokio::test]
async fn who_sent_it_removes_it_by_its_menu_and_every_tab_shows_that_in_its_place() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    ann.say("before").await;
    ann.say(SECRET).await;
    ann.say("after").await;
    for tab in [&ann, &bob] {
        tab.shows(&["before", SECRET, "after"]).await;
    }
    assert_eq!(bob.eval::<usize>("document.querySelectorAll('.menu').length").await, 0);
    let second = ":nth-child(2 of .message.own) .menu";
    ann.element(&format!("{second} summary")).await.click().await.unwrap();
    ann.element(&format!("{second} button")).await.click().await.unwrap();
    for tab in [&ann, &bob] {
        tab.shows(&["before", "Message removed", "after"]).await;
        is_gone(tab).await;
        assert!(tab.is_marked().await, "the page was loaded anew");
        assert_eq!(tab.twice().await, <[String; 0]>::default());
    }
    assert!(ann.eval::<bool>("!document.querySelector('[data-removed] .menu')").await);
    bob.driver().await.refresh().await.unwrap();
    bob.shows(&["before", "Message removed", "after"]).await;
    is_gone(&bob).await;
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn who_sent_it_edits_it_on_its_page_and_every_tab_shows_the_new_text_in_its_place() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    ann.say("helo").await;
    ann.say("after").await;
    bob.shows(&["helo", "after"]).await;
    ann.element(".menu summary").await.click().await.unwrap();
    ann.element(".menu a").await.click().await.unwrap();
    let field = ann.element("main.narrow textarea").await;
    field.clear().await.unwrap();
    field.send_keys("hello").await.unwrap();
    ann.element("form[action$='/edit'] button").await.click().await.unwrap();
    for tab in [&ann, &bob] {
        tab.shows(&["hello", "after"]).await;
        tab.until("document.querySelector('.message .edited')?.textContent === 'edited'").await;
    }
    assert!(bob.is_marked().await, "the page was loaded anew");
    assert_eq!(bob.twice().await, <[String; 0]>::default());
}

#[tokio::test]
async fn without_scripts_it_is_removed_by_a_form_and_the_document_goes_on_without_it() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    for tab in [&ann, &bob] {
        tab.frame("iframe.live").until("location.search.includes('format=html')").await;
    }
    let form = ann.frame("iframe.send");
    form.send_by_button(SECRET).await;
    bob.frame("iframe.live").shows(&[SECRET]).await;
    ann.element("a[href$='/messages']").await.click().await.unwrap();
    ann.element("details.menu summary").await.click().await.unwrap();
    ann.element("form[action$='/remove'] button").await.click().await.unwrap();
    for tab in [&ann, &bob] {
        let live = tab.frame("iframe.live");
        until("it goes on without it", async || {
            let shown = live.shown().await;
            (shown.len() == 1 && shown[0].text == "Message removed").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_page_of_what_was_said_that_is_gone_back_to_shows_nothing_that_was_removed_meanwhile() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    ann.say(SECRET).await;
    ann.say("after").await;
    bob.shows(&[SECRET, "after"]).await;
    let id: Vec<String> = bob
        .eval("[...document.querySelectorAll('.message')].map(message => message.dataset.key)")
        .await;
    let room = bob.eval::<String>("location.href").await;
    let pages =
        [app.url(&format!("/rooms/lobby/messages/{}", id[0])), format!("{room}?before={}", id[1])];
    for page in &pages {
        bob.goto(page).await;
        bob.until(&format!("document.body.textContent.includes('{SECRET}')")).await;
    }
    bob.goto(&app.url("/api")).await;
    ann.element(".menu summary").await.click().await.unwrap();
    ann.element(".menu button").await.click().await.unwrap();
    is_gone(&ann).await;
    for _ in &pages {
        bob.driver().await.back().await.unwrap();
        is_gone(&bob).await;
    }
}
