//! The search, and a message among those around it.

use thirtyfour::Key;

use super::moderated::check;
use crate::{
    browser::Browser,
    engine::Engine,
    post,
    support::{Server, TestApp},
};

pub async fn axe_finds_nothing_in_what_was_found_and_around_a_message_and_all_fits(engine: Engine) {
    Browser::in_all_colours(engine, found).await;
}

async fn found(mut browser: Browser) {
    let app = TestApp::start();
    for text in
        ["a boat", &"boat ".repeat(100), "see https://a.example/boat `boat`", "```\nboat\n```"]
    {
        post(&app, &"W".repeat(32), text).await;
    }
    let tab = browser.open().await;
    for path in ["/search", "/search?q=boat", "/rooms/lobby/search?q=boat", "/search?q=nothing"] {
        tab.goto(&app.url(path)).await;
        check(&tab, path).await;
    }
    tab.goto(&app.url("/search?q=boat")).await;
    tab.element(".hits a").await.click().await.unwrap();
    tab.element("[aria-current]").await;
    check(&tab, "a message among those around it").await;
}

pub async fn by_keyboard_one_finds_what_was_said_from_a_room_and_comes_back(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    for text in ["the first boat", "something else", "another boat"] {
        post(&app, "bob", text).await;
    }
    let tab = browser.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    let room: String = tab.eval("location.pathname").await;
    tab.run("document.querySelector('#menu summary').focus()").await;
    tab.press(Key::Space, false).await;
    tab.until("document.getElementById('menu').open").await;
    tab.press(Key::Tab, false).await;
    tab.press(Key::Enter, false).await;
    tab.until("location.pathname === '/rooms/lobby/search'").await;
    tab.until("document.activeElement?.id === 'q'").await;
    tab.type_blindly("boat").await;
    let found =
        "[...document.querySelectorAll('.hits .found')].map(({ textContent }) => textContent)";
    tab.until(&format!("{found}.join() === 'another boat,the first boat'")).await;
    let marks =
        "[...document.querySelectorAll('mark')].map(({ textContent }) => textContent).join()";
    assert_eq!(tab.eval::<String>(marks).await, "boat,boat");
    tab.run("document.querySelector('#q').focus()").await;
    for _ in 0..3 {
        tab.press(Key::Tab, false).await;
    }
    let on = "document.activeElement.closest('.hits li')?.querySelector('.found').textContent";
    assert_eq!(tab.eval::<String>(on).await, "the first boat");
    tab.press(Key::Enter, false).await;
    let shown = "document.querySelector('[aria-current] .message span')?.textContent";
    tab.until(&format!("{shown} === 'the first boat'")).await;
    for _ in 0..3 {
        tab.run("history.back()").await;
        tab.until("document.readyState === 'complete'").await;
        if tab.eval::<bool>(&format!("location.pathname === {room:?}")).await {
            break;
        }
    }
    tab.until(&format!("location.pathname === {room:?}")).await;
    tab.caught_up().await;
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}
