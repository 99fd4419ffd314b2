//! Moderating, and being moderated, as people see it.

use thirtyfour::Key;

use crate::{
    chromium::Chromium,
    host::{ROOM, enter, enter_without_script, give, open, operator, put, put_out, rule, text},
    support::{Server, TestApp, until},
    tab::Tab,
};

const LIVE: &str = "iframe.live";
const FORM: &str = "iframe.send";

/// A private room with a moderator, and somebody who was invited: their pages, and the host's token.
async fn people(
    chromium: &mut Chromium,
    other: &mut Chromium,
    app: &TestApp,
) -> (Tab, Tab, String) {
    let host = open(app).await;
    let ann = chromium.open().await;
    let (token, _) = give(app, &host, "moderate").await;
    enter(&ann, &app.url(""), &token, "ann").await;
    ann.caught_up().await;
    let bob = other.open().await;
    let (token, _) = give(app, &host, "write").await;
    enter(&bob, &app.url(""), &token, "bob").await;
    bob.caught_up().await;
    (ann, bob, host)
}

/// The id of the newest message.
async fn newest(app: &TestApp, host: &str) -> String {
    let url = app.url(&format!("{ROOM}/messages?limit=1"));
    let asked = reqwest::Client::new().get(url).header("accept", "application/json");
    let all: serde_json::Value =
        asked.bearer_auth(host).send().await.unwrap().json().await.unwrap();
    text(&all[0], "id")
}

/// Bans who sent the newest message, for a day.
async fn ban(app: &TestApp, host: &str) -> String {
    let message = newest(app, host).await;
    let form = [("by", "tab"), ("message", &*message), ("hours", "24"), ("reason", "Shouting")];
    put(app, &format!("{ROOM}/bans"), host, &form).await;
    let asked = reqwest::Client::new().get(app.url(&format!("{ROOM}/moderate")));
    let asked = asked.header("accept", "application/json").bearer_auth(host);
    let page: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
    let until: jiff::Timestamp = text(&page["bans"][0], "until").parse().unwrap();
    let until = until.strftime("%Y-%m-%d %H:%M UTC");
    format!("You are banned from this room until {until}: Shouting")
}

#[tokio::test]
async fn who_is_banned_is_told_until_when_and_why_and_the_page_asks_no_more() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let host = open(&app).await;
    let (token, _) = give(&app, &host, "write").await;
    let bob = chromium.open().await;
    enter(&bob, &app.url(""), &token, "bob").await;
    bob.caught_up().await;
    bob.say("HEY").await;
    bob.field().await.send_keys("and more").await.unwrap();
    let words = ban(&app, &host).await;
    assert_eq!(put_out(&bob).await, format!("{words} What you were writing is kept."));
    assert_eq!(bob.driver().await.active_element().await.unwrap().tag_name().await.unwrap(), "p");

    bob.goto(&app.url(ROOM)).await;
    bob.element("#username").await.send_keys("robert" + Key::Enter).await.unwrap();
    assert_eq!(bob.element("#username-problem").await.text().await.unwrap(), words);
}

#[tokio::test]
async fn without_scripts_who_is_banned_is_told_where_the_form_was() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let host = open(&app).await;
    let (token, _) = give(&app, &host, "write").await;
    let bob = chromium.open().await;
    enter_without_script(&bob, &app.url(""), &token, "bob").await;
    let form = bob.frame(FORM);
    form.send_by_button("HEY").await;
    bob.frame(LIVE).shows(&["HEY"]).await;
    let words = ban(&app, &host).await;
    bob.frame(LIVE).until("document.readyState === 'complete'").await;
    form.send_by_button("HEY AGAIN").await;
    form.until(&format!("document.body.textContent.includes('{words}')")).await;
    bob.element(".again a").await.click().await.unwrap();
    bob.frame(LIVE).until(&format!("document.body.textContent.includes('{words}')")).await;
}

