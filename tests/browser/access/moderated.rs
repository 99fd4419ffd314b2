//! The pages of who moderates, of who was invited, and of the operator.

use thirtyfour::Key;

use super::violations;
use crate::{
    browser::Browser,
    engine::Engine,
    host::{ROOM, enter, give, open, operator, put, rule},
    post,
    support::{Server, TestApp},
    tab::Tab,
};

/// What axe-core finds, also where the system chooses the colours; with all folds open.
pub(super) async fn check(tab: &Tab, what: &str) {
    tab.run("for (const fold of document.querySelectorAll('details')) fold.open = true").await;
    assert_eq!(violations(tab).await, <[String; 0]>::default(), "{what}");
    let wide = "[...document.querySelectorAll('header.top, header.top *, main.narrow, main.narrow *')]
        .filter((part) => part.checkVisibility() && part.getBoundingClientRect().right > innerWidth + 1)
        .map((part) => `${part.tagName} ${part.textContent.slice(0, 40)}`)";
    for width in [320, 360, 768, 1280] {
        tab.size(width, 800).await;
        assert_eq!(
            tab.eval::<Vec<String>>(wide).await,
            <[String; 0]>::default(),
            "{what} at {width}"
        );
    }
}

pub async fn axe_finds_nothing_where_one_is_invited_and_where_a_room_is_moderated_and_all_fits(
    engine: Engine,
) {
    Browser::in_all_colours(engine, invited).await;
}

async fn invited(mut browser: Browser) {
    let app = TestApp::start();
    let tab = browser.open().await;
    tab.goto(&app.url("/rooms")).await;
    tab.element("#room").await.send_keys("attic").await.unwrap();
    tab.element("#private").await.click().await.unwrap();
    tab.element("main form button").await.click().await.unwrap();
    tab.element(".invite").await;
    check(&tab, "the host's link").await;
    tab.element("main form button").await.click().await.unwrap();
    tab.element("#username").await;
    check(&tab, "joining a room with rules").await;
    tab.goto(&app.url(&format!("{ROOM}/moderate"))).await;
    check(&tab, "an empty room").await;

    let host: String = put(&app, &format!("{ROOM}/links"), &operator(&app), &[("role", "host")])
        .await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    rule(&app, &host, &[("slow", "3600"), ("wait", "5"), ("keep", "720")]).await;
    let (token, _) = give(&app, &host, "write").await;
    tab.goto(&app.url(&format!("{ROOM}?key={token}"))).await;
    check(&tab, "an invitation").await;
    for (by, address) in [("address", "192.0.2.0/24"), ("address", "2001:db8:85a3:8d3::/64")] {
        let form = [("by", by), ("address", address), ("reason", "Flooding"), ("hours", "720")];
        put(&app, &format!("{ROOM}/bans"), &host, &form).await;
    }
    let texts = ["x".repeat(2000), format!("see https://a.example/{}", "y".repeat(300))];
    enter(&tab, &app.url(""), &host, &"W".repeat(32)).await;
    tab.caught_up().await;
    for text in &texts {
        tab.run(&format!("document.getElementById('text').value = '{text}'")).await;
        tab.say("").await;
    }
    check(&tab, "a room with rules, and menus").await;
    tab.element("a[href$='/moderate']").await.click().await.unwrap();
    tab.element(".said").await;
    check(&tab, "a full room").await;
    tab.element("#links form.fields button").await.click().await.unwrap();
    tab.element(".invite").await;
    check(&tab, "a link").await;
}

pub async fn axe_finds_nothing_on_the_operators_pages_and_all_fits(engine: Engine) {
    Browser::in_all_colours(engine, operates).await;
}

async fn operates(mut browser: Browser) {
    let app = TestApp::start();
    let token = operator(&app);
    open(&app).await;
    post(&app, "bob", "hi").await;
    put(&app, "/operator/rooms", &token, &[("room", &"w".repeat(64))]).await;
    let rules = [("locked", "yes"), ("slow", "60"), ("wait", "60"), ("keep", "24")];
    put(&app, "/rooms/lobby/rules", &token, &rules).await;
    let tab = browser.open().await;
    for path in ["/operator", "/rooms", "/rooms/lobby"] {
        tab.goto(&app.url(path)).await;
        check(&tab, path).await;
    }
    tab.goto(&app.url("/operator")).await;
    tab.element("#token").await.send_keys("wrong" + Key::Enter).await.unwrap();
    tab.element("#token-problem").await;
    check(&tab, "a token that is none").await;
    tab.element("#token").await.send_keys(token.clone() + Key::Enter).await.unwrap();
    tab.element("ul.rooms").await;
    check(&tab, "the operator's rooms").await;
    tab.goto(&app.url("/operator/bans")).await;
    check(&tab, "no bans").await;
    let ban = [("address", "2001:db8::/48"), ("reason", &"Flooding ".repeat(30)), ("hours", "9")];
    put(&app, "/operator/bans", &token, &ban).await;
    for path in ["/operator/bans", "/operator/log", "/rooms/lobby/moderate"] {
        tab.goto(&app.url(path)).await;
        check(&tab, path).await;
    }
    tab.goto(&app.url("/operator")).await;
    tab.element("header form button").await.click().await.unwrap();
    tab.element("#token").await;
}
