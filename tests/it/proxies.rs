//! What stands between a browser and the server: proxies with long heads, other names and pools, and
//! pages of foreign sites that borrow our address.

use reqwest::{StatusCode, header};

use crate::{
    client::{client, fields},
    support::{App, Server, TestApp},
    wire::Wire,
};

/// What is said to a head of so many bytes.
async fn head_of(app: &impl Server, size: usize) -> String {
    let start = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: a=";
    let padding = "x".repeat(size - start.len() - 4);
    let mut wire = Wire::to(app).await;
    // More than that may be refused before all of it is said.
    let _ = wire.say(&format!("{start}{padding}\r\n\r\n")).await;
    wire.rest().await
}

#[tokio::test]
async fn a_head_of_almost_32_kb_is_taken_and_a_larger_one_is_refused_in_words() {
    let app = TestApp::start();
    for size in [8192, 9000, 20_000, 32_000] {
        let said = head_of(&app, size).await;
        assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("alive\n"), "{size}: {said}");
    }
    for size in [33_000, 60_000, 200_000, 2_000_000] {
        let said = head_of(&app, size).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{size}: {said}");
        assert!(said.contains("The request's head is larger than 32 KB"), "{size}: {said}");
        assert!(said.contains("Cookies of other applications"), "{size}: {said}");
    }
    let mut wire = Wire::to(&app).await;
    wire.say("what is this?\r\n\r\n").await.unwrap();
    let said = wire.rest().await;
    assert!(said.starts_with("HTTP/1.1 400 ") && said.ends_with("HTTP/1.\n"), "{said}");
}

#[tokio::test]
async fn behind_a_proxy_that_changes_host_forms_are_taken_where_the_public_url_is_named() {
    let join = async |app: &TestApp, origin: &str, host: &str| {
        let request = client().post(app.url("/rooms/lobby/join")).header(header::HOST, host);
        let request = request.header(header::ORIGIN, origin).form(&[("username", "ann")]);
        request.send().await.unwrap()
    };
    let app = TestApp::start();
    let refused = join(&app, "http://chat.example", app.address()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let said = refused.text().await.unwrap();
    assert!(said.contains("--public-url"), "the visitor can tell the operator: {said}");

    let public = ["--public-url", "http://chat.example,https://other.example:8443"];
    let app = TestApp::with(&public);
    for origin in ["http://chat.example", "https://other.example:8443"] {
        for host in [app.address(), "chat.example", "other.example:8443", "10.0.0.7:3000"] {
            let joined = join(&app, origin, host).await;
            // The name is taken the second time; what matters is that the form is taken.
            assert_ne!(joined.status(), StatusCode::FORBIDDEN, "{origin} as {host}");
            assert_ne!(joined.status(), StatusCode::MISDIRECTED_REQUEST, "{origin} as {host}");
        }
    }
    for origin in ["https://chat.example", "http://evil.example", "http://other.example:8443"] {
        let refused = join(&app, origin, app.address()).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let api = client().get(app.url("/api")).header(header::HOST, "127.0.0.1:3000");
    let page = api.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("http://chat.example/rooms/"), "its lines are for that name: {page}");
}

#[tokio::test]
async fn a_foreign_name_for_this_machine_is_refused_in_words_that_name_the_knob() {
    let get = async |app: &TestApp, path: &str, host: &str| {
        let request = client().get(app.url(path)).header(header::HOST, host);
        request.send().await.unwrap()
    };
    for flags in [&[][..], &["--public-url", "https://chat.example"]] {
        let app = TestApp::with(flags);
        for path in ["/rooms", "/rooms/lobby", "/rooms/lobby/messages", "/rooms/lobby/events", "/x"]
        {
            for host in ["evil.example", "evil.example:3000", "localhost.evil.example"] {
                let refused = get(&app, path, host).await;
                assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{path} as {host}");
                let said = refused.text().await.unwrap();
                assert!(said.contains("--public-url") && !said.contains("evil"), "{said}");
            }
        }
        for host in ["localhost", "127.0.0.1:1", "[::1]:3000"] {
            assert_eq!(get(&app, "/rooms", host).await.status(), 200, "{host}");
        }
        let post = client().post(app.url("/rooms/lobby/messages"));
        let post =
            post.header(header::HOST, "evil.example").form(&[("username", "eve"), ("text", "x")]);
        assert_eq!(post.send().await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    }
    let app = TestApp::listening("0.0.0.0:0");
    assert_eq!(
        get(&app, "/rooms", "chat.example").await.status(),
        200,
        "who knows what it is called"
    );
    // Wider ones beside it make a loopback address no wider.
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("hubbub.sock");
    let app = TestApp::listening(&format!("127.0.0.1:0,0.0.0.0:0,unix:{}", socket.display()));
    let refused = get(&app, "/rooms", "evil.example").await;
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    let by_file = reqwest::Client::builder().unix_socket(socket).build().unwrap();
    let brought = by_file.get("http://chat.example/rooms").send().await.unwrap();
    assert_eq!(brought.status(), 200, "a proxy says what it was asked for");
}

#[tokio::test]
async fn a_proxy_on_this_machine_that_nobody_named_is_named_in_the_log_once() {
    let app = App::start();
    for _ in 0..3 {
        let page = client().get(app.url("/rooms/lobby")).header("x-forwarded-for", "203.0.113.7");
        let page = page.send().await.unwrap().text().await.unwrap();
        assert!(fields(&page).contains_key("username"));
    }
    crate::support::until("it is said", async || {
        app.log().contains("--trusted-proxies 127.0.0.1").then_some(())
    })
    .await;
    assert_eq!(app.log().matches("--trusted-proxies").count(), 1, "{}", app.log());
    let trusted = App::with(&["--trusted-proxies", "127.0.0.1"]);
    let asked = client().get(trusted.url("/rooms/lobby")).header("x-forwarded-for", "203.0.113.7");
    assert_eq!(asked.send().await.unwrap().status(), 200);
    assert!(!trusted.log().contains("--trusted-proxies"), "{}", trusted.log());
}
