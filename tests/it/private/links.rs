//! Links that are followed, taken back, and that end.

use std::time::{Duration, Instant};

use super::*;
use crate::{
    client::end_of,
    clock::{with_clock, wrong_by},
    support::{host::revoke, process::app::Launch, until},
};

#[tokio::test]
async fn to_look_at_a_link_takes_nothing_and_its_form_leads_to_a_clean_address() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let path = format!("/rooms/den?key={host}");
    for method in [Method::GET, Method::HEAD] {
        let looked = client().request(method.clone(), app.url(&path)).send().await.unwrap();
        assert_eq!(looked.status(), 200);
        assert!(!looked.headers().contains_key(header::SET_COOKIE), "{method}");
        assert_eq!(looked.headers()[header::CACHE_CONTROL], "private, no-store");
        assert_eq!(looked.headers()[header::REFERRER_POLICY], "same-origin");
        let page = looked.text().await.unwrap();
        assert!(method == "HEAD" || page.contains("Somebody gave you a link"), "{page}");
    }
    // It says the same of a link that is worth nothing, and of a room that nobody has.
    let worthless = client().get(app.url("/rooms/nobodys?key=x")).send().await.unwrap();
    assert_eq!(worthless.status(), 200);

    let enter = || client().post(app.url("/rooms/den/enter")).form(&[("key", &host)]);
    let foreign = enter().header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert!(!foreign.headers().contains_key(header::SET_COOKIE));
    let entered = enter().send().await.unwrap();
    assert_eq!(entered.status(), 303);
    assert_eq!(entered.headers()[header::LOCATION], "/rooms/den");
    let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/rooms/den"] {
        assert!(cookie.split("; ").any(|one| one == attribute), "{attribute}: {cookie}");
    }
    for (room, token) in [("den", "x"), ("attic", &*host), ("den", "")] {
        let refused = client().post(app.url(&format!("/rooms/{room}/enter")));
        let refused = refused.form(&[("key", token)]).send().await.unwrap();
        assert_eq!(refused.status(), 404, "{room} {token}");
        assert!(!refused.headers().contains_key(header::SET_COOKIE));
    }
}

#[tokio::test]
async fn a_link_that_is_taken_back_ends_all_that_was_opened_by_it_within_two_seconds() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let (token, link) = give(&app, "den", &host, "write").await;
    let mut browser = Browser::of(&app);
    browser.enter("den", &token).await;
    let tab = browser.join("den", "ann").await;
    let mut streams = Vec::new();
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        for path in [format!("{tab}/events"), "/rooms/den/events".into()] {
            let path = format!("{path}?format={format}");
            streams.push(browser.request(Method::GET, &path).send().await.unwrap());
            if !path.contains("tabs") {
                streams.push(ask(&app, "GET", &path, &token).send().await.unwrap());
            }
        }
    }
    let mut others = Events::from(ask(&app, "GET", "/rooms/den/events", &host)).await;
    until("it is listed", async || {
        let people = ask(&app, "GET", "/rooms/den/presence", &host).send().await.unwrap();
        people.text().await.unwrap().contains("ann").then_some(())
    })
    .await;
    revoke(&app, "den", &host, &link).await;
    let begun = Instant::now();
    for stream in streams {
        assert_eq!(stream.status(), 200);
        end_of(stream).await;
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    for path in ["/rooms/den", &tab, &format!("{tab}/events"), "/rooms/den/messages"] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    let sent = browser.post(&format!("{tab}/send"), &[("text", "hi")]).await;
    assert_eq!(sent.status(), 404);
    assert_eq!(status(ask(&app, "GET", "/rooms/den/messages", &token)).await, 404);
    let entered = browser.post("/rooms/den/enter", &[("key", &token)]).await;
    assert_eq!(entered.status(), 404);
    let people = ask(&app, "GET", "/rooms/den/presence?format=json", &host).send().await.unwrap();
    assert_eq!(people.json::<Value>().await.unwrap()["names"], serde_json::json!([]));
    let again = put(&app, &format!("/rooms/den/links/{link}/revoke"), &host, &[]).await;
    assert_eq!(again.status(), 404, "it is taken back once");
    // Who came by another link stays.
    let sent = ask(&app, "POST", "/rooms/den/messages", &host);
    let sent = sent.form(&[("username", "bob"), ("text", "on")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    assert_eq!(others.message().await.1, "on");
}

#[tokio::test]
async fn a_link_with_an_end_ends_by_itself_and_its_streams_with_it() {
    let launch = Launch::new(&[]);
    let mut app = launch.clone().start();
    let host = open(&app, "den").await;
    let form = [("role", "write"), ("hours", "1")];
    let given = done(&app, "/rooms/den/links", &host, &form).await;
    let until = given["until"].as_str().unwrap();
    let ends: jiff::Timestamp = until.parse().expect("RFC 3339");
    let left = ends.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3590..=3600).contains(&left), "{until}");
    let token = given["token"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&app);
    browser.enter("den", &token).await;
    assert!(app.stop().success());

    // Some seconds before its end.
    let Some(mut app) = wrong_by(&launch, &with_clock(ends, -6)) else { return };
    let mut browser = browser.at(&app);
    assert_eq!(browser.get("/rooms/den").await.status(), 200);
    let stream = ask(&app, "GET", "/rooms/den/events", &token).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut lasting = Events::from(ask(&app, "GET", "/rooms/den/events", &host)).await;
    end_of(stream).await;
    assert_eq!(status(ask(&app, "GET", "/rooms/den/messages", &token)).await, 404);
    assert_eq!(browser.get("/rooms/den").await.status(), 404);
    let sent = ask(&app, "POST", "/rooms/den/messages", &host);
    let sent = sent.form(&[("username", "bob"), ("text", "on")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    assert_eq!(lasting.message().await.1, "on");
    assert!(app.stop().success());
}
