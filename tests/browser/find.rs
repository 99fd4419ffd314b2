//! Finding again what was said.

use thirtyfour::Key;

use crate::{
    browser::Browser,
    engine::Engine,
    post,
    support::{Server, TestApp},
};

pub async fn what_was_said_is_found_from_its_room_and_leads_to_its_place_among_the_rest(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    for text in ["the first boat", "something else", "小さな東京の船"] {
        post(&app, "bob", text).await;
    }
    let tab = browser.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    let room: String = tab.eval("location.pathname").await;
    tab.open("#menu").await;
    tab.element("#menu a[href$='/search']").await.click().await.unwrap();
    let found =
        "[...document.querySelectorAll('.hits .found')].map(({ textContent }) => textContent)";
    let marks = "[...document.querySelectorAll('mark')].map(({ textContent }) => textContent)";
    for (words, text, mark) in
        [("東京", "小さな東京の船", "東京"), ("BOAT", "the first boat", "boat")]
    {
        tab.until("document.getElementById('q') !== null").await;
        tab.run(&format!("document.getElementById('q').value = '{words}'")).await;
        tab.element("main form button").await.click().await.unwrap();
        tab.until(&format!("{found}.join() === '{text}' && {marks}.join() === '{mark}'")).await;
    }
    tab.element(".hits a").await.click().await.unwrap();
    let shown = "document.querySelector('[aria-current] .message span')?.textContent";
    tab.until(&format!("{shown} === 'the first boat'")).await;
    let line = "['strong', 'time'].map((part) => document.querySelector(`[aria-current] ${part}`).textContent)";
    let [name, time]: [String; 2] = tab.eval(line).await;
    assert!(name == "bob" && !time.contains("UTC"), "{name} {time}: as in the room");
    let around = "[...document.querySelectorAll('.message > span')].length";
    assert_eq!(tab.eval::<usize>(around).await, 3, "with what was said around it");
    let place: String = tab.eval("location.pathname").await;
    assert!(place.starts_with("/rooms/lobby/messages/"), "{place}");
    tab.goto(&app.url(&room)).await;
    tab.caught_up().await;

    // Where there is room for it, it is a field in the bar.
    for (width, is_seen) in [(999, false), (1000, true)] {
        tab.size(width, 700).await;
        let seen = "document.querySelector('.search input').offsetWidth > 0";
        tab.until(&format!("({seen}) === {is_seen}")).await;
    }
    tab.element(".search input").await.send_keys("boat" + Key::Enter).await.unwrap();
    tab.until(&format!("{found}.join() === 'the first boat'")).await;
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}
