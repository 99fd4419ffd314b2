//! How far it reaches what somebody may: no further than the room, the time and the people it is about.

use crate::{
    client::{Message, client, send},
    data::backup,
    support::{
        App, Server, TestApp,
        host::{ask, ban, done, give, open, operator, put, rule},
    },
};

const KEY: &str = "a-key-of-16-chars";
const BEHIND_PROXY: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];

/// What a program asks for from an address.
async fn from(
    app: &impl Server,
    (ip, token): (&str, &str),
    (method, path): (&str, &str),
    form: &[(&str, &str)],
) -> reqwest::Response {
    let request = ask(app, method, path, token).header("x-forwarded-for", ip);
    request.header("accept", "application/json").form(form).send().await.unwrap()
}

#[tokio::test]
async fn what_is_said_anew_takes_what_a_send_takes() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    let eve = ("192.0.2.7", "");
    let form = [("username", "eve"), ("text", "first"), ("key", KEY)];
    let sent = from(&app, eve, ("POST", "/rooms/lobby/messages"), &form).await;
    let sent: Message = sent.json().await.unwrap();
    let path = format!("/rooms/lobby/messages/{}", sent.id);
    let edit = [("key", KEY), ("text", "buy now")];
    assert_eq!(from(&app, eve, ("PATCH", &path), &edit).await.status(), 200);
    for (rules, status) in [([("locked", "yes")], 403), ([("locked", "no")], 200)] {
        rule(&app, "lobby", &token, &rules).await;
        assert_eq!(from(&app, eve, ("PATCH", &path), &edit).await.status(), status, "{rules:?}");
    }
    rule(&app, "lobby", &token, &[("slow", "3600")]).await;
    assert_eq!(from(&app, eve, ("PATCH", &path), &edit).await.status(), 200);
    assert_eq!(from(&app, eve, ("PATCH", &path), &edit).await.status(), 429);
    rule(&app, "lobby", &token, &[("slow", "0")]).await;
    ban(&app, "lobby", &token, &[("by", "address"), ("message", &sent.id)]).await;
    assert_eq!(from(&app, eve, ("PATCH", &path), &edit).await.status(), 403);
    // What one said is one's own to take back.
    assert_eq!(from(&app, eve, ("DELETE", &path), &[("key", KEY)]).await.status(), 200);
}

#[tokio::test]
async fn slow_mode_is_not_passed_by_another_name() {
    let app = TestApp::with(&BEHIND_PROXY);
    rule(&app, "lobby", &operator(&app.data()), &[("slow", "3600")]).await;
    let post = async |ip: &str, name: &str| {
        let form = [("username", name), ("text", "hi")];
        from(&app, (ip, ""), ("POST", "/rooms/lobby/messages"), &form).await.status()
    };
    assert_eq!(post("192.0.2.7", "one").await, 201);
    assert_eq!(post("192.0.2.7", "two").await, 429);
    assert_eq!(post("192.0.2.8", "one").await, 201, "and nobody waits for a name's sake");
}

#[tokio::test]
async fn the_operators_bans_bind_who_moderates_and_nobody_else_lifts_them() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    let host = open(&app, "den").await;
    let (moderator, _) = give(&app, "den", &host, "moderate").await;
    let address = [("by", "address"), ("address", "192.0.2.7")];
    let hosts = ban(&app, "den", &host, &address).await;
    let say = async |ip: &str, token: &str| {
        let form = [("username", "mod"), ("text", "hi")];
        from(&app, (ip, token), ("POST", "/rooms/den/messages"), &form).await.status()
    };
    assert_eq!(say("192.0.2.7", &moderator).await, 201, "a moderator is not bound by another");
    let operators = ban(&app, "den", &token, &address).await;
    assert_eq!(say("192.0.2.7", &moderator).await, 403);
    assert_eq!(say("192.0.2.8", &moderator).await, 201);
    let lift = async |ban: &str, by: &str| {
        put(&app, &format!("/rooms/den/bans/{ban}/lift"), by, &[]).await.status()
    };
    assert_eq!(lift(&operators, &host).await, 403);
    assert_eq!(lift(&hosts, &moderator).await, 200);
    assert_eq!(lift(&operators, &token).await, 200);
    // Kept out of all rooms, one opens none either.
    done(&app, "/operator/bans", &token, &[("address", "192.0.2.7")]).await;
    let form = [("private", "yes"), ("room", "another")];
    let opened = from(&app, ("192.0.2.7", ""), ("POST", "/rooms"), &form).await;
    assert_eq!(opened.status(), 403);
}

