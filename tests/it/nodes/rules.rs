//! Rules over nodes: what is ruled on one holds on all, also on one that comes later.

use reqwest::Method;
use serde_json::Value;

use super::{becomes, node};
use crate::{
    client::{Events, client, end_of},
    removal::files_with,
    support::{
        Server, TestApp,
        browser::Browser,
        host::{ask, ban, done, give, open, operator, put, revoke, rule},
        nats::Nats,
        until,
    },
};

/// How long it may take until all nodes have what was ruled on one.
const MOMENT: std::time::Duration = std::time::Duration::from_secs(2);

/// Waits until a request is answered so, for a moment.
async fn is_soon(what: &str, status: u16, request: impl Fn() -> reqwest::RequestBuilder) {
    let begun = std::time::Instant::now();
    loop {
        let answered = request().send().await.unwrap().status();
        if answered == status {
            return;
        }
        assert!(begun.elapsed() < MOMENT, "{what}: {answered}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn node_behind_proxy(nats: &Nats) -> TestApp {
    TestApp::with(&["--nats", &nats.urls(), "--trusted-proxies", "127.0.0.1"])
}

fn post(app: &impl Server, room: &str, token: &str, ip: &str) -> reqwest::RequestBuilder {
    let request = ask(app, "POST", &format!("/rooms/{room}/messages"), token);
    let request = if ip.is_empty() { request } else { request.header("x-forwarded-for", ip) };
    request.form(&[("username", "bot"), ("text", "hi")])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ruled_on_one_node_holds_on_the_other_within_a_moment() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node_behind_proxy(&nats), node_behind_proxy(&nats));
    let token = operator(&one.data());
    assert_eq!(operator(&other.data()), token);

    // A private room, and links into it.
    let host = open(&one, "den").await;
    is_soon("it is hidden", 404, || ask(&other, "GET", "/rooms/den", "")).await;
    is_soon("the host comes in", 200, || ask(&other, "GET", "/rooms/den", &host)).await;
    let again = put(&other, "/rooms", "", &[("private", "yes"), ("room", "den")]).await;
    assert_eq!(again.status(), 409);
    let (guest, link) = give(&other, "den", &host, "write").await;
    is_soon("a guest comes in", 200, || ask(&one, "GET", "/rooms/den", &guest)).await;
    let stream = ask(&one, "GET", "/rooms/den/events", &guest).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    revoke(&other, "den", &host, &link).await;
    let begun = std::time::Instant::now();
    end_of(stream).await;
    assert!(begun.elapsed() < MOMENT, "{:?}", begun.elapsed());
    is_soon("the guest is out", 404, || ask(&one, "GET", "/rooms/den", &guest)).await;

    // A lock.
    rule(&one, "lobby", &token, &[("locked", "yes")]).await;
    is_soon("it is locked", 403, || post(&other, "lobby", "", "192.0.2.7")).await;
    assert_eq!(post(&other, "lobby", &token, "192.0.2.7").send().await.unwrap().status(), 201);
    rule(&other, "lobby", &token, &[("locked", "no")]).await;
    is_soon("it is open", 201, || post(&one, "lobby", "", "192.0.2.7")).await;

    // A ban, of who is on the other node.
    let mut eve = Browser::of(&other).from("192.0.2.7");
    let tab = eve.join("lobby", "eve").await;
    let mut stream = Events::from(eve.request(Method::GET, &format!("{tab}/events"))).await;
    assert_eq!(eve.post(&format!("{tab}/send"), &[("text", "noise")]).await.status(), 303);
    let messages = client().get(other.url("/rooms/lobby/messages?format=json&limit=1"));
    let messages: Value = messages.send().await.unwrap().json().await.unwrap();
    let id = messages[0]["id"].as_str().unwrap().to_owned();
    until("this node has it as well", async || {
        let url = one.url(&format!("/rooms/lobby/messages/{id}"));
        (client().get(url).send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let banned = ban(&one, "lobby", &token, &[("by", "tab"), ("message", &id)]).await;
    let begun = std::time::Instant::now();
    stream.end().await;
    assert!(begun.elapsed() < MOMENT, "{:?}", begun.elapsed());
    for app in [&one, &other] {
        assert_eq!(eve.at(app).try_join("lobby", "eva").await.status(), 403);
    }
    done(&other, &format!("/rooms/lobby/bans/{banned}/lift"), &token, &[]).await;
    until("it is lifted", async || {
        (eve.at(&one).try_join("lobby", "eva").await.status() == 303).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_empty_later_has_the_rules() {
    let Some(nats) = Nats::single() else { return };
    let one = node_behind_proxy(&nats);
    let token = operator(&one.data());
    let host = open(&one, "den").await;
    let (_, link) = give(&one, "den", &host, "write").await;
    revoke(&one, "den", &host, &link).await;
    rule(&one, "lobby", &token, &[("locked", "yes")]).await;
    ban(&one, "attic", &token, &[("by", "address"), ("address", "192.0.2.7")]).await;
    let later = node_behind_proxy(&nats);
    becomes(&later, "/readyz/sends", reqwest::StatusCode::OK).await;
    is_soon("it is hidden", 404, || ask(&later, "GET", "/rooms/den", "")).await;
    is_soon("the host comes in", 200, || ask(&later, "GET", "/rooms/den", &host)).await;
    is_soon("it is locked", 403, || post(&later, "lobby", "", "192.0.2.8")).await;
    is_soon("it is banned", 403, || post(&later, "attic", "", "192.0.2.7")).await;
    assert_eq!(post(&later, "attic", "", "192.0.2.8").send().await.unwrap().status(), 201);
    let seen = ask(&later, "GET", "/rooms/den/moderate", &host).send().await.unwrap();
    assert_eq!(seen.json::<Value>().await.unwrap()["links"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_empty_later_has_the_rooms_that_are_open_and_opens_no_other() {
    let Some(nats) = Nats::single() else { return };
    let one = node(&nats);
    assert_eq!(post(&one, "attic", "", "").send().await.unwrap().status(), 201);
    let later = TestApp::with(&["--nats", &nats.urls(), "--rooms", "operator"]);
    until("it has it as well", async || {
        let answer = ask(&later, "GET", "/rooms/attic/messages", "").send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    assert_eq!(post(&later, "attic", "", "").send().await.unwrap().status(), 201);
    assert_eq!(post(&later, "hall", "", "").send().await.unwrap().status(), 404);
    let listed = ask(&later, "GET", "/rooms?format=json", "").send().await.unwrap();
    assert!(listed.text().await.unwrap().contains("\"attic\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_stream_is_made_anew_the_rules_are_put_there_again() {
    let Some(nats) = Nats::single() else { return };
    let one = node_behind_proxy(&nats);
    let token = operator(&one.data());
    let host = open(&one, "den").await;
    ban(&one, "lobby", &token, &[("by", "address"), ("address", "192.0.2.7")]).await;
    assert_eq!(post(&one, "lobby", "", "192.0.2.8").send().await.unwrap().status(), 201);
    let mut events = Events::open(&one, "/rooms/lobby/events", None).await;
    let client = async_nats::connect(nats.url(0)).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("hubbub").await.unwrap();
    events.end().await;
    becomes(&one, "/readyz/sends", reqwest::StatusCode::OK).await;
    let holds = async |app: &TestApp| {
        is_soon("it is hidden", 404, || ask(app, "GET", "/rooms/den", "")).await;
        is_soon("the host comes in", 200, || ask(app, "GET", "/rooms/den", &host)).await;
        is_soon("it is banned", 403, || post(app, "lobby", "", "192.0.2.7")).await;
    };
    holds(&one).await;
    let later = node_behind_proxy(&nats);
    until("they are on the stream again", async || {
        let hidden = ask(&later, "GET", "/rooms/den", "").send().await.ok()?;
        (hidden.status() == 404).then_some(())
    })
    .await;
    until("and the ban", async || {
        let refused = post(&later, "lobby", "", "192.0.2.7").send().await.ok()?;
        (refused.status() == 403).then_some(())
    })
    .await;
    holds(&later).await;
    // And they can be changed as before.
    rule(&later, "den", &host, &[("slow", "9")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_ban_that_was_lifted_the_address_is_gone_from_the_stream() {
    const ADDRESS: &str = "198.51.100.77";
    let Some(nats) = Nats::single() else { return };
    let one = node(&nats);
    let token = operator(&one.data());
    let form = [("by", "address"), ("address", ADDRESS)];
    let banned = ban(&one, "lobby", &token, &form).await;
    assert!(!files_with(&nats.store(0), ADDRESS).is_empty(), "a ban that holds is there");
    done(&one, &format!("/rooms/lobby/bans/{banned}/lift"), &token, &[]).await;
    until("it is gone from the stream", async || {
        files_with(&nats.store(0), ADDRESS).is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_erases_is_gone_with_its_name_from_the_other_and_from_the_stream() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let token = operator(&one.data());
    let key = "a-key-of-16-chars";
    let mut id = String::new();
    for (text, key) in [("quicksilver", key), ("saltpetre", "another-key-of-one")] {
        let form = [("username", "Evelina"), ("text", text), ("key", key)];
        let sent = ask(&one, "POST", "/rooms/lobby/messages", "").form(&form).send().await.unwrap();
        let sent: Value = sent.json().await.unwrap();
        id = sent["id"].as_str().unwrap().to_owned();
    }
    // One of them is removed before: its name is there still.
    let path = format!("/rooms/lobby/messages/{id}");
    let removed = ask(&one, "DELETE", &path, &token).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    until("the other node has it", async || {
        let seen = ask(&other, "GET", &path, "").send().await.ok()?;
        seen.text().await.ok()?.contains("removed").then_some(())
    })
    .await;
    let erased = done(&other, "/operator/erase", &token, &[("username", "Evelina")]).await;
    assert_eq!(erased["erased"], 2);
    let homes = [&one, &other].map(|app| app.data().parent().unwrap().to_owned());
    for home in homes.into_iter().chain([nats.store(0)]) {
        for word in ["Evelina", "quicksilver", "saltpetre"] {
            until(word, async || files_with(&home, word).is_empty().then_some(())).await;
        }
    }
}
