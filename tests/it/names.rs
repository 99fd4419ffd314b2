//! Names that are proven: by a secret, or by a proxy that signs people in.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Response, header};
use serde_json::{Value, json};

use crate::{
    client::{Events, Raw, Tab, client, fields, post, text_of, unescape},
    support::{
        App, Server, TestApp,
        process::{
            app::{hubbub, run_to_end},
            directory,
        },
    },
};

/// Joins with these fields.
async fn join(app: &impl Server, fields: &[(&str, &str)]) -> Response {
    client().post(app.url("/rooms/lobby/join")).form(fields).send().await.unwrap()
}

/// The tab that joins under a name with a secret.
async fn proven(app: &impl Server, name: &str, secret: &str) -> Tab {
    Tab::join_with(app, "lobby", &[("username", name), ("secret", secret)]).await
}

/// What a script that says these fields gets for its message.
async fn sent(app: &impl Server, fields: &[(&str, &str)]) -> Value {
    let answer = post(app, "lobby", fields).await;
    assert_eq!(answer.status(), 201, "{fields:?}");
    answer.json().await.unwrap()
}

/// The mark of a name with a secret, as a script's message has it.
async fn mark(app: &impl Server, name: &str, secret: &str) -> String {
    let sent = sent(app, &[("username", name), ("secret", secret), ("text", "hi")]).await;
    assert_eq!(sent["name"], name);
    sent["mark"].as_str().expect("a mark").to_owned()
}

async fn read(app: &impl Server, path: &str) -> String {
    client().get(app.url(path)).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_mark_is_of_a_name_and_a_secret_and_the_same_after_a_restart() {
    let mut app = App::start();
    let ann = mark(&app, "ann", "a long secret").await;
    assert!(ann.len() == 10 && ann.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{ann}");
    assert_ne!(mark(&app, "bob", "a long secret").await, ann, "another name");
    assert_ne!(mark(&app, "ann", "a long secret ").await, ann, "another secret: none is trimmed");
    for blank in ["", "  "] {
        let sent = sent(&app, &[("username", "ann"), ("secret", blank), ("text", "hi")]).await;
        assert_eq!(sent.get("mark"), None, "blank is none");
    }
    assert!(app.stop().success());
    app.start_again();
    assert_eq!(mark(&app, "ann", "a long secret").await, ann);
    let object = json!({ "username": "ann", "secret": "a long secret", "text": "in JSON" });
    let url = app.url("/rooms/lobby/messages");
    let answer = client().post(url).json(&object).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["mark"], ann.as_str());
}

#[tokio::test]
async fn a_mark_stands_beside_its_name_in_every_representation() {
    let app = TestApp::start();
    let ann = proven(&app, "ann", "a long secret").await;
    let mut events = Events::from(ann.get("/events")).await;
    assert_eq!(
        ann.post("/send", &[("text", "hi"), ("key", "k")]).send().await.unwrap().status(),
        303
    );
    let fragment = events.event("NewMessage").await.data.unwrap();
    let list = read(&app, "/rooms/lobby/messages?format=json").await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let mark = list[0]["mark"].as_str().expect("a mark").to_owned();
    let element = format!(
        "<small class=\"mark\" title=\"proven by a secret\" translate=\"no\">#{mark}</small>"
    );
    assert!(fragment.contains(&format!("{element} <strong>ann:</strong> <span>hi</span>")));
    assert!(fragment.contains(&format!("data-name=\"ann\" data-mark=\"{mark}\"")), "{fragment}");
    assert_eq!(text_of(&fragment), "hi");

    let page = ann.page().await;
    assert!(page.contains(&fragment), "the same bytes: {page}");
    assert!(page.contains(&format!("Posting as <strong>ann</strong>{element}")), "{page}");
    assert!(page.contains(&format!("<bdi>ann</bdi>{element}")), "{page}");
    let again = unescape(&page);
    assert!(
        again.contains(&format!("Join again as <span translate=\"no\">ann{element}")),
        "{page}"
    );
    assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "no markup has such: {page:?}");
    assert!(!page.contains("a long secret"));
    assert!(read(&app, "/rooms/lobby/messages?format=html").await.contains(&fragment));
    let people = read(&app, "/rooms/lobby/presence?format=html").await;
    assert!(people.contains(&format!("<bdi>ann</bdi>{element}")), "{people}");
    let people = read(&app, "/rooms/lobby/presence?format=json").await;
    let people: Value = serde_json::from_str(&people).unwrap();
    let expected =
        json!({ "count": 1, "names": ["ann"], "proven": [{ "name": "ann", "mark": mark }] });
    assert_eq!(people, expected);

    let stream = |format| format!("/rooms/lobby/events?last=1&format={format}");
    let mut html = Raw::open(&app, &stream("html")).await;
    html.until("the fragment", |read| read.contains(&fragment)).await;
    let mut text = Raw::open(&app, &stream("text")).await;
    text.until("a line", |read| read.ends_with(&format!("Z ann#{mark}: hi\n"))).await;
    for format in ["ndjson", "sse-json"] {
        let mut objects = Raw::open(&app, &stream(format)).await;
        let said = format!("\"mark\":\"{mark}\"");
        objects.until("an object", |read| read.contains(&said)).await;
    }
    let path = format!("/rooms/lobby/messages/{}", list[0]["id"].as_str().unwrap());
    let one = read(&app, &format!("{path}?format=json")).await;
    assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), list[0]);
}

