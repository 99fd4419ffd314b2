//! One draft and its key, whatever becomes of the page and of the answers.

use serde_json::json;
use thirtyfour::Key;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
    tab::Tab,
};

/// Every text in the lobby, oldest first.
async fn stored(app: &impl Server) -> Vec<String> {
    let url = app.url("/rooms/lobby/messages?format=json");
    let all: Vec<serde_json::Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    all.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

/// A copy of a tab, as browsers make one: the same page, and what its session storage holds.
async fn duplicate(chromium: &mut Browser, tab: &Tab) -> Tab {
    let kept: String = tab.eval("JSON.stringify({ ...sessionStorage })").await;
    let url: String = tab.eval("location.href").await;
    let copy = chromium.open().await;
    copy.goto(&url.replace("/rooms/", "/nowhere/")).await;
    copy.run(&format!("Object.assign(sessionStorage, {kept})")).await;
    copy.goto(&url).await;
    copy.element("#leave").await;
    copy
}

pub async fn what_a_duplicated_tab_sends_is_a_message_of_its_own_though_it_is_the_same_text(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let ann = browser.join(&app.url(""), "ann").await;
    ann.field().await.send_keys("+1").await.unwrap();
    let twin = duplicate(&mut browser, &ann).await;
    assert_eq!(twin.draft().await, "+1", "the draft is copied");
    ann.say("").await;
    twin.say("").await;
    assert_eq!(stored(&app).await, ["+1", "+1"]);
    for (tab, text) in [(&ann, "from the first"), (&twin, "from the second")] {
        tab.say(text).await;
        assert_eq!(tab.note().await, "");
    }
    assert_eq!(stored(&app).await, ["+1", "+1", "from the first", "from the second"]);
}

#[tokio::test]
async fn a_draft_whose_answer_was_lost_is_sent_once_as_it_was_and_anew_where_it_was_changed() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    let mut all = Vec::new();
    for (text, more) in [("unchanged", ""), ("changed", " since"), ("", "again, unchanged")] {
        proxy.lose_answers(true);
        let text = if text.is_empty() { more } else { text };
        let more = if text == more { "" } else { more };
        ann.send(text).await;
        all.push(text.to_owned());
        until("it is stored", async || (stored(&app).await == all).then_some(())).await;
        ann.driver().await.refresh().await.unwrap();
        proxy.lose_answers(false);
        assert_eq!(ann.draft().await, text);
        if !more.is_empty() {
            ann.field().await.send_keys(more).await.unwrap();
            all.push(format!("{text}{more}"));
        }
        ann.say("").await;
        assert_eq!((ann.note().await, stored(&app).await), (String::new(), all.clone()));
    }
}

#[tokio::test]
async fn a_key_that_was_another_messages_is_told_in_words_for_people_and_replaced() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let form = [("username", "bob"), ("text", "his"), ("key", "k")];
    let url = app.url("/rooms/lobby/messages");
    let taken = reqwest::Client::new().post(url).form(&form).send().await.unwrap();
    assert_eq!(taken.status(), 201);
    // However it came to that.
    ann.run(
        "document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => {
            if (ctx.sourceElement.id === 'send') ctx.request.body.set('key', 'k')
        }, { once: true })",
    )
    .await;
    ann.send("hers").await;
    until("a note", async || ann.note().await.contains("press Send again").then_some(())).await;
    assert_eq!(ann.draft().await, "hers");
    ann.say("").await;
    assert_eq!(
        (ann.note().await, stored(&app).await),
        (String::new(), vec!["his".into(), "hers".into()])
    );
}

#[tokio::test]
async fn a_send_leaves_the_field_that_it_came_from_in_its_place_and_what_was_typed_can_be_undone() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.run("window.field = document.getElementById('text')").await;
    ann.say("one").await;
    assert!(ann.eval::<bool>("field === document.activeElement && field.isConnected").await);
    ann.send("   ").await; // Refused by the server.
    until("a note", async || (ann.note().await == "Please enter a message.").then_some(())).await;
    assert!(ann.eval::<bool>("field.getAttribute('aria-invalid') === 'true'").await);
    ann.field().await.clear().await.unwrap();
    ann.field().await.send_keys("good").await.unwrap();
    assert_eq!(ann.note().await, "", "what was wrong is not any more");
    assert!(!ann.eval::<bool>("field.hasAttribute('aria-invalid')").await);
    ann.say("").await;
    assert!(ann.eval::<bool>("field === document.activeElement && field.isConnected").await);
    ann.field().await.send_keys("two").await.unwrap();
    let undo = ann.driver().await.action_chain().key_down(Key::Control).send_keys("z");
    undo.key_up(Key::Control).perform().await.unwrap();
    assert_eq!(ann.draft().await, "");
    // By the button, too, the keyboard stays.
    ann.field().await.send_keys("three").await.unwrap();
    ann.element("#send button").await.click().await.unwrap();
    ann.shows(&["one", "good", "three"]).await;
    ann.until("field === document.activeElement && field.value === ''").await;
}