#[tokio::test]
async fn what_a_moderator_removes_in_the_room_is_gone_from_the_others_page_at_once() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let Some(mut other) = Chromium::start().await else { return };
    let app = TestApp::start();
    let (ann, bob, _) = people(&mut chromium, &mut other, &app).await;
    bob.say("one").await;
    bob.say("two").await;
    ann.say("three").await;
    for tab in [&ann, &bob] {
        tab.shows(&["one", "two", "three"]).await;
    }
    // One's own can be edited, others' be moderated; and who moderates not has no menu at others'.
    let menus =
        "[...document.querySelectorAll('.message .menu a')].map(({ textContent }) => textContent)";
    assert_eq!(ann.eval::<Vec<String>>(menus).await, ["Moderate", "Moderate", "Edit"]);
    assert_eq!(bob.eval::<Vec<String>>(menus).await, ["Edit", "Edit"]);
    ann.element(":nth-child(1 of .message) .menu summary").await.click().await.unwrap();
    ann.element(":nth-child(1 of .message) .menu button").await.click().await.unwrap();
    for tab in [&ann, &bob] {
        tab.shows(&["Message removed", "two", "three"]).await;
        assert!(tab.is_marked().await, "the page was loaded anew");
    }

    // At the message, with those before it; and who removes it there stays there.
    let second = ":nth-child(2 of .message)";
    ann.element(&format!("{second} .menu summary")).await.click().await.unwrap();
    ann.element(&format!("{second} .menu a")).await.click().await.unwrap();
    let there = "document.querySelector('.said .message:target > span')?.textContent === 'two'
        && document.querySelectorAll('.message').length === 2 && scrollY > 0";
    ann.until(there).await;
    ann.element(".said:has(:target) button.danger").await.click().await.unwrap();
    ann.until("document.querySelector('.message[data-removed]:target') != null").await;
    bob.shows(&["Message removed", "Message removed", "three"]).await;
    assert!(bob.is_marked().await, "the page was loaded anew");
    ann.element("#messages .older a").await.click().await.unwrap();
    ann.until("document.querySelectorAll('.message').length === 3").await;
    ann.element("header nav a").await.click().await.unwrap();
    ann.element("#leave").await;
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn without_scripts_one_moderates_by_the_header_and_the_others_document_goes_on_without_it() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let Some(mut other) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let host = open(&app).await;
    let (token, _) = give(&app, &host, "moderate").await;
    let ann = chromium.open().await;
    enter_without_script(&ann, &app.url(""), &token, "ann").await;
    let (token, _) = give(&app, &host, "write").await;
    let bob = other.open().await;
    enter_without_script(&bob, &app.url(""), &token, "bob").await;
    let form = bob.frame(FORM);
    form.send_by_button("quicksilver").await;
    ann.frame(LIVE).shows(&["quicksilver"]).await;
    ann.open("#menu").await;
    ann.element("header a[href$='/moderate']").await.click().await.unwrap();
    ann.element(".acts button.danger").await.click().await.unwrap();
    ann.until("document.querySelector('.message[data-removed]:target') != null").await;
    let live = bob.frame(LIVE);
    until("it goes on without it", async || {
        let shown = live.shown().await;
        (shown.len() == 1 && shown[0].text == "Message removed").then_some(())
    })
    .await;
    ann.element("header nav a").await.click().await.unwrap();
    ann.frame(LIVE).shows(&["Message removed"]).await;
}

#[tokio::test]
async fn slow_mode_is_told_beside_the_form_and_what_came_too_soon_stays_and_is_sent_later() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let token = operator(&app);
    put(&app, "/rooms/lobby/rules", &token, &[("slow", "300")]).await;
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    let rules = ann.element(".rules").await;
    assert_eq!(rules.text().await.unwrap(), "Slow mode: one message in 5 min.");
    let above = "document.querySelector('.rules').getBoundingClientRect().bottom
        <= document.getElementById('send').getBoundingClientRect().top";
    assert!(ann.eval::<bool>(above).await);
    ann.say("one").await;
    ann.send("two").await;
    ann.until("document.getElementById('send-note').textContent.startsWith('Slow mode: one message in 300 s. You can send again in')").await;
    assert_eq!((ann.draft().await, ann.focus().await), ("two".into(), "text".into()));
    assert!(ann.element("#send").await.is_displayed().await.unwrap());
    put(&app, "/rooms/lobby/rules", &token, &[("slow", "0")]).await;
    ann.say("").await;
    ann.shows(&["one", "two"]).await;
    assert_eq!(ann.note().await, "");
    assert!(ann.is_marked().await, "the page was loaded anew");
}

