//! Who is kept out: what that means for them, how it ends, and what is kept of it.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    client::{Events, Message, client},
    clock::{with_clock, wrong_by},
    removal::files_with,
    support::{
        App, Server, TestApp,
        browser::Browser,
        host::{ask, ban, done, operator, put},
        process::app::Launch,
        until,
    },
};

/// A server that takes the word of a proxy on this machine.
const BEHIND_PROXY: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];

/// Sends from a tab: the message's id.
async fn say(app: &impl Server, browser: &mut Browser, tab: &str, text: &str) -> String {
    let sent = browser.post(&format!("{tab}/send"), &[("text", text)]).await;
    assert_eq!(sent.status(), 303, "{text}");
    let room = tab.split('/').nth(2).unwrap();
    newest(app, room).await
}

async fn newest(app: &impl Server, room: &str) -> String {
    let url = app.url(&format!("/rooms/{room}/messages?format=json&limit=1"));
    let messages: Vec<Message> = client().get(url).send().await.unwrap().json().await.unwrap();
    messages[0].id.clone()
}

async fn names(app: &impl Server, room: &str) -> Value {
    let url = app.url(&format!("/rooms/{room}/presence?format=json"));
    let mut people: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    people["names"].take()
}

/// Sends as a program, from an address.
async fn post_from(app: &impl Server, ip: &str, room: &str) -> reqwest::Response {
    let request = ask(app, "POST", &format!("/rooms/{room}/messages"), "");
    let form = [("username", "bot"), ("text", "hi")];
    request.header("x-forwarded-for", ip).form(&form).send().await.unwrap()
}

#[tokio::test]
async fn who_is_banned_is_put_out_and_comes_back_under_no_other_name_of_the_same_browser() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let (mut eve, mut ann) = (Browser::of(&app), Browser::of(&app));
    let (tab, anns) = (eve.join("lobby", "eve").await, ann.join("lobby", "ann").await);
    let second = eve.join("lobby", "eva").await;
    let mut stream = Events::from(eve.request(Method::GET, &format!("{tab}/events"))).await;
    let mut anns_stream = Events::from(ann.request(Method::GET, &format!("{anns}/events"))).await;
    // Hidden, and so without a stream: its second tab.
    let hides = eve.post(&format!("{second}/presence"), &[("hidden", "true")]).await;
    assert_eq!(hides.status(), 204);
    until("all are listed", async || {
        (names(&app, "lobby").await == serde_json::json!(["ann", "eva", "eve"])).then_some(())
    })
    .await;
    let id = say(&app, &mut eve, &tab, "noise").await;
    let form = [("by", "tab"), ("message", &id), ("hours", "2"), ("reason", "noise <b>")];
    let banned = ban(&app, "lobby", &token, &form).await;

    stream.end().await;
    until("nobody lists them", async || {
        (names(&app, "lobby").await == serde_json::json!(["ann"])).then_some(())
    })
    .await;
    for path in [&tab, &second] {
        let sent = eve.post(&format!("{path}/send"), &[("text", "more")]).await;
        assert_eq!(sent.status(), 403, "{path}");
        let opened = eve.get(&format!("{path}/events")).await;
        assert_eq!(opened.status(), 403, "{path}");
        let hides = eve.post(&format!("{path}/presence"), &[("hidden", "true")]).await;
        assert_eq!(hides.status(), 403, "{path}");
    }
    let seen: Value = done_bans(&app, &token).await;
    let ban = &seen[0];
    assert_eq!((&ban["ban"], &ban["name"]), (&banned.as_str().into(), &"eve".into()));
    let ends: jiff::Timestamp = ban["until"].as_str().unwrap().parse().unwrap();
    let joined = eve.try_join("lobby", "somebody else").await;
    assert_eq!(joined.status(), StatusCode::FORBIDDEN);
    let page = joined.text().await.unwrap();
    let said = format!(
        "You are banned from this room until {}: noise &lt;b&gt;",
        ends.strftime("%Y-%m-%d %H:%M UTC")
    );
    assert!(page.contains(&said) && page.contains("value=\"somebody else\""), "{page}");
    assert_eq!(names(&app, "lobby").await, serde_json::json!(["ann"]));

    // An open room is read all the same, other rooms are joined, and nobody else is meant.
    assert_eq!(eve.get("/rooms/lobby/messages").await.status(), 200);
    eve.join("attic", "eve").await;
    Browser::of(&app).join("lobby", "eve").await;
    say(&app, &mut ann, &anns, "on").await;
    assert_eq!(anns_stream.message().await.1, "noise");
    assert_eq!(anns_stream.message().await.1, "on");

    done(&app, &format!("/rooms/lobby/bans/{banned}/lift"), &token, &[]).await;
    eve.join("lobby", "eve again").await;
    let again = put(&app, &format!("/rooms/lobby/bans/{banned}/lift"), &token, &[]).await;
    assert_eq!(again.status(), 404);
}

