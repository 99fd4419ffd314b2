//! What every request has in common: one line, one id, one place in the histogram, and errors that
//! whoever asked can read.

use reqwest::{Method, StatusCode, header};

use crate::{
    client::{Tab, client, post, send},
    support::{App, Server, TestApp, until},
};

/// A line of the log as an object.
fn log_line(line: &str) -> serde_json::Value {
    serde_json::from_str(line).expect("an object a line")
}

/// The status, the media type and the body that a GET of `path` with `headers` gets.
async fn get(app: &impl Server, path: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut request = client().get(app.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let media_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    (status, media_type, answer.text().await.unwrap())
}

#[tokio::test]
async fn errors_are_in_the_language_of_the_route_whatever_is_accepted() {
    let app = TestApp::start();
    let (html, json) = ("text/html; charset=utf-8", "application/json");
    let text = "text/plain; charset=utf-8";
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (path, accept, status, expected) in [
        // Pages are for people, also where a script asks.
        ("/nowhere", "*/*", 404, html),
        ("/nowhere", "application/json", 404, json), // An address that was mistyped is nobody's.
        ("/rooms/BAD", browser, 404, html),
        ("/rooms/BAD/tabs/1", "application/json", 404, html),
        // What only scripts ask for is JSON, also in a browser's address bar.
        ("/rooms/BAD/messages", browser, 404, json),
        ("/rooms/lobby/messages?limit=0", browser, 422, json),
        ("/rooms/lobby/messages?before=x", "text/html", 422, json),
        ("/rooms/BAD/presence", browser, 404, json),
        // Streams: JSON, or text for who reads text.
        ("/rooms/BAD/events", browser, 404, json),
        ("/rooms/lobby/events?last=x", "*/*", 422, json),
        ("/rooms/lobby/events?last=x&format=text", "*/*", 422, text),
        ("/rooms/lobby/events?last=x", "text/plain", 422, text),
        ("/rooms/lobby/events?last=x", "text/plain;q=0, application/x-ndjson", 422, json),
        ("/rooms/lobby/tabs/1/events", "text/html", 403, json),
    ] {
        let (got, media_type, body) = get(&app, path, &[("accept", accept)]).await;
        assert_eq!((got, media_type.as_str()), (status, expected), "{path} {accept}");
        match expected {
            _ if expected == json => assert!(body.starts_with("{\"error\":\""), "{body}"),
            _ if expected == text => {
                assert!(body.ends_with(".\n") && !body.contains('{'), "{body}");
            }
            _ => assert!(body.starts_with("<!DOCTYPE html>"), "{body}"),
        }
    }
    // What our own script asks for, it shows as it is.
    let (_, media_type, body) = get(&app, "/rooms/BAD", &[("hx-request", "true")]).await;
    assert_eq!(media_type, text);
    assert!(body.starts_with("No page has this address."), "{body}");
    let other = client().request(Method::DELETE, app.url("/rooms/lobby/messages")).send().await;
    assert_eq!(other.unwrap().text().await.unwrap().get(..10), Some("{\"error\":\""));
}

#[tokio::test]
async fn what_is_refused_with_a_quality_of_zero_is_not_given() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "hi").await;
    for (accept, expected) in [
        ("application/json", "application/json"),
        ("application/json;q=0", "text/html; charset=utf-8"),
        ("text/html;q=0, application/json;q=0.1", "application/json"),
    ] {
        let (status, media_type, _) =
            get(&app, "/rooms/lobby/messages", &[("accept", accept)]).await;
        assert_eq!((status, media_type.as_str()), (200, expected), "{accept}");
    }
    let page = get(&app, "/rooms/lobby", &[]).await.2;
    let style = page.split("href=\"").find(|part| part.starts_with("/static/app")).unwrap();
    let style = style.split('"').next().unwrap();
    for (accept, expected) in [("br;q=0, gzip", "gzip"), ("*;q=0, br", "br"), ("*", "br")] {
        let request = client().get(app.url(style)).header(header::ACCEPT_ENCODING, accept);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], expected, "{accept}");
    }
}