#[tokio::test]
async fn a_room_locked_while_a_page_is_open_is_told_beside_the_field_and_the_draft_is_sent_later() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let token = operator(&app);
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    put(&app, "/rooms/lobby/rules", &token, &[("locked", "yes")]).await;
    ann.send("mine").await;
    ann.until("document.getElementById('send-note').textContent === 'Only moderators can send here right now.'").await;
    ann.until("document.getElementById('again').hidden").await;
    assert_eq!((ann.draft().await, ann.focus().await), ("mine".into(), "text".into()));
    let described =
        "document.getElementById('text').getAttribute('aria-describedby') === 'send-note send-left'
        && document.getElementById('text').getAttribute('aria-invalid') === 'true'";
    assert!(ann.eval::<bool>(described).await);
    // Loaded anew it says so before anybody tries, and the draft is there all the same.
    ann.driver().await.refresh().await.unwrap();
    let rules = ann.element(".rules").await.text().await.unwrap();
    assert_eq!(rules, "Locked: only moderators can send.");
    ann.until("document.getElementById('text').value === 'mine'").await;
    ann.caught_up().await;
    put(&app, "/rooms/lobby/rules", &token, &[("locked", "no")]).await;
    ann.say("").await;
    ann.shows(&["mine"]).await;
}

#[tokio::test]
async fn without_scripts_a_locked_room_is_told_in_the_frame_of_the_form_and_the_draft_stays() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let host = open(&app).await;
    let (token, _) = give(&app, &host, "write").await;
    let bob = chromium.open().await;
    enter_without_script(&bob, &app.url(""), &token, "bob").await;
    rule(&app, &host, &[("locked", "yes")]).await;
    let form = bob.frame(FORM);
    form.send_by_button("mine").await;
    form.until("document.getElementById('send-note')?.textContent === 'Only moderators can send here right now.'").await;
    assert_eq!(form.draft().await, "mine");
    rule(&app, &host, &[("locked", "no")]).await;
    form.element("#send button").await.click().await.unwrap();
    bob.frame(LIVE).shows(&["mine"]).await;
    // What holds is told where the form stands.
    rule(&app, &host, &[("slow", "30")]).await;
    bob.driver().await.refresh().await.unwrap();
    let rules = bob.element("main > .rules").await.text().await.unwrap();
    assert!(rules.ends_with("Slow mode: one message in 30 s."), "{rules}");
}

#[tokio::test]
async fn by_keyboard_alone_one_goes_from_the_room_to_a_message_bans_who_sent_it_and_comes_back() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let Some(mut other) = Chromium::start().await else { return };
    let app = TestApp::start();
    let (ann, bob, _) = people(&mut chromium, &mut other, &app).await;
    bob.say("HEY").await;
    ann.shows(&["HEY"]).await;
    assert_eq!(ann.focus().await, "text");
    let press = async |key: Key, back: bool| ann.press(key, back).await;
    let on = async || -> String {
        ann.eval("(({ id, textContent }) => id || textContent)(document.activeElement)").await
    };
    press(Key::Tab, true).await;
    assert_eq!(on().await, "⋯");
    press(Key::Space, false).await;
    press(Key::Tab, false).await;
    assert_eq!(on().await, "Moderate");
    press(Key::Enter, false).await;
    ann.until("document.querySelector('.message:target') != null").await;
    // From the message on, whose time leads to its address.
    press(Key::Tab, false).await;
    let on_time = "document.activeElement.matches('.message:target time > a')";
    assert!(ann.eval::<bool>(on_time).await, "{}", on().await);
    for expected in ["Remove", "Ban…"] {
        press(Key::Tab, false).await;
        assert_eq!(on().await, expected);
    }
    press(Key::Space, false).await;
    for expected in ["by-", "hours-", "reason-"] {
        press(Key::Tab, false).await;
        let on = on().await;
        assert!(on.starts_with(expected), "{on}");
    }
    ann.driver().await.action_chain().send_keys("Shouting").perform().await.unwrap();
    press(Key::Tab, false).await;
    assert_eq!(on().await, "Ban");
    press(Key::Space, false).await;
    ann.until("location.hash === '#bans' && document.querySelector('#bans li')?.textContent.includes('bob')").await;
    assert!(put_out(&bob).await.contains("Shouting"));
    // From what was done on, and back up.
    press(Key::Tab, false).await;
    assert_eq!(on().await, "Lift ban");
    for _ in 0..20 {
        if on().await == "Back to the room" {
            break;
        }
        press(Key::Tab, true).await;
    }
    assert_eq!(on().await, "Back to the room");
    press(Key::Enter, false).await;
    ann.element("#leave").await;
    ann.caught_up().await;
    assert_eq!(ann.element(".me strong").await.text().await.unwrap(), "ann");
}