async fn done_bans(app: &impl Server, token: &str) -> Value {
    let bans = ask(app, "GET", "/operator/bans", token).send().await.unwrap();
    assert_eq!(bans.status(), 200);
    bans.json().await.unwrap()
}

#[tokio::test]
async fn of_who_sent_without_a_tab_nothing_is_known_but_the_address() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    let sent: Message = post_from(&app, "192.0.2.7", "lobby").await.json().await.unwrap();
    let by = |by: &'static str| [("by", by), ("message", sent.id.as_str())].map(|it| it);
    let refused = put(&app, "/rooms/lobby/bans", &token, &by("tab")).await;
    assert_eq!(refused.status(), 409);
    ban(&app, "lobby", &token, &by("address")).await;
    let refused = post_from(&app, "192.0.2.7", "lobby").await;
    assert_eq!(refused.status(), 403);
    let said: Value = refused.json().await.unwrap();
    let said = said["error"].as_str().unwrap();
    assert!(said.starts_with("You are banned from this room until 2"), "{said}");
    assert!(said.ends_with(": no reason was given"), "{said}");
    let none = [("by", "address"), ("message", "x-1")];
    assert_eq!(put(&app, "/rooms/lobby/bans", &token, &none).await.status(), 404);
    for wrong in [
        &[("by", "address"), ("address", "192.0.2.300")][..],
        &[("by", "shoe")],
        &[("by", "address")],
        &[("by", "address"), ("address", "192.0.2.1"), ("hours", "-1")],
        &[("by", "address"), ("address", "192.0.2.1"), ("everywhere", "perhaps")],
    ] {
        let refused = put(&app, "/rooms/lobby/bans", &token, wrong).await;
        assert_eq!(refused.status(), 422, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_banned_address_behind_a_proxy_is_banned_and_others_behind_it_are_not() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    for (banned, same, other) in [
        ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
        ("2001:db8:0:1::7", "2001:db8:0:1:ffff::1", "2001:db8:0:2::7"),
    ] {
        let mut reader = Browser::of(&app).from(banned);
        let tab = reader.join("lobby", &format!("r{}", banned.len())).await;
        let mut stream = Events::from(reader.request(Method::GET, &format!("{tab}/events"))).await;
        let mut others = Browser::of(&app).from(other);
        let others_tab = others.join("lobby", &format!("o{}", banned.len())).await;
        let path = format!("{others_tab}/events");
        let mut stays = Events::from(others.request(Method::GET, &path)).await;
        let sent: Message = post_from(&app, banned, "lobby").await.json().await.unwrap();
        ban(&app, "lobby", &token, &[("by", "address"), ("message", &sent.id)]).await;
        stream.end().await;
        for ip in [banned, same] {
            assert_eq!(post_from(&app, ip, "lobby").await.status(), 403, "{ip}");
            let joined = Browser::of(&app).from(ip).try_join("lobby", "new").await;
            assert_eq!(joined.status(), 403, "{ip}");
            assert_eq!(post_from(&app, ip, "attic").await.status(), 201, "{ip}");
        }
        let sent: Message = post_from(&app, other, "lobby").await.json().await.unwrap();
        while stays.message().await.0 != sent.id {}
    }
    // As somebody writes it by hand, in IPv6's form of an address of IPv4.
    let form = [("by", "address"), ("address", "::ffff:198.51.100.1")];
    ban(&app, "lobby", &token, &form).await;
    assert_eq!(post_from(&app, "198.51.100.1", "lobby").await.status(), 403);
    let form = [("by", "address"), ("address", "203.0.113.9/24")];
    ban(&app, "lobby", &token, &form).await;
    assert_eq!(post_from(&app, "203.0.113.200", "lobby").await.status(), 403);
}

#[tokio::test]
async fn the_operator_keeps_somebody_out_of_all_rooms_and_nobody_else_does() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    let host = crate::support::host::open(&app, "den").await;
    let mut eve = Browser::of(&app).from("192.0.2.7");
    let mut streams = Vec::new();
    for room in ["lobby", "attic"] {
        let tab = eve.join(room, "eve").await;
        let id = say(&app, &mut eve, &tab, "noise").await;
        let path = format!("{tab}/events");
        streams.push((id, Events::from(eve.request(Method::GET, &path)).await));
    }
    let all = [("by", "tab"), ("message", &*streams[0].0), ("everywhere", "yes")];
    assert_eq!(put(&app, "/rooms/lobby/bans", &host, &all).await.status(), 403);
    let banned = ban(&app, "lobby", &token, &all).await;
    for (_, mut stream) in streams {
        stream.end().await;
    }
    for room in ["lobby", "attic", "hall"] {
        assert_eq!(eve.try_join(room, "eve").await.status(), 403, "{room}");
    }
    // A room's list has its own bans only, and who moderates it cannot lift the operator's.
    let lift = format!("/rooms/den/bans/{banned}/lift");
    assert_eq!(put(&app, &lift, &host, &[]).await.status(), 404);
    done(&app, &format!("/operator/bans/{banned}/lift"), &token, &[]).await;
    eve.join("hall", "eve").await;
    let form = [("address", "192.0.2.0/24"), ("hours", "3"), ("reason", "a botnet")];
    let banned = done(&app, "/operator/bans", &token, &form).await;
    assert_eq!(post_from(&app, "192.0.2.9", "any").await.status(), 403);
    let page = ask(&app, "GET", "/operator/bans", "");
    assert_eq!(page.send().await.unwrap().status(), 303, "to the form for the token");
    let seen = done_bans(&app, &token).await;
    assert_eq!((&seen[0]["ban"], &seen[0]["room"]), (&banned["ban"], &Value::Null));
    assert_eq!(seen[0]["whom"], "the address 192.0.2.0/24");
}

