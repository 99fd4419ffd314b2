//! The operator: the token, the form for it and its cookie.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::{RequestBuilder, header};

use crate::{
    client::{client, send},
    support::App,
};

/// The token of a server.
fn token(app: &App) -> String {
    let file = app.home().path().join("hubbub.db.operator");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    std::fs::read_to_string(file).unwrap().trim().to_owned()
}

fn form(app: &App, token: &str) -> RequestBuilder {
    client().post(app.url("/operator")).form(&[("token", token)])
}

async fn page(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_token_beside_the_data_makes_a_browser_the_operators_until_it_leaves() {
    let mut app = App::start();
    let token = token(&app);
    let asked = |cookie: &str| client().get(app.url("/operator")).header(header::COOKIE, cookie);
    let (status, door) = page(asked("")).await;
    assert_eq!(status, 200);
    assert!(door.contains("type=\"password\""), "{door}");

    let entered = form(&app, &token).send().await.unwrap();
    assert_eq!(entered.status(), 303);
    assert_eq!(entered.headers()[header::LOCATION], "/operator");
    let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|one| one == attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains(&token), "the cookie is not the token");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let (status, inside) = page(asked(&pair)).await;
    assert!(status == 200 && inside.contains("You are the operator"), "{inside}");
    for forged in
        [pair.replace("hubbub-operator=", "hubbub-operator=9"), "hubbub-operator=1".into()]
    {
        assert!(!page(asked(&forged)).await.1.contains("You are the operator"), "{forged}");
    }

    let left = client().post(app.url("/operator/leave")).header(header::COOKIE, &pair);
    let left = left.send().await.unwrap();
    let cleared = left.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cleared.starts_with("hubbub-operator=;") && cleared.contains("Max-Age=0"), "{cleared}");

    // It stays the same over a restart, and the log says where it is and never what.
    assert!(app.stop().success());
    let log = app.log();
    assert!(log.contains("hubbub.db.operator") && !log.contains(&token), "{log}");
    app.start_again();
    let again = client().get(app.url("/operator")).header(header::COOKIE, &pair);
    assert!(page(again).await.1.contains("You are the operator"));

    // With another token it ends.
    assert!(app.stop().success());
    std::fs::write(app.home().path().join("hubbub.db.operator"), "another-token-of-ones-own\n")
        .unwrap();
    app.start_again();
    let again = client().get(app.url("/operator")).header(header::COOKIE, &pair);
    assert!(!page(again).await.1.contains("You are the operator"));
    assert_eq!(form(&app, "another-token-of-ones-own").send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn only_pages_of_an_origin_that_is_named_may_show_ours_in_a_frame() {
    for (flags, ancestors) in [
        (&[][..], "frame-ancestors 'self'"),
        (
            &["--embed-from", "https://Intranet.example, http://a.example:8080"],
            "frame-ancestors 'self' https://intranet.example http://a.example:8080",
        ),
    ] {
        let app = App::with(flags);
        for path in ["/rooms/lobby", "/nowhere", "/rooms/lobby/messages"] {
            let answer = client().get(app.url(path)).send().await.unwrap();
            let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert_eq!(policy.rsplit_once("; ").unwrap().1, ancestors, "{path}");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_in_words_and_after_ten_even_the_right_one_has_to_wait() {
    let app = App::start();
    let token = token(&app);
    let foreign = form(&app, &token).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 403, "login by another site's page");
    let bearer = |token: &str| client().get(app.url("/operator")).bearer_auth(token);
    assert!(page(bearer(&token)).await.1.contains("You are the operator"));
    for number in 0..10 {
        if number % 2 == 0 {
            let (status, said) = page(form(&app, &token[1..])).await;
            assert_eq!(status, 403);
            assert!(said.contains("That is not the token"), "{said}");
        } else {
            let refused = bearer("x").send().await.unwrap();
            assert_eq!(refused.status(), 401);
            assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Bearer");
        }
    }
    for last in [form(&app, &token), bearer(&token)] {
        let refused = last.send().await.unwrap();
        assert_eq!(refused.status(), 429);
        let wait: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn the_operator_removes_what_anybody_said_by_a_form_or_by_a_script_and_edits_nothing() {
    let app = App::start();
    let token = token(&app);
    let first = send(&app, "lobby", "ann", "by a form").await;
    let second = send(&app, "lobby", "bob", "by a script").await;
    send(&app, "lobby", "eve", "stays").await;
    let entered = form(&app, &token).send().await.unwrap();
    let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let get = |path: &str| client().get(app.url(path)).header(header::COOKIE, &cookie);

    // Nobody else comes in there.
    let (status, others) = page(client().get(app.url("/rooms/lobby/moderate"))).await;
    assert!(status == 403 && !others.contains("by a form"), "{others}");
    assert!(page(get("/operator")).await.1.contains("href=\"/rooms/lobby/moderate\""));
    let (_, room) = page(get("/rooms/lobby/moderate")).await;
    let remove = format!("/rooms/lobby/messages/{}/remove", first.id);
    assert!(room.contains("by a form") && room.contains(&remove), "{room}");

    let form = client().post(app.url(&remove)).form(&[("remove", "1")]);
    assert_eq!(form.try_clone().unwrap().send().await.unwrap().status(), 403, "without the cookie");
    let removed = form.header(header::COOKIE, &cookie).send().await.unwrap();
    assert_eq!(removed.status(), 303);
    assert_eq!(removed.headers()[header::LOCATION], "/rooms/lobby/moderate");

    let message = app.url(&format!("/rooms/lobby/messages/{}", second.id));
    let wrong = client().delete(&message).bearer_auth("x").send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let edit = client().patch(&message).bearer_auth(&token).form(&[("text", "put into a mouth")]);
    assert_eq!(edit.send().await.unwrap().status(), 403);
    assert_eq!(client().delete(&message).bearer_auth(&token).send().await.unwrap().status(), 200);

    let (_, room) = page(get("/rooms/lobby/moderate")).await;
    assert!(!room.contains("by a form") && !room.contains("by a script"), "{room}");
    assert!(room.contains("Message removed") && room.contains("stays"), "{room}");
    let log = app.log();
    assert!(
        log.contains("a message of somebody else is removed") && log.contains(&second.id),
        "{log}"
    );
}
