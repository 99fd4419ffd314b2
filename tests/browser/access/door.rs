//! The pages before a room and beside one: the list of rooms, the join page, errors.

use thirtyfour::Key;

use super::moderated::check;
use crate::{
    browser::Browser,
    engine::Engine,
    host::{operator, put},
    post, post_in,
    support::{Server, TestApp},
    tab::Tab,
};

/// A tab that joined, and another of the same browser.
async fn two(browser: &mut Browser, app: &TestApp, name: &str) -> (Tab, Tab) {
    let joined = browser.join(&app.url(""), name).await;
    joined.caught_up().await;
    (joined, browser.open().await)
}

pub async fn axe_finds_nothing_where_one_joins_finds_and_is_refused_and_all_fits(engine: Engine) {
    Browser::in_all_colours(engine, joins).await;
}

async fn joins(mut browser: Browser) {
    let app = TestApp::start();
    let fresh = browser.open().await;
    for path in ["/rooms", "/rooms/lobby", "/rooms?q=attic", "/nowhere"] {
        fresh.goto(&app.url(path)).await;
        check(&fresh, path).await;
    }
    for room in ["kitchen", &"w".repeat(64), "lobby"] {
        post_in(&app, room, "bob", &format!("see https://a.example/{} `code`", "y".repeat(300)))
            .await;
        post_in(&app, room, "bob", &format!("```\n{}\n```", "wide ".repeat(60))).await;
        post_in(&app, room, "bob", &"long ".repeat(400)).await;
    }
    let (ann, other) = two(&mut browser, &app, &"W".repeat(32)).await;
    for path in ["/rooms", "/rooms/lobby", "/rooms/kitchen", "/rooms?q=w", "/rooms?q=none"] {
        other.goto(&app.url(path)).await;
        check(&other, path).await;
    }
    other.goto(&app.url("/rooms")).await;
    other.element("#room").await.send_keys("No Room" + Key::Enter).await.unwrap();
    other.element("#room-problem").await;
    check(&other, "a name that no room can have").await;
    other.goto(&app.url("/operator")).await;
    other.element("#token").await.send_keys(operator(&app) + Key::Enter).await.unwrap();
    other.element("ul.rooms").await;
    other.goto(&app.url("/rooms/lobby/moderate")).await;
    other.run("const field = document.getElementById('slow'); field.type = 'text'; field.value = 'x'; field.form.submit()").await;
    other.element("a.action").await;
    check(&other, "rules that are refused").await;
    other.element("a.action").await.click().await.unwrap();
    other.until("location.pathname === '/rooms/lobby/moderate'").await;
    drop(ann);
}

pub async fn by_keyboard_a_room_is_found_and_joined_under_ones_name_and_ones_own_tab_again(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    for room in ["attic", "kitchen"] {
        post_in(&app, room, "bob", "hi").await;
    }
    post(&app, "bob", "hi").await;
    let (ann, other) = two(&mut browser, &app, "ann").await;
    let own: String = ann.eval("location.pathname").await;
    other.goto(&app.url("/rooms")).await;
    let on = async || -> String {
        other.eval("(({ id, textContent }) => id || textContent)(document.activeElement)").await
    };
    for expected in ["Search", "API", "room", "Open", "private", "q"] {
        other.press(Key::Tab, false).await;
        assert_eq!(on().await, expected);
    }
    other.type_blindly("Kit").await;
    other.until("location.search === '?q=Kit'").await;
    let rooms = "[...document.querySelectorAll('ul.rooms li > a:first-child')].map(({ textContent }) => textContent)";
    assert_eq!(other.eval::<Vec<String>>(rooms).await, ["#kitchen"]);
    other.run("document.getElementById('q').focus()").await;
    for expected in ["Find", "#kitchen", "Join"] {
        other.press(Key::Tab, false).await;
        assert_eq!(on().await, expected);
    }
    let outline = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert!(other.eval::<bool>(outline).await, "it is seen where the keyboard is");
    other.press(Key::Space, false).await;
    other.until("document.querySelector('main.room > header .me')?.textContent.startsWith('Posting as ann')").await;
    assert!(other.eval::<bool>("location.pathname.startsWith('/rooms/kitchen/tabs/')").await);

    // Of the lobby she has a tab; by a link to another room the name goes along.
    let third = browser.open().await;
    third.goto(&app.url("/rooms")).await;
    third.element(&format!("a.own[href='{own}']")).await;
    third.element("a[href='/rooms/attic']").await.click().await.unwrap();
    third.until("document.getElementById('username')?.value === 'ann'").await;
    // What is typed takes its place.
    third.type_blindly("bea").await;
    third.until("document.querySelector('main.room > header .me')?.textContent.startsWith('Posting as bea')").await;
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}

