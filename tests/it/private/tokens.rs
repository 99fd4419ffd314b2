//! Tokens that are none, and where they may not stand.

use super::*;
use crate::support::until;

/// What somebody may make of a token who does not have the secret.
fn forged(token: &str, other: &str) -> Vec<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let with = |place: usize, part: &str| {
        let mut parts = parts.clone();
        parts[place] = part;
        parts.join(".")
    };
    vec![
        with(0, "attic"),
        with(1, "host"),
        with(2, "4102444800"),
        with(3, "0000000000000000"),
        with(4, &"0".repeat(32)),
        token[..token.len() - 1].to_owned(),
        format!("{token}{token}"),
        format!("{token}.{token}"),
        other.to_owned(),
    ]
}

#[tokio::test]
async fn tokens_that_are_changed_cut_doubled_or_anothers_are_refused_and_counted() {
    let (app, other) = (TestApp::with(&["--trusted-proxies", "127.0.0.1"]), TestApp::start());
    let host = open(&app, "den").await;
    let (token, _) = give(&app, "den", &host, "write").await;
    let others = open(&other, "den").await;
    let from = |ip: &str, token: &str| {
        ask(&app, "GET", "/rooms/den/messages", token).header("x-forwarded-for", ip)
    };
    let forged = forged(&token, &others);
    assert_eq!(forged.len(), 9);
    for forged in &forged {
        let refused = from("192.0.2.1", forged).send().await.unwrap();
        assert_eq!(refused.status(), 401, "{forged}");
        assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let said: Value = refused.json().await.unwrap();
        assert!(said["error"].as_str().unwrap().starts_with("That is not the token"), "{said}");
    }
    // The tenth by the form of a link, or the operator's: whatever it was to be, it is counted.
    let entered = client().post(app.url("/rooms/den/enter")).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(status(entered.form(&[("key", "x")])).await, 404);
    for request in [
        from("192.0.2.1", &token),
        from("192.0.2.1", &operator(&app.data())),
        client()
            .post(app.url("/rooms/den/enter"))
            .header("x-forwarded-for", "192.0.2.1")
            .form(&[("key", &token)]),
        client()
            .post(app.url("/operator"))
            .header("x-forwarded-for", "192.0.2.1")
            .form(&[("token", &operator(&app.data()))]),
    ] {
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 429);
        let wait: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(status(from("192.0.2.2", &token)).await, 200, "nobody else has to wait");
    // Of two nobody can say which is meant.
    let two = from("192.0.2.2", &token).header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(status(two).await, 401);
    let log = app.log();
    for secret in forged.iter().chain([&token, &host]) {
        let mac = secret.rsplit('.').next().unwrap();
        assert!(!log.contains(mac), "{mac}: {log}");
    }
}

#[tokio::test]
async fn a_hosts_token_is_nothing_in_another_room() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    open(&app, "attic").await;
    assert_eq!(status(ask(&app, "GET", "/rooms/attic/messages", &host)).await, 404);
    assert_eq!(status(ask(&app, "GET", "/rooms/attic/moderate", &host)).await, 404);
    assert_eq!(status(ask(&app, "GET", "/rooms/lobby/messages", &host)).await, 200);
    assert_eq!(status(ask(&app, "GET", "/rooms/lobby/moderate", &host)).await, 403);
    let rules = put(&app, "/rooms/lobby/rules", &host, &[("locked", "yes")]).await;
    assert_eq!(rules.status(), 403);
    let said: Value = rules.json().await.unwrap();
    assert_eq!(said["error"], "Only who moderates this room may do that.");
}

#[tokio::test]
async fn a_token_in_an_address_is_refused_and_is_in_no_line_of_the_log() {
    let app = TestApp::with(&["--log", "trace"]);
    let host = open(&app, "den").await;
    let mac = host.rsplit('.').next().unwrap();
    for below in ["events", "messages", "presence", "moderate"] {
        for name in ["key", "token", "access_token"] {
            let path = format!("/rooms/den/{below}?{name}={host}");
            let refused = client().get(app.url(&path)).send().await.unwrap();
            assert_eq!(refused.status(), 422, "{path}");
            let said = refused.text().await.unwrap();
            assert!(said.contains(name) && !said.contains(mac), "{said}");
        }
    }
    let page = client().get(app.url(&format!("/rooms/den?key={host}"))).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let mut browser = Browser::of(&app);
    browser.enter("den", &host).await;
    ban(&app, "den", &host, &[("by", "address"), ("address", "192.0.2.77")]).await;
    let log = app.log();
    assert!(log.contains("/rooms/{room}/events"), "the lines are there: {log}");
    assert!(!log.contains(mac) && !log.contains("192.0.2.77"), "{log}");
}

#[tokio::test]
async fn with_another_secret_all_links_tabs_and_the_operators_token_end() {
    let mut app = App::start();
    let (host, token) = (open(&app, "den").await, operator(&app.data()));
    let mut browser = Browser::of(&app);
    browser.enter("den", &host).await;
    let tab = browser.join("den", "ann").await;
    let open_tab = browser.join("lobby", "ann").await;
    assert_eq!(browser.post("/operator", &[("token", &token)]).await.status(), 303);
    assert_eq!(browser.get("/operator/bans").await.status(), 200);
    assert!(app.stop().success());
    let mut secret = app.data().into_os_string();
    secret.push(".secret");
    std::fs::remove_file(secret).unwrap();
    app.start_again();
    for path in ["/rooms/den", &tab] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(browser.get(&open_tab).await.status(), 303, "to join anew");
    assert_eq!(browser.get("/operator/bans").await.status(), 303, "to the form");
    for old in [&host, &token] {
        assert_eq!(status(ask(&app, "GET", "/rooms", old)).await, 401);
    }
    let fresh = until("another token", async || {
        Some(operator(&app.data())).filter(|fresh| *fresh != token)
    })
    .await;
    let given = done(&app, "/rooms/den/links", &fresh, &[("role", "host")]).await;
    let again = given["token"].as_str().unwrap();
    assert_eq!(status(ask(&app, "GET", "/rooms/den/messages", again)).await, 200);
}
