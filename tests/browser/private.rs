//! Private rooms, as people come into them and are put out.

use crate::{
    chromium::Chromium,
    host::{ROOM, enter, enter_without_script, give, open, put, put_out},
    support::{Server, TestApp},
    tab::Tab,
};

const LIVE: &str = "iframe.live";

/// Opens the room by the form, enters it, and makes a link for another browser, which enters by that.
async fn enters_by_a_link(
    app: &TestApp,
    chromium: &mut Chromium,
    other: &mut Chromium,
) -> [Tab; 2] {
    let ann = chromium.open().await;
    ann.goto(&app.url("/rooms")).await;
    ann.element("#room").await.send_keys("attic").await.unwrap();
    ann.element("#private").await.click().await.unwrap();
    ann.element("main form button").await.click().await.unwrap();
    let hosts = ann.element(".invite").await.text().await.unwrap();
    assert!(hosts.starts_with(&app.url("/rooms/attic?key=attic.host.")), "{hosts}");
    ann.element("main form button").await.click().await.unwrap();
    ann.join_here("ann").await;

    ann.open("#menu").await;
    ann.element("a[href$='/moderate']").await.click().await.unwrap();
    ann.element("#links summary").await.click().await.unwrap();
    ann.element("#links form.fields button").await.click().await.unwrap();
    let link = ann.element(".invite").await.text().await.unwrap();
    assert!(link.contains("?key=attic.write."), "{link}");
    ann.element("p.foot a").await.click().await.unwrap();
    ann.element("header nav a").await.click().await.unwrap();
    ann.element("#leave").await;
    ann.mark().await;

    // Who looks at a link to show what is behind it.
    let previewer = reqwest::Client::new();
    for _ in 0..2 {
        let seen = previewer.get(&link).send().await.unwrap();
        let given = seen.headers().get("set-cookie").map(|it| it.to_str().unwrap().to_owned());
        assert_eq!((seen.status().as_u16(), given), (200, None));
        let page = seen.text().await.unwrap();
        assert!(page.contains(">Enter</button>"), "{page}");
        assert_eq!(previewer.get(app.url(ROOM)).send().await.unwrap().status(), 404);
    }

    let bob = other.open().await;
    bob.goto(&app.url(ROOM)).await;
    let none = bob.element("h1").await.text().await.unwrap();
    assert_eq!(none, "There is nothing here");
    bob.goto(&link).await;
    assert_eq!(bob.element("main").await.text().await.unwrap().lines().last(), Some("Enter"));
    bob.element("main button").await.click().await.unwrap();
    bob.element("#username").await;
    assert_eq!(bob.eval::<String>("location.href").await, app.url(ROOM), "the link is nowhere");
    bob.join_here("bob").await;
    assert_eq!(
        bob.driver()
            .await
            .find_all(thirtyfour::By::Css("a[href$='/moderate']"))
            .await
            .unwrap()
            .len(),
        0
    );
    [ann, bob]
}

#[tokio::test]
async fn who_has_a_link_enters_by_it_in_another_browser_and_whoever_previews_it_takes_nothing() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let Some(mut other) = Chromium::start().await else { return };
    let app = TestApp::start();
    let [ann, bob] = enters_by_a_link(&app, &mut chromium, &mut other).await;
    bob.say("hello from bob").await;
    ann.shows(&["hello from bob"]).await;
    ann.say("hello bob").await;
    bob.shows(&["hello from bob", "hello bob"]).await;
}

#[tokio::test]
async fn without_scripts_one_enters_by_a_link_as_well() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let Some(mut other) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let [ann, bob] = enters_by_a_link(&app, &mut chromium, &mut other).await;
    for tab in [&ann, &bob] {
        tab.frame(LIVE).until("location.search.includes('format=html')").await;
    }
    let form = bob.frame("iframe.send");
    form.send_by_button("hello from bob").await;
    for tab in [&ann, &bob] {
        tab.frame(LIVE).shows(&["hello from bob"]).await;
    }
}

#[tokio::test]
async fn a_revoked_link_puts_the_open_page_out_in_words_and_another_link_brings_the_draft_back() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let host = open(&app).await;
    let (token, link) = give(&app, &host, "write").await;
    let bob = chromium.open().await;
    enter(&bob, &app.url(""), &token, "bob").await;
    bob.caught_up().await;
    bob.say("before").await;
    bob.field().await.send_keys("half a thou").await.unwrap();
    put(&app, &format!("{ROOM}/links/{link}/revoke"), &host, &[]).await;
    let words = put_out(&bob).await;
    assert_eq!(
        words,
        "You cannot be in this room any more: the link that let you in has ended or was revoked. \
         What you were writing is kept."
    );
    bob.goto(&app.url(ROOM)).await;
    assert_eq!(bob.element("h1").await.text().await.unwrap(), "There is nothing here");

    let (token, _) = give(&app, &host, "write").await;
    enter(&bob, &app.url(""), &token, "bob").await;
    bob.caught_up().await;
    assert_eq!(bob.draft().await, "half a thou");
}

#[tokio::test]
async fn without_scripts_a_revoked_link_leads_nowhere_from_the_open_page() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let host = open(&app).await;
    let (token, link) = give(&app, &host, "write").await;
    let bob = chromium.open().await;
    enter_without_script(&bob, &app.url(""), &token, "bob").await;
    put(&app, &format!("{ROOM}/links/{link}/revoke"), &host, &[]).await;
    // Its document has an end.
    bob.frame(LIVE).until("document.readyState === 'complete'").await;
    bob.element(".again a").await.click().await.unwrap();
    let heading = "document.querySelector('h1')?.textContent === 'There is nothing here'";
    bob.frame(LIVE).until(heading).await;
}