#[tokio::test]
async fn a_host_holds_a_room_and_no_more() {
    let app = TestApp::with(&BEHIND_PROXY);
    let taken = put(&app, "/rooms", "", &[("private", "yes"), ("room", "lobby")]).await;
    assert_eq!(taken.status(), 409, "where everybody starts is nobody's");
    let host = open(&app, "den").await;
    let made_public = put(&app, "/rooms/den/rules", &host, &[("private", "no")]).await;
    assert_eq!(made_public.status(), 403, "what was said among few stays there");
    for (address, hours, status) in [
        ("0.0.0.0/0", "1", 422),
        ("192.0.0.0/16", "1", 422),
        ("2001:db8::/32", "1", 422),
        ("192.0.2.0/24", "721", 422),
        ("192.0.2.0/24", "720", 200),
        ("2001:db8::/48", "1", 200),
    ] {
        let form = [("by", "address"), ("address", address), ("hours", hours)];
        let banned = put(&app, "/rooms/den/bans", &host, &form).await;
        assert_eq!(banned.status(), status, "{address} for {hours}");
    }
    let form = [("by", "address"), ("address", "0.0.0.0/0"), ("hours", "9000")];
    let banned = put(&app, "/rooms/den/bans", &operator(&app.data()), &form).await;
    assert_eq!(banned.status(), 200, "the operator may");
}

#[tokio::test]
async fn an_address_that_is_typed_keeps_out_who_comes_from_it() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    for (typed, out, in_) in [
        ("2001:db8::7", "2001:db8::8", "2001:db8:0:1::7"),
        ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"),
        ("::ffff:198.51.100.7", "198.51.100.7", "198.51.100.8"),
    ] {
        ban(&app, "lobby", &token, &[("by", "address"), ("address", typed)]).await;
        for (ip, status) in [(out, 403), (in_, 201)] {
            let form = [("username", "eve"), ("text", "hi")];
            let sent = from(&app, (ip, ""), ("POST", "/rooms/lobby/messages"), &form).await;
            assert_eq!(sent.status(), status, "{typed}: {ip}");
        }
    }
}

#[tokio::test]
async fn a_ban_by_name_is_of_a_proven_one() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let plain = send(&app, "lobby", "ann", "hi").await;
    let form = [("by", "name"), ("message", plain.id.as_str())];
    assert_eq!(put(&app, "/rooms/lobby/bans", &token, &form).await.status(), 409);
    let post = async |secret: &str| {
        let form = [("username", "ann"), ("text", "hi"), ("secret", secret)];
        client().post(app.url("/rooms/lobby/messages")).form(&form).send().await.unwrap()
    };
    let proven: Message = post("correct horse").await.json().await.unwrap();
    ban(&app, "lobby", &token, &[("by", "name"), ("message", &proven.id)]).await;
    assert_eq!(post("correct horse").await.status(), 403);
    assert_eq!(post("another one").await.status(), 201, "who has the name alone is not meant");
}

#[tokio::test]
async fn what_is_erased_of_somebody_is_erased_from_bans_too() {
    let app = TestApp::with(&BEHIND_PROXY);
    let token = operator(&app.data());
    let form = [("username", "personq"), ("text", "hi"), ("secret", "long and own")];
    let eve = ("192.0.2.7", "");
    let sent = from(&app, eve, ("POST", "/rooms/lobby/messages"), &form).await;
    let sent: Message = sent.json().await.unwrap();
    let by = [("by", "address"), ("message", &*sent.id), ("reason", "personq again")];
    ban(&app, "lobby", &token, &by).await;
    let seen = async |path: &str| {
        ask(&app, "GET", path, &token).send().await.unwrap().text().await.unwrap()
    };
    assert!(seen("/operator/bans").await.contains("personq again"));
    done(&app, "/operator/erase", &token, &[("username", "personq")]).await;
    for path in ["/operator/bans", "/rooms/lobby/messages?format=json", "/operator/log"] {
        let said = seen(path).await;
        assert!(!said.contains("personq"), "{path}: {said}");
    }
    let sent = from(&app, eve, ("POST", "/rooms/lobby/messages"), &form).await;
    assert_eq!(sent.status(), 403, "the ban stays");
}

#[tokio::test]
async fn data_whose_newest_place_is_a_rules_is_copied_and_opened() {
    let mut app = App::start();
    send(&app, "lobby", "ann", "hi").await;
    rule(&app, "lobby", &operator(&app.data()), &[("slow", "1")]).await;
    backup(&app, "copy.db");
    app.kill();
    app.start_again();
    let host = open(&app, "den").await;
    assert!(app.stop().success());
    std::fs::remove_file(app.home().path().join("hubbub.db.lock")).unwrap();
    app.start_again();
    give(&app, "den", &host, "read").await;
}