/// Waits until no file holds an address, as it is stored.
async fn gone(app: &App, address: &str) {
    until("the address is gone from the files", async || {
        files_with(app.home().path(), address).is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_ban_holds_over_a_restart_and_is_gone_from_the_files_when_it_ended_or_was_lifted() {
    const ADDRESS: &str = "198.51.100.77";
    let launch = Launch::new(&BEHIND_PROXY);
    let mut app = launch.clone().start();
    let token = operator(&app.data());
    let form = [("by", "address"), ("address", ADDRESS), ("hours", "2")];
    let lifted = ban(&app, "lobby", &token, &form).await;
    assert!(!files_with(app.home().path(), ADDRESS).is_empty(), "a ban that holds is there");
    done(&app, &format!("/rooms/lobby/bans/{lifted}/lift"), &token, &[]).await;
    gone(&app, ADDRESS).await;
    assert_eq!(post_from(&app, ADDRESS, "lobby").await.status(), 201);

    ban(&app, "lobby", &token, &form).await;
    let until = done_bans(&app, &token).await[0]["until"].as_str().unwrap().to_owned();
    assert!(app.stop().success());
    app.start_again();
    assert_eq!(post_from(&app, ADDRESS, "lobby").await.status(), 403);
    assert!(app.stop().success());

    let Some(mut app) = wrong_by(&launch, &with_clock(until.parse().unwrap(), -5)) else { return };
    assert_eq!(post_from(&app, ADDRESS, "lobby").await.status(), 403);
    crate::support::until("it ends", async || {
        (post_from(&app, ADDRESS, "lobby").await.status() == 201).then_some(())
    })
    .await;
    gone(&app, ADDRESS).await;
    assert!(app.stop().success());
    assert!(files_with(app.home().path(), ADDRESS).is_empty());
}