#[tokio::test]
async fn a_secret_behind_a_hash_is_refused_at_every_way_in_and_repeated_nowhere() {
    let app = TestApp::with(&["--log", "hubbub=trace"]);
    let url = app.url("/rooms/lobby/messages");
    let refused = async |what: &str, answer: Response| {
        assert_eq!(answer.status(), 422, "{what}");
        let said = answer.text().await.unwrap();
        assert!(said.contains("A secret goes into the field for it (secret)"), "{what}: {said}");
        assert!(!said.contains("s3cret"), "{what}: {said}");
        said
    };
    for name in ["ann#s3cret", "ann#s3cret\u{1}", "ann##s3cret", "ann\u{ff03}s3cret"] {
        let page = refused("the join form", join(&app, &[("username", name)]).await).await;
        assert!(page.contains("name=\"username\" value=\"ann\""), "{page}");
        refused("a form", post(&app, "lobby", &[("username", name), ("text", "hi")]).await).await;
        let object = json!({ "username": name, "text": "hi" });
        refused("JSON", client().post(&url).json(&object).send().await.unwrap()).await;
        let address = format!("{url}?username={}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let plain = client().post(&address).header(header::CONTENT_TYPE, "text/plain").body("hi");
        refused("a plain body", plain.send().await.unwrap()).await;
        let named = client().post(&address).form(&[("text", "hi")]);
        refused("the address", named.send().await.unwrap()).await;
    }
    // To a browser that keeps no cookies the form comes back for that.
    let blocked = client().post(app.url("/rooms/lobby/join")).form(&[("username", "ann#s3cret")]);
    let blocked =
        blocked.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "navigate");
    let page = blocked.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("keeps no cookies") && !page.contains("s3cret"), "{page}");

    for name in ["#1 fan", "ann #2", "C#"] {
        assert_eq!(sent(&app, &[("username", name), ("text", "hi")]).await["name"], name);
    }
    assert!(!app.log().contains("s3cret"), "{}", app.log());
}

