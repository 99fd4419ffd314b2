//! Pages over a server that goes and comes back.

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    support::{App, until},
    tab::Tab,
};

pub async fn tabs_carry_on_by_themselves_when_the_server_comes_back(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let mut app = App::start();
    let ann = browser.join(&app.url(""), "ann").await;
    let bob = browser.join(&app.url(""), "bob").await;
    ann.say("before").await;
    bob.shows(&["before"]).await;

    app.kill();
    app.start_again();
    for text in ["meanwhile 1", "meanwhile 2", "meanwhile 3"] {
        post(&app, "eve", text).await;
    }

    let mut expected = vec!["before", "meanwhile 1", "meanwhile 2", "meanwhile 3"];
    ann.shows(&expected).await;
    bob.shows(&expected).await;
    bob.say("after").await;
    expected.push("after");
    for tab in [&ann, &bob] {
        tab.shows(&expected).await;
        assert!(tab.is_marked().await, "the page was loaded anew");
        assert_eq!(tab.twice().await, <[String; 0]>::default());
    }
    assert_eq!(ann.shown().await, bob.shown().await);
}

#[tokio::test]
async fn an_event_source_has_each_message_once_over_a_stop_and_a_kill() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let mut app = App::start();
    let tab = chromium.open().await;
    tab.goto(&app.url("/rooms/lobby")).await;
    let follow = r"
        window.texts = []
        window.events = new EventSource('/rooms/lobby/events')
        events.addEventListener('NewMessage', ({ data }) => {
            const message = new DOMParser().parseFromString(data, 'text/html')
            texts.push(message.querySelector('span').textContent)
        })";
    tab.run(follow).await;
    tab.until("events.readyState === EventSource.OPEN").await;
    let mut sent = Vec::new();
    // From the first message on it has a cursor.
    for (count, then) in [(1, "wait"), (20, "TERM"), (20, "wait"), (20, "KILL"), (39, "wait")] {
        for _ in 0..count {
            sent.push(format!("{} <b>&amp;", sent.len()));
            post(&app, "eve", sent.last().unwrap()).await;
        }
        match then {
            "TERM" => assert!(app.stop().success()),
            "KILL" => app.kill(),
            _ => {
                tab.until(&format!("texts.length >= {}", sent.len())).await;
                assert_eq!(tab.eval::<Vec<String>>("texts").await, sent);
                continue;
            }
        }
        app.start_again();
    }
}

pub async fn a_send_to_a_server_that_is_gone_keeps_the_draft_and_says_so(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let mut app = App::start();
    let ann = browser.join(&app.url(""), "ann").await;
    ann.say("before").await;

    app.kill();
    ann.send("kept").await;
    noted(&ann).await;
    assert_eq!(ann.draft().await, "kept");
    assert!(ann.element("#send-note").await.is_displayed().await.unwrap());

    app.start_again();
    ann.say("").await;
    assert_eq!(ann.note().await, "", "what was said is no longer so");
    ann.shows(&["before", "kept"]).await;
    post(&app, "eve", "after").await;
    ann.shows(&["before", "kept", "after"]).await;

    // On disk once, too, and not only on this page.
    let bob = browser.join(&app.url(""), "bob").await;
    bob.shows(&["before", "kept", "after"]).await;
}

pub async fn when_an_outage_is_over_what_was_not_sent_is_sent_once_unless_it_was_changed(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let mut app = App::start();
    let ann = browser.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    app.kill();
    ann.send("kept").await;
    noted(&ann).await;
    app.start_again();
    ann.caught_up().await;
    until("nothing is said", async || ann.note().await.is_empty().then_some(())).await;
    ann.shows(&["kept"]).await;
    until("it is sent", async || ann.draft().await.is_empty().then_some(())).await;
    app.kill();
    ann.send("half").await;
    noted(&ann).await;
    ann.field().await.send_keys(" a thought").await.unwrap();
    app.start_again();
    ann.caught_up().await;
    let told = async || ann.note().await.starts_with("Connected again.").then_some(());
    until("it is said that this is not sent", told).await;
    assert_eq!(ann.draft().await, "half a thought");
    ann.shows(&["kept"]).await;
    ann.say("").await;
    ann.shows(&["kept", "half a thought"]).await;
    assert_eq!(ann.note().await, "");
}

async fn noted(tab: &Tab) {
    let note = until("a note", async || Some(tab.note().await).filter(|note| !note.is_empty()));
    let note = note.await;
    assert!(note.starts_with("Not sent: "), "{note}");
}
