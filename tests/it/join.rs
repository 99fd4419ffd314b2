//! Joining, and who a tab speaks as.

use reqwest::header;

use crate::{
    client::{Tab, client, fields},
    support::{App, Server, TestApp},
};

#[tokio::test]
async fn joining_leads_to_a_tab_of_ones_own_that_posts_under_the_name() {
    let app = TestApp::start();
    let door = client().get(app.url("/rooms/lobby")).send().await.unwrap();
    assert_eq!(door.status(), 200);
    let door = door.text().await.unwrap();
    assert!(door.contains("what you send appears at once for everyone here"), "what this is");
    assert!(fields(&door).contains_key("username"));

    let tab = Tab::join(&app, "lobby", "  ann ").await;
    assert!(tab.path.starts_with("/rooms/lobby/tabs/"), "{}", tab.path);
    let page = tab.page().await;
    assert!(page.contains("Posting as <strong>ann</strong>"));
    assert!(page.contains("No messages yet — send one to publish it to everyone here."));
    let fields = fields(&page);
    assert_eq!(fields["text"], "");
    assert!(!fields["key"].is_empty());
}

#[tokio::test]
async fn the_cookie_belongs_to_the_tabs_path_and_to_nobody_else() {
    let app = TestApp::start();
    let answer = client()
        .post(app.url("/rooms/lobby/join"))
        .form(&[("username", "ann")])
        .send()
        .await
        .unwrap();
    let path = answer.headers()[header::LOCATION].to_str().unwrap();
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
    assert!(attributes.contains(&&*format!("Path={path}")), "{cookie}");
    assert!(attributes.contains(&"HttpOnly") && attributes.contains(&"SameSite=Lax"), "{cookie}");
    assert!(!attributes.contains(&"Secure"), "a plain connection could not send it back");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_sent_over_tls_only() {
    let app = TestApp::with(&["--public-url", "https://chat.example"]);
    let answer = client()
        .post(app.url("/rooms/lobby/join"))
        .header("host", "chat.example")
        .header("origin", "https://chat.example")
        .form(&[("username", "ann")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    assert!(answer.headers()[header::SET_COOKIE].to_str().unwrap().contains("; Secure"));
}

#[tokio::test]
async fn two_tabs_of_one_browser_bear_two_names() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    assert_ne!(ann.path, bob.path);
    assert!(ann.page().await.contains("Posting as <strong>ann</strong>"));
    assert!(bob.page().await.contains("Posting as <strong>bob</strong>"));
    assert!(ann.page().await.contains("Posting as <strong>ann</strong>"), "a reload keeps it");
}

#[tokio::test]
async fn another_tabs_cookie_no_cookie_and_a_forged_one_prove_nothing() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    let mut forged = ann.cookie.clone();
    forged.pop();
    let elsewhere = ann.path.replace("/lobby/", "/kitchen/");
    for (path, cookie) in [
        (&bob.path, ann.cookie.as_str()),
        (&ann.path, ""),
        (&ann.path, &forged),
        (&ann.path, "hubbub=lobby.x.ann"),
        (&elsewhere, &ann.cookie),
    ] {
        let request = client().get(app.url(path)).header(header::COOKIE, cookie);
        let page = request.send().await.unwrap();
        assert_eq!(page.status(), 303, "{path} with {cookie:?}");
        let room = path.split("/tabs/").next().unwrap();
        assert_eq!(page.headers()[header::LOCATION], room);

        let request = client()
            .post(app.url(&format!("{path}/send")))
            .header(header::COOKIE, cookie)
            .form(&[("text", "hi")]);
        assert_eq!(request.send().await.unwrap().status(), 403, "{path} with {cookie:?}");
        let request = client().get(app.url(&format!("{path}/events")));
        let events = request.header(header::COOKIE, cookie).send().await.unwrap();
        assert_eq!(events.status(), 403);
    }
}

#[tokio::test]
async fn a_tabs_cookie_is_found_among_others() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    let (ours, other) = (&ann.cookie, &bob.cookie);
    for cookies in [
        format!("a=b; {ours}; c"),
        format!("{other}; {ours}"),
        format!("{ours};{other}"),
        format!("hubbub=forged; {ours}; hubbub="),
    ] {
        let request = client().get(app.url(&ann.path)).header(header::COOKIE, &cookies);
        assert_eq!(request.send().await.unwrap().status(), 200, "{cookies}");
    }
    // Each on a line of its own, as HTTP/2 has them (RFC 9113, section 8.2.3).
    let request = client().get(app.url(&ann.path)).header(header::COOKIE, other);
    assert_eq!(request.header(header::COOKIE, ours).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_name_that_cannot_be_taken_comes_back_with_one_sentence() {
    let app = TestApp::start();
    for (name, sentence) in [
        ("", "Please enter a name."),
        (" \u{3000} ", "Please enter a name."),
        (&"x".repeat(33), "A name is at most 32 characters."),
        ("a\u{202e}b", "A name cannot contain control or invisible characters."),
        ("\"><script>a\u{7}", "A name cannot contain control or invisible characters."),
    ] {
        let answer = client()
            .post(app.url("/rooms/lobby/join"))
            .form(&[("username", name)])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 422, "{name:?}");
        assert!(answer.headers().get(header::SET_COOKIE).is_none());
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence), "{name:?}: {page}");
        assert_eq!(fields(&page)["username"], name, "what was entered is still there");
    }
    let nothing = client().post(app.url("/rooms/lobby/join")).form(&[("other", "x")]);
    assert_eq!(nothing.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn leaving_takes_the_cookie_away() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let answer = tab.post("/leave", &[]).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[header::LOCATION], "/rooms/lobby");
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("hubbub=;") && cookie.contains("Max-Age=0"), "{cookie}");
    assert!(cookie.contains(&format!("Path={}", tab.path)), "{cookie}");
}

#[tokio::test]
async fn a_name_survives_a_restart() {
    let mut app = App::start();
    let tab = Tab::join(&app, "lobby", "Zoë <3").await;
    assert!(app.stop().success());
    app.start_again();
    assert!(tab.page().await.contains("Posting as <strong>Zoë &lt;3</strong>"));
}