/// Lets an input method hold this at the end of the field, as its user's keys do.
async fn compose(tab: &Tab, engine: Engine, text: &str) {
    if engine == Engine::Chromium {
        let at = text.chars().count();
        let parameters = json!({ "text": text, "selectionStart": at, "selectionEnd": at });
        tab.cdp("Input.imeSetComposition", parameters).await;
        return;
    }
    // What the page is told of one, where no driver has any.
    tab.run(&format!(
        "const field = document.getElementById('text')
        window.composed = field.value.length
        field.dispatchEvent(new CompositionEvent('compositionstart', {{ bubbles: true }}))
        field.value += {text:?}
        field.dispatchEvent(new InputEvent('input', {{ bubbles: true, isComposing: true }}))"
    ))
    .await;
}

/// Lets it put this in the place of what it holds, and end.
async fn commit(tab: &Tab, engine: Engine, text: &str) {
    if engine == Engine::Chromium {
        tab.cdp("Input.insertText", json!({ "text": text })).await;
        return;
    }
    tab.run(&format!(
        "const field = document.getElementById('text')
        const end = new CompositionEvent('compositionend', {{ bubbles: true, data: {text:?} }})
        field.value = field.value.slice(0, composed) + {text:?}
        field.dispatchEvent(end)
        field.dispatchEvent(new InputEvent('input', {{ bubbles: true }}))"
    ))
    .await;
}

pub async fn an_input_methods_enter_sends_nothing_and_an_answer_leaves_its_composition_alone(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    ann.caught_up().await;
    ann.field().await.send_keys("half").await.unwrap();
    // In the midst of a composition; and as WebKit sends it: after it, with the code that says whose
    // it is.
    for marks in ["isComposing: true, keyCode: 13", "isComposing: false, keyCode: 229"] {
        ann.run(&format!(
            "const enter = {{ key: 'Enter', {marks}, bubbles: true, cancelable: true }}
            window.kept = document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', enter))"
        ))
        .await;
        assert!(ann.eval::<bool>("kept").await, "it is the input method's");
    }

    proxy.hold_posts(true);
    ann.send("").await;
    ann.run("window.ended = 0; document.addEventListener('compositionend', () => ended++)").await;
    compose(&ann, engine, "ni").await;
    proxy.hold_posts(false);
    ann.shows(&["half"]).await;
    post(&app, "bob", "meanwhile").await;
    ann.shows(&["half", "meanwhile"]).await;
    assert_eq!((ann.draft().await.as_str(), ann.eval::<u32>("ended").await), ("halfni", 0));
    commit(&ann, engine, "你").await;
    until("what was sent is cut", async || (ann.draft().await == "你").then_some(())).await;
    ann.say("").await;
    assert_eq!(stored(&app).await, ["half", "meanwhile", "你"]);
}

#[tokio::test]
async fn what_is_sent_while_a_send_is_under_way_goes_after_it_once() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    proxy.hold_posts(true);
    ann.send("one").await;
    ann.send(", two").await;
    proxy.hold_posts(false);
    until("both are sent", async || (stored(&app).await == ["one", ", two"]).then_some(())).await;
    until("the field is empty", async || ann.draft().await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn each_text_that_is_entered_is_a_message_and_what_is_typed_behind_stays_a_draft() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.caught_up().await;
    proxy.hold_posts(true);
    for text in ["one", "two", "three"] {
        ann.send(text).await;
    }
    ann.field().await.send_keys("four?").await.unwrap();
    proxy.hold_posts(false);
    ann.shows(&["one", "two", "three"]).await;
    until("the rest is left", async || (ann.draft().await == "four?").then_some(())).await;

    // Who thinks better of it.
    proxy.hold_posts(true);
    ann.send("").await;
    ann.send(" five").await;
    ann.run("document.getElementById('text').value = ''").await;
    ann.field().await.send_keys("private").await.unwrap();
    proxy.hold_posts(false);
    ann.shows(&["one", "two", "three", "four?"]).await;
    post(&app, "bob", "meanwhile").await;
    ann.shows(&["one", "two", "three", "four?", "meanwhile"]).await;
    assert_eq!(ann.draft().await, "private");

    // In the midst of a composition.
    ann.run("document.getElementById('text').value = ''").await;
    proxy.hold_posts(true);
    ann.send("six").await;
    ann.send("seven").await;
    compose(&ann, Engine::Chromium, "ni").await;
    proxy.hold_posts(false);
    ann.shows(&["one", "two", "three", "four?", "meanwhile", "six", "seven"]).await;
    assert_eq!(ann.draft().await, "sixsevenni", "it is left alone");
    commit(&ann, Engine::Chromium, "你").await;
    until("what is composed is left", async || (ann.draft().await == "你").then_some(())).await;
    assert_eq!(stored(&app).await.len(), 7);
}