#[tokio::test]
async fn a_secret_is_bounded_and_comes_in_a_body_alone_and_never_back() {
    let app = TestApp::with(&["--log", "hubbub=trace"]);
    let longest = "\u{1f511}".repeat(256);
    assert_eq!(mark(&app, "ann", &longest).await.len(), 10);
    let long = format!("{longest}s3cret");
    let form = [("username", "ann"), ("secret", &*long), ("text", "hi")];
    for answer in [join(&app, &form).await, post(&app, "lobby", &form).await] {
        assert_eq!(answer.status(), 422);
        let said = answer.text().await.unwrap();
        assert!(said.contains("A secret is at most 256 characters."), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    let url = app.url("/rooms/lobby/messages?username=ann&secret=s3cret");
    let answer = client().post(url).form(&[("text", "hi")]).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let said = answer.text().await.unwrap();
    assert!(
        said.contains("There is no parameter secret here") && !said.contains("s3cret"),
        "{said}"
    );

    let _ann = proven(&app, "ann", "s3cret").await;
    let taken = join(&app, &[("username", "ann"), ("secret", "s3cret")]).await;
    assert_eq!(taken.status(), 422);
    let page = taken.text().await.unwrap();
    assert!(page.contains("value=\"ann\"") && !page.contains("s3cret"), "{page}");
    assert!(!app.log().contains("s3cret"), "{}", app.log());
}

#[tokio::test]
async fn a_key_that_comes_again_under_another_mark_is_another_message() {
    let app = TestApp::start();
    let fields = |secret| [("username", "ann"), ("secret", secret), ("text", "hi"), ("key", "k:1")];
    let first = sent(&app, &fields("one")).await;
    assert_eq!(sent(&app, &fields("one")).await, first);
    for other in ["two", ""] {
        let answer = post(&app, "lobby", &fields(other)).await;
        assert_eq!(answer.status(), 409, "{other:?}");
    }
}

#[tokio::test]
async fn beside_a_proven_name_nobody_joins_or_posts_under_it_or_one_that_looks_like_it() {
    let app = TestApp::start();
    let ann = proven(&app, "ann", "a long secret").await;
    let _events = Events::from(ann.get("/events")).await;
    for name in ["ann", "Ann", "\u{430}nn"] {
        for secret in ["", "another", "a long secret"] {
            let joined = join(&app, &[("username", name), ("secret", secret)]).await;
            assert_eq!(joined.status(), 422, "{name} {secret}: a mark gives no right");
            let fields = [("username", name), ("secret", secret), ("text", "hi")];
            assert_eq!(post(&app, "lobby", &fields).await.status(), 409, "{name} {secret}");
        }
    }
}

#[tokio::test]
async fn a_tab_keeps_its_mark_over_a_restart_and_when_it_joins_again_without_the_secret() {
    let mut app = App::start();
    let ann = proven(&app, "ann", "a long secret").await;
    assert!(app.stop().success());
    app.start_again();
    let page = ann.page().await;
    let mark = page.split("data-mark=\"").nth(1).expect("a mark").split('"').next().unwrap();
    let proof = fields(&unescape(&page))["again"].clone();
    let again = [("username", "ann"), ("again", &*proof)];
    let again = Tab::join_with(&app, "lobby", &again).await;
    assert!(again.page().await.contains(&format!("data-mark=\"{mark}\"")));
    // And no other name has it by that.
    let other = [("username", "bob"), ("again", &*proof)];
    let other = Tab::join_with(&app, "lobby", &other).await;
    assert!(!other.page().await.contains("data-mark="));
}

#[tokio::test]
async fn a_name_from_an_untrusted_peer_none_or_two_are_a_403_and_probes_and_files_are_not() {
    let untrusted =
        TestApp::with(&["--user-header", "Remote-User", "--trusted-proxies", "192.0.2.1"]);
    let trusted =
        TestApp::with(&["--user-header", "Remote-User", "--trusted-proxies", "127.0.0.1"]);
    for (app, names, part) in [
        (&untrusted, &["ann"][..], "with --trusted-proxies"),
        (&trusted, &[], "does not say who you are"),
        (&trusted, &["ann", "ann"], "more than once"),
        (&trusted, &["ann#s3cret"], "gives you is none"),
        (&trusted, &["caf\u{e9}\u{202e}"], "gives you is none"),
    ] {
        for path in ["/", "/rooms/lobby", "/rooms/lobby/events", "/rooms/lobby/messages", "/api"] {
            let asked = names.iter().fold(client().get(app.url(path)), |asked, name| {
                asked.header("remote-user", name.as_bytes())
            });
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 403, "{path} {names:?}");
            let said = answer.text().await.unwrap();
            assert!(said.contains(part) && !said.contains("s3cret"), "{path} {names:?}: {said}");
        }
        for path in ["/healthz", "/readyz", "/readyz/sends"] {
            assert_eq!(client().get(app.url(path)).send().await.unwrap().status(), 200, "{path}");
        }
    }
    let door = client().get(trusted.url("/rooms/lobby")).header("remote-user", "ann");
    let page = door.send().await.unwrap().text().await.unwrap();
    let style = page.split("href=\"").find(|part| part.starts_with("/static/app.")).unwrap();
    let style = style.split('"').next().unwrap();
    assert_eq!(client().get(trusted.url(style)).send().await.unwrap().status(), 200);
}

#[test]
fn a_header_that_nobody_would_be_believed_by_is_refused_at_the_start_in_a_line_that_says_how() {
    let home = directory();
    let mut start = hubbub(home.path(), "127.0.0.1:0");
    let (status, said) = run_to_end(start.args(["--user-header", "Remote-User"]));
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("--user-header: ") && said.contains("--trusted-proxies"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn behind_a_sign_in_the_name_is_the_headers_verified_and_no_other_can_be_said() {
    let app = TestApp::with(&["--user-header", "Remote-User", "--trusted-proxies", "127.0.0.1"]);
    let url = app.url("/rooms/lobby/messages");
    let as_ann = |request: reqwest::RequestBuilder| request.header("remote-user", " ann ");
    let door = as_ann(client().get(app.url("/rooms/lobby"))).send().await.unwrap();
    let door = door.text().await.unwrap();
    assert!(door.contains("You join as <strong>ann</strong><small class=\"mark\""), "{door}");
    assert!(!door.contains("name=\"username\"") && !door.contains("name=\"secret\""), "{door}");

    for fields in [&[("text", "hi")][..], &[("text", "hi"), ("username", "ann")]] {
        let answer = as_ann(client().post(&url)).form(fields).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let sent: Value = answer.json().await.unwrap();
        assert_eq!((&sent["name"], &sent["mark"]), (&"ann".into(), &"verified".into()));
    }
    let plain = as_ann(client().post(&url)).header(header::CONTENT_TYPE, "text/plain").body("hi");
    assert_eq!(plain.send().await.unwrap().status(), 201);
    for (fields, part) in [
        ([("text", "hi"), ("username", "bob")], "and this is another"),
        ([("text", "hi"), ("username", "Ann")], "and this is another"),
        ([("text", "hi"), ("secret", "s3cret")], "a secret adds nothing"),
    ] {
        let answer = as_ann(client().post(&url)).form(&fields).send().await.unwrap();
        assert_eq!(answer.status(), 422);
        let said = answer.text().await.unwrap();
        assert!(said.contains(part) && !said.contains("s3cret"), "{said}");
    }

    let joining = client().post(app.url("/rooms/lobby/join"));
    let joined = as_ann(joining).form(&[("join", "1")]).send().await.unwrap();
    assert_eq!(joined.status(), 303);
    let path = joined.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let cookie = joined.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    for (user, status) in [("ann", 200), ("bob", 303)] {
        let page = client().get(app.url(&path)).header(header::COOKIE, cookie);
        let page = page.header("remote-user", user).send().await.unwrap();
        assert_eq!(page.status(), status, "{user} with ann's cookie");
        let form = [("text", "mine"), ("key", "")];
        let posting =
            client().post(app.url(&format!("{path}/send"))).header(header::COOKIE, cookie);
        let sent = posting.header("remote-user", user).form(&form).send().await.unwrap();
        assert_eq!(sent.status(), if user == "ann" { 303 } else { 403 }, "{user}");
    }
    let taken = as_ann(client().post(app.url("/rooms/lobby/join"))).form(&[("join", "1")]);
    let taken = taken.send().await.unwrap();
    assert_eq!(taken.status(), 422);
    assert!(taken.text().await.unwrap().contains("in another tab or on another device"));
}

#[tokio::test]
async fn by_a_socket_file_a_header_is_believed_without_a_network() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("hubbub.sock");
    let listen = format!("127.0.0.1:0,unix:{}", socket.display());
    let app = TestApp::with_listen(&listen, &["--user-header", "X-Forwarded-User"]);
    let by_file = reqwest::Client::builder().unix_socket(&*socket).build().unwrap();
    let asked = by_file.get("http://localhost/rooms/lobby").header("x-forwarded-user", "ann");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("You join as <strong>ann</strong>"));
    let asked = client().get(app.url("/rooms/lobby")).header("x-forwarded-user", "ann");
    assert_eq!(asked.send().await.unwrap().status(), 403, "by the network it is not");
}

#[tokio::test]
async fn behind_a_sign_in_limits_by_address_count_for_this_machine_too() {
    let flags = ["--address-sends", "2"];
    let free = TestApp::with(&flags);
    let signed = ["--user-header", "Remote-User", "--trusted-proxies", "127.0.0.1"];
    let app = TestApp::with(&[&flags[..], &signed].concat());
    for (app, third) in [(&free, 201), (&app, 429)] {
        for status in [201, 201, third] {
            let sent = client().post(app.url("/rooms/lobby/messages"));
            let sent =
                sent.header("remote-user", "ann").form(&[("username", "ann"), ("text", "hi")]);
            assert_eq!(sent.send().await.unwrap().status(), status);
        }
    }
}
