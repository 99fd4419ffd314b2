//! Joining, and who a tab speaks as.

use reqwest::header;

use crate::{
    client::{Tab, client, fields, unescape},
    support::{App, Server, TestApp, until},
    wire::Wire,
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
async fn an_old_cookie_proves_nothing_after_leaving_or_once_somebody_else_bears_the_name() {
    let app = TestApp::start();
    let statuses = async |tab: &Tab| {
        let page = tab.get("").send().await.unwrap().status().as_u16();
        let sent = tab.post("/send", &[("text", "me?"), ("key", "")]).send().await.unwrap();
        let hidden = tab.post("/presence", &[("hidden", "true")]).send().await.unwrap();
        let events = tab.get("/events").send().await.unwrap().status().as_u16();
        (page, sent.status().as_u16(), hidden.status().as_u16(), events)
    };
    let proves = (200, 303, 204, 200);
    let proves_nothing = (303, 403, 403, 403);

    let left = Tab::join(&app, "lobby", "ann").await;
    assert_eq!(left.post("/leave", &[]).send().await.unwrap().status(), 303);
    assert_eq!(statuses(&left).await, proves_nothing, "it left");

    // One that is away long enough to have lost its name.
    let away = Tab::join(&app, "lobby", "bob").await;
    until("its name is free", async || {
        let form = [("username", "bob")];
        let joined = client().post(app.url("/rooms/lobby/join")).form(&form).send().await.unwrap();
        (joined.status() == 303).then_some(())
    })
    .await;
    assert_eq!(statuses(&away).await, proves_nothing, "another joined as bob");
    let list = client().get(app.url("/rooms/lobby/presence?format=json")).send().await.unwrap();
    assert_eq!(
        list.text().await.unwrap(),
        "{\"count\":0,\"names\":[]}\n",
        "nobody opened a stream"
    );
    until("that name is free again", async || {
        (away.get("").send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    assert_eq!(statuses(&away).await, proves, "nobody else bears it");
}

#[tokio::test]
async fn a_tab_that_left_has_left_over_a_restart_too() {
    let mut app = App::start();
    let (left, stays) =
        (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    assert_eq!(left.post("/leave", &[]).send().await.unwrap().status(), 303);
    for killed in [false, true] {
        if killed {
            app.kill();
        } else {
            assert!(app.stop().success());
        }
        app.start_again();
        let sent = left.post("/send", &[("text", "me?"), ("key", "")]).send().await.unwrap();
        assert_eq!(sent.status(), 403);
        assert_eq!(stays.get("").send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_body_that_comes_late_is_not_sent_under_a_name_that_was_lost_meanwhile() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "ann").await;
    let mut wire = Wire::to(&app).await;
    let body = "text=late&key=";
    let head = format!(
        "POST {}/send HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n",
        ann.path,
        ann.cookie,
        body.len()
    );
    wire.say(&(head + &body[..5])).await.unwrap();
    // Its head is read before the answer to what is asked later.
    assert_eq!(client().get(app.url("/healthz")).send().await.unwrap().status(), 200);
    assert_eq!(ann.post("/leave", &[]).send().await.unwrap().status(), 303);
    wire.say(&body[5..]).await.unwrap();
    let said = wire.rest().await;
    assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
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

/// The cookie that a browser is known by, from the join form.
async fn browser(app: &TestApp) -> String {
    let door = client().get(app.url("/rooms/lobby")).send().await.unwrap();
    let cookie = door.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; Path=/rooms") && cookie.contains("HttpOnly"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// Joins with a browser's cookie: the status, and the cookies that came back.
async fn join(app: &TestApp, room: &str, cookie: &str, name: &str) -> (u16, Vec<String>) {
    let request = client().post(app.url(&format!("/rooms/{room}/join")));
    let request = request.header(header::COOKIE, cookie).form(&[("username", name)]);
    let answer = request.send().await.unwrap();
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let cookies = cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
    (answer.status().as_u16(), cookies)
}

#[tokio::test]
async fn a_browser_is_not_kept_out_by_its_own_earlier_tab_and_others_are() {
    let app = TestApp::start();
    let (ours, others) = (browser(&app).await, browser(&app).await);
    assert_ne!(ours, others);
    assert_eq!(join(&app, "lobby", &ours, "ann").await.0, 303);
    assert_eq!(join(&app, "lobby", &ours, "Ann").await.0, 303, "a double click, or back and again");
    for cookie in [&*others, "", &ours.replace("hubbub-tabs", "hubbub")] {
        assert_eq!(join(&app, "lobby", cookie, "ann").await.0, 422, "{cookie}");
    }
    // Where its tab is open, it would speak as two.
    let tab = Tab::join(&app, "attic", "bob").await;
    let _stream = tab.get("/events").send().await.unwrap();
    assert_eq!(join(&app, "attic", &ours, "bob").await.0, 422);
}

#[tokio::test]
async fn an_open_tab_of_the_same_browser_keeps_its_name() {
    let app = TestApp::start();
    let ours = browser(&app).await;
    let (_, cookies) = join(&app, "lobby", &ours, "ann").await;
    let path = cookies[0].split("Path=").nth(1).unwrap().split(';').next().unwrap();
    let request = client().get(app.url(&format!("{path}/events")));
    let request = request.header(header::COOKIE, cookies[0].split(';').next().unwrap());
    let stream = request.send().await.unwrap();
    assert_eq!(join(&app, "lobby", &ours, "ann").await.0, 422);
    // Until it ends, which a join waits for a moment.
    let (again, ()) = tokio::join!(join(&app, "lobby", &ours, "ann"), async { drop(stream) });
    assert_eq!(again.0, 303);
}

#[tokio::test]
async fn a_browsers_cookies_of_tabs_are_bounded_and_the_oldest_go_but_for_open_ones() {
    let app = TestApp::start();
    let mut cookie = browser(&app).await;
    let mut paths: Vec<String> = Vec::new();
    let mut streams = Vec::new();
    for n in 0..30 {
        let (status, cookies) = join(&app, "lobby", &cookie, &format!("n{n}")).await;
        assert_eq!(status, 303);
        let path = |cookie: &str| {
            cookie.split("Path=").nth(1).unwrap().split(';').next().unwrap().to_owned()
        };
        if n == 0 {
            let request = client().get(app.url(&format!("{}/events", path(&cookies[0]))));
            let own = cookies[0].split(';').next().unwrap();
            streams.push(request.header(header::COOKIE, own).send().await.unwrap());
        }
        let gone: Vec<_> = cookies[2..].iter().map(|cookie| path(cookie)).collect();
        // The first is open.
        let expected = if n < 20 { vec![] } else { vec![paths[n - 19].clone()] };
        assert_eq!(gone, expected, "{n}");
        assert!(cookies[2..].iter().all(|cookie| cookie.contains("Max-Age=0")), "{cookies:?}");
        assert!(cookies[1].starts_with("hubbub-tabs=") && cookies[1].len() < 1500, "{cookies:?}");
        paths.push(path(&cookies[0]));
        cookie = cookies[1].split(';').next().unwrap().to_owned();
    }
}

#[tokio::test]
async fn a_cookie_of_another_secret_keeps_nobody_out() {
    let (before, app) = (TestApp::start(), TestApp::start());
    let cookie = browser(&before).await;
    let form = client().post(app.url("/rooms/lobby/join")).form(&[("username", "ann")]);
    let form = form.header(header::COOKIE, cookie).header("sec-fetch-site", "same-origin");
    let joined = form.header("sec-fetch-mode", "navigate").send().await.unwrap();
    assert_eq!(joined.status(), 303);
    let given = joined.headers().get_all(header::SET_COOKIE).iter();
    assert!(given.into_iter().any(|line| line.to_str().unwrap().starts_with("hubbub-tabs=")));
}

#[tokio::test]
async fn a_form_with_a_key_and_no_script_is_not_kept_by_a_browser() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let frame = tab.get("/send?frame=1").send().await.unwrap();
    assert_eq!(frame.headers()[header::CACHE_CONTROL], "private, no-store");
}

#[tokio::test]
async fn a_tab_whose_cookie_is_gone_joins_again_by_its_page_and_nobody_else_does() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let _stream = tab.get("/events").send().await.unwrap();
    let page = tab.page().await;
    let part = page.split("data-scripted=\"").find(|part| part.contains("&quot;again&quot;"));
    let again = fields(&unescape(part.unwrap().split('"').next().unwrap()));
    assert_eq!(again["username"], "ann");
    let post = async |room: &str, proof: &str| {
        let request = client().post(app.url(&format!("/rooms/{room}/join")));
        request
            .form(&[("username", "ann"), ("again", proof)])
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(post("lobby", "").await, 422);
    assert_eq!(post("lobby", &again["again"].replace(".ann", ".bob")).await, 422);
    assert_eq!(post("lobby", &again["again"]).await, 303, "its name is its own");
}
