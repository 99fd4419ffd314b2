//! Pages in lynx and w3m, which know neither scripts nor stylesheets, nor `hidden`, nor `<template>`.
//!
//! Where they are missing, each test says so and passes; with `HUBBUB_TEXT_BROWSERS=required` it
//! fails instead.

use crate::{
    post,
    support::{
        Server, TestApp,
        process::program::{find, not_run},
        shell::Shell,
        until,
    },
};

/// A terminal in which both are there, or word that they are not.
fn terminal() -> Option<Shell> {
    if ["lynx", "w3m", "script"].iter().any(|program| find(program).is_none()) {
        not_run("lynx, w3m and script are not all installed", "HUBBUB_TEXT_BROWSERS");
        return None;
    }
    Shell::with(&[])
}

/// What each of them shows that joins the lobby, or gets another page: the lines without the spaces
/// around them.
fn shown(shell: &Shell, url: &str, name: &str) -> Vec<(&'static str, Vec<String>)> {
    let browsers = [
        ("lynx", "lynx -accept_all_cookies -nolist -width=100 -dump", "-post_data < body"),
        ("w3m", "w3m -cookie -o accept_bad_cookie=1 -cols 100 -dump", "-post body"),
    ];
    let show = |(browser, show, post): (&'static str, &str, &str)| {
        let post = if url.ends_with("/join") { post } else { "" };
        let form = format!("username={browser}{name}");
        let lines =
            format!("export LC_ALL=C.UTF-8 HOME=$PWD; printf {form} > body; {show} {url} {post}");
        (browser, shell.run(&lines).lines().map(|line| line.trim().to_owned()).collect())
    };
    browsers.map(show).into()
}

fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| line.contains(what)).count()
}

#[tokio::test]
async fn in_text_browsers_a_room_shows_what_is_there_once_and_each_line_of_a_text() {
    let Some(shell) = terminal() else { return };
    let app = TestApp::start();
    let join = app.url("/rooms/lobby/join");
    for (browser, lines) in shown(&shell, &join, "-1") {
        assert_eq!(count(&lines, &format!("Posting as {browser}-1")), 1, "{browser}: {lines:#?}");
        assert_eq!(count(&lines, "No messages yet"), 1, "{browser}: {lines:#?}");
        assert_eq!(count(&lines, "Older messages"), 0, "{browser}: {lines:#?}");
    }
    for n in 1..=60 {
        post(&app, "bob", &format!("message {n}")).await;
    }
    post(&app, "eve", "first line\n\nthird <line>\nlast line").await;
    for (browser, lines) in shown(&shell, &join, "-2") {
        assert_eq!(count(&lines, "No messages yet"), 0, "{browser}: {lines:#?}");
        assert_eq!(count(&lines, "Older messages"), 1, "{browser}: {lines:#?}");
        // What a script shows, when its time has come.
        for scripted in ["no longer in the room", "Join again", "new message"] {
            assert_eq!(count(&lines, scripted), 0, "{browser}: {lines:#?}");
        }
        let first = lines.iter().position(|line| line == "eve: first line").expect("a text");
        let text: Vec<_> = lines[first + 1..].iter().filter(|line| !line.is_empty()).collect();
        assert_eq!(text[0], "third <line>", "{browser}");
        assert!(text[1].starts_with("last line 20") && text[1].ends_with(" UTC"), "{:?}", text[1]);
    }
    // And the door.
    for (browser, lines) in shown(&shell, &app.url("/rooms/lobby"), "") {
        assert_eq!(count(&lines, "Your name"), 1, "{browser}: {lines:#?}");
        assert_eq!(count(&lines, "cookies"), 0, "{browser}: {lines:#?}");
    }
}

#[tokio::test]
async fn in_lynx_one_can_join_and_leave() {
    let Some(shell) = terminal() else { return };
    let app = TestApp::with(&["--log", "hubbub=debug"]);
    // The name, no secret, and Join; past the room, Pin, All rooms, a field, Search and Rooms, and Leave.
    let keys = [&["a", "n", "n", "<tab>", "<tab>", "^J"][..], &["<tab>"; 6], &["^J", "q", "y"]];
    let keys = keys.concat().iter().map(|key| format!("key {key}\\n")).collect::<Vec<_>>().concat();
    let url = app.url("/rooms/lobby");
    let lynx = format!("lynx -accept_all_cookies -nocolor -cmd_script=keys {url}");
    let lines = format!("printf '{keys}' > keys; TERM=vt100 script -qec '{lynx}' typescript");
    let running = shell.start("sh", "-c", &lines);
    let answered = |method: &str, route: &str| {
        let log = app.log();
        let line = format!("method=\"{method}\" route=\"/rooms/{{room}}{route}\" status=303");
        log.lines().any(|said| said.contains(&line)).then_some(())
    };
    until("it joined", async || answered("POST", "/join")).await;
    until("it left", async || answered("POST", "/tabs/{tab}/leave")).await;
    drop(running);
}