#[tokio::test]
async fn an_error_of_ours_has_an_id_in_its_answer_and_in_one_line_of_the_log() {
    // No file may grow past what the journal needs to be made: the disk is full. That is one line
    // for all whom it concerns, and at debug one for each.
    let app = App::under("ulimit -f 120", &["--log-format", "json", "--log", "hubbub=debug"]);
    let refused = until("the disk is full", async || {
        let long = "x".repeat(4000);
        let answer = post(&app, "lobby", &[("username", "ann"), ("text", &long)]).await;
        (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await;
    let id = refused.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["request"], id.as_str());
    assert!(body["error"].as_str().unwrap().starts_with("The message was not stored."));

    let tab = Tab::join(&app, "lobby", "bob").await;
    let again = tab.post("/send", &[("text", &"y".repeat(4000))]).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::SERVICE_UNAVAILABLE);
    let other = again.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_ne!(id, other);
    for (id, route) in [(id, "/rooms/{room}/messages"), (other, "/rooms/{room}/tabs/{tab}/send")] {
        let lines = until("a line with the id", async || {
            let log = app.log();
            let lines: Vec<_> = log.lines().filter(|line| line.contains(&id)).collect();
            let lines: Vec<serde_json::Value> = lines.into_iter().map(log_line).collect();
            (!lines.is_empty()).then_some(lines)
        })
        .await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!(
            (&line["level"], &line["method"], &line["route"], &line["status"]),
            (&"DEBUG".into(), &"POST".into(), &route.into(), &503.into()),
            "{line}"
        );
        assert!(line["ms"].is_number() && line["why"].is_string(), "{line}");
    }
    let log = app.log();
    assert!(
        !log.contains("xxxx") && !log.contains("yyyy") && !log.contains("bob"),
        "no text, no name"
    );
}

#[tokio::test]
async fn a_503_that_is_no_fault_has_its_line_at_the_default_level_too() {
    let app = App::with(&["--max-rooms", "1", "--log-format", "json"]);
    let _one = crate::client::Events::open(&app, "/rooms/a/events", None).await;
    let other = client().get(app.url("/rooms/b/events")).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::SERVICE_UNAVAILABLE);
    let id = other.headers()["x-request-id"].to_str().unwrap().to_owned();
    let line = until("a line with the id", async || {
        app.log().lines().find(|line| line.contains(&id)).map(log_line)
    })
    .await;
    assert_eq!((&line["level"], &line["status"]), (&"INFO".into(), &503.into()), "{line}");
}

#[tokio::test]
async fn the_operators_address_answers_in_json_where_there_is_nothing() {
    let app = TestApp::with(&["--admin", "127.0.0.1:0"]);
    let nowhere = app.metrics_url().replace("/metrics", "/nowhere");
    let answer = client().get(nowhere).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(answer.text().await.unwrap().starts_with("{\"error\":"));
}

#[tokio::test]
async fn each_request_is_one_line_at_debug_without_what_was_written_or_who_wrote_it() {
    let app = App::with(&["--log", "hubbub=debug", "--log-format", "json"]);
    let tab = Tab::join(&app, "kitchen", "walter").await;
    let sent = tab.post("/send", &[("text", "a secret")]).send().await.unwrap();
    assert_eq!(sent.status(), 303);
    let made_up = Method::from_bytes(b"WALTER").unwrap();
    client().request(made_up, app.url("/nowhere?name=walter")).send().await.unwrap();
    let answered = |log: &str| -> Vec<serde_json::Value> {
        let lines = log.lines().filter(|line| line.contains("\"answered\""));
        lines.map(log_line).collect()
    };
    let lines = until("three lines", async || {
        let lines = answered(&app.log());
        (lines.len() >= 3).then_some(lines)
    })
    .await;
    let got =
        lines.iter().map(|line| format!("{} {} {}", line["method"], line["route"], line["status"]));
    assert_eq!(
        got.collect::<Vec<_>>(),
        [
            "\"POST\" \"/rooms/{room}/join\" 303",
            "\"POST\" \"/rooms/{room}/tabs/{tab}/send\" 303",
            "\"other\" \"unknown\" 404"
        ]
    );
    let ids: std::collections::HashSet<_> = lines.iter().map(|line| line["id"].as_str()).collect();
    assert_eq!(ids.len(), 3, "each has its own");
    let log = app.log();
    let cookie = tab.cookie.split('=').nth(1).unwrap();
    for hidden in ["walter", "a secret", "secret", cookie] {
        assert!(!log.contains(hidden), "{hidden} in {log}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_class_of_status() {
    let app = TestApp::with(&["--admin", "127.0.0.1:0"]);
    send(&app, "lobby", "ann", "hi").await;
    send(&app, "attic", "ann", "hi").await;
    post(&app, "lobby", &[]).await;
    client().get(app.url("/nowhere/at/all")).send().await.unwrap();
    let text = client().get(app.metrics_url()).send().await.unwrap().text().await.unwrap();
    for (route, status, count) in [
        ("/rooms/{room}/messages", "2xx", 2),
        ("/rooms/{room}/messages", "4xx", 1),
        ("unknown", "4xx", 1),
    ] {
        let line = format!(
            "hubbub_request_seconds_count{{route=\"{route}\",status=\"{status}\"}} {count}\n"
        );
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert!(!text.contains("/rooms/lobby"), "templates only: a room is not a label");
}