pub async fn without_scripts_the_last_name_is_filled_in_and_joins_by_one_click(engine: Engine) {
    let Some(mut browser) = Browser::without_scripts(engine).await else { return };
    let app = TestApp::start();
    post_in(&app, "kitchen", "bob", "hi").await;
    let ann = browser.join(&app.url(""), "ann").await;
    ann.arrive(ann.goto(&app.url("/rooms/kitchen"))).await;
    assert_eq!(ann.eval::<String>("username.value").await, "ann");
    let shown: String = ann.eval("document.querySelector('.said-last').innerText").await;
    assert!(shown.contains("bob") && shown.contains("just now") && shown.contains("hi"), "{shown}");
    ann.arrive(ann.goto(&app.url("/rooms"))).await;
    ann.element("ul.rooms form[action='/rooms/kitchen/join'] button").await.click().await.unwrap();
    ann.until("document.querySelector('main.room > header .me')?.textContent.startsWith('Posting as ann')").await;
}

pub async fn what_is_used_often_is_large_enough_for_a_finger(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    post_in(&app, "kitchen", "bob", "hi").await;
    put(&app, "/rooms/kitchen/rules", &operator(&app), &[("slow", "30")]).await;
    let (_ann, other) = two(&mut browser, &app, "ann").await;
    other.touch().await;
    for path in ["/rooms", "/rooms/kitchen", "/nowhere"] {
        other.goto(&app.url(path)).await;
        other.until("matchMedia('(pointer: coarse)').matches").await;
        let small: Vec<String> = other
            .eval(
                "[...document.querySelectorAll('button, input:not([type=hidden], [type=checkbox]), header.top a, .own, .ways a, .action')]
                .filter((part) => part.getBoundingClientRect().height < 43.9)
                .map((part) => `${part.outerHTML} ${part.getBoundingClientRect().height}`)",
            )
            .await;
        assert_eq!(small, <[String; 0]>::default(), "{path}");
    }
    in_a_room(&app, &other).await;
}

/// Of what stands at each message the least is held (WCAG 2.2, 2.5.8): lines are no higher for it.
async fn in_a_room(app: &TestApp, tab: &Tab) {
    for n in 0..60 {
        post_in(app, "garden", "bob", &format!("message {n}")).await;
    }
    tab.goto(&app.url("/rooms/garden")).await;
    tab.element("#join button").await.click().await.unwrap();
    tab.caught_up().await;
    let own = "document.querySelectorAll('#messages > .own > .menu')";
    for (n, text) in [(1, "one"), (2, "two")] {
        tab.send_by_button(text).await;
        tab.until(&format!("{own}.length === {n} && text.value === ''")).await;
    }
    let lines = "[...document.querySelectorAll('#messages > .message')].slice(-2).map((line) => line.offsetHeight)";
    let heights: Vec<u32> = tab.eval(lines).await;
    assert_eq!(heights[1], 26, "a line of a run");
    tab.run(&format!("{own}[1].open = true")).await;
    let small: Vec<String> = tab
        .eval(
            "[['.older a', 44, 44], ['.menu summary', 44, 24], ['.menu[open] div > *', 40, 40], ['time a', 24, 24], ['#send button', 44, 44]]
            .flatMap(([css, width, height]) => {
                const parts = [...document.querySelectorAll(`main.room ${css}`)]
                return parts.length ? parts.map((part) => [css, part.getBoundingClientRect(), width, height]) : [[css, new DOMRect(), 1, 1]]
            })
            .filter(([, box, width, height]) => box.width < width - 0.1 || box.height < height - 0.1)
            .map(([css, box]) => `${css} ${box.width} × ${box.height}`)",
        )
        .await;
    assert_eq!(small, <[String; 0]>::default());
    let whole = "document.querySelector('.menu[open] div').getBoundingClientRect().bottom
        <= document.querySelector('.list').getBoundingClientRect().bottom";
    assert!(tab.eval::<bool>(whole).await, "at the end of the list, too");
}
