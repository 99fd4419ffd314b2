//! What stands behind the `?`: known to the address, once, and text; or named and refused.

use reqwest::{Method, header};

use crate::{
    client::{Tab, client, send},
    support::{Server, TestApp},
};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

#[tokio::test]
async fn a_parameter_that_is_not_known_is_named_by_every_address_in_its_own_form() {
    let app = TestApp::with(&["--admin", "127.0.0.1:0"]);
    let tab = Tab::join(&app, "lobby", "ann").await;
    let page = client().get(app.url("/rooms/lobby")).send().await.unwrap().text().await.unwrap();
    let style = page.split('"').find(|part| part.starts_with("/static/app.")).unwrap();
    let none = "there are none";
    let stream = "there are after, lastEventId, last and format";
    let streams = "there are room, after, lastEventId, last and format";
    let at = |below: &str| format!("{}{below}", tab.path);
    for (method, path, media_type, known) in [
        ("GET", "/".to_owned(), HTML, none),
        ("GET", "/api".to_owned(), HTML, none),
        ("GET", "/rooms".to_owned(), HTML, "there are format and q"),
        ("POST", "/rooms".to_owned(), HTML, none),
        ("GET", "/rooms/lobby".to_owned(), HTML, "there is key"),
        ("HEAD", "/rooms/lobby".to_owned(), HTML, none),
        ("POST", "/rooms/lobby/join".to_owned(), HTML, none),
        ("GET", "/rooms/lobby/messages".to_owned(), JSON, "there are before, limit and format"),
        ("POST", "/rooms/lobby/messages".to_owned(), JSON, "there are username and key"),
        ("GET", "/rooms/lobby/presence".to_owned(), JSON, "there is format"),
        ("GET", "/rooms/lobby/events".to_owned(), JSON, stream),
        ("GET", at(""), HTML, "there is before"),
        ("GET", at("/send"), HTML, "there is frame"),
        ("POST", at("/send"), HTML, "there is frame"),
        ("POST", at("/leave"), HTML, none),
        ("POST", at("/presence"), JSON, none),
        ("GET", at("/live"), HTML, "there is still"),
        ("GET", at("/events"), JSON, streams),
        ("GET", "/events".to_owned(), JSON, streams),
        ("POST", at("/seen"), JSON, none),
        ("POST", at("/rooms"), HTML, none),
        ("GET", style.to_owned(), HTML, none),
        ("GET", "/healthz".to_owned(), JSON, none),
        ("GET", "/readyz".to_owned(), JSON, none),
        ("GET", app.metrics_url().to_owned(), JSON, none),
    ] {
        let url = if path.starts_with('/') { app.url(&path) } else { path.clone() };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method.clone(), format!("{url}?nonsense=1"));
        let request = request.header(header::COOKIE, &tab.cookie).form(&[("text", "hi")]);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 422, "{method} {path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], media_type, "{method} {path}");
        let body = answer.text().await.unwrap();
        let sentence = format!("There is no parameter nonsense here; {known}.");
        match media_type {
            _ if method == Method::HEAD => assert_eq!(body, ""),
            JSON => assert_eq!(body, format!("{{\"error\":\"{sentence}\"}}\n"), "{path}"),
            _ => assert!(body.contains(&format!("<p>{sentence}</p>")), "{path}: {body}"),
        }
    }
    assert!(tab.page().await.contains("Posting as"), "it was not left, and nothing was sent");
    assert!(!tab.page().await.contains("<span>hi</span>"));
}

#[tokio::test]
async fn what_others_hang_on_a_link_to_a_page_is_passed_over_and_nowhere_else() {
    let app = TestApp::start();
    for tracking in ["utm_source=mail&utm_medium=x", "fbclid=1", "gclid=1&msclkid=2", "mc_eid=1"] {
        let page = client().get(app.url(&format!("/rooms/lobby?{tracking}")));
        let page = page.send().await.unwrap();
        assert_eq!(page.status(), 200, "{tracking}");
        assert!(page.text().await.unwrap().contains("name=\"username\""), "{tracking}");
        for path in ["/rooms/lobby/messages", "/rooms/lobby/events"] {
            let asked = client().get(app.url(&format!("{path}?{tracking}")));
            assert_eq!(asked.send().await.unwrap().status(), 422, "{path} {tracking}");
        }
        let form = [("username", "ann")];
        let posted = client().post(app.url(&format!("/rooms/lobby/join?{tracking}"))).form(&form);
        assert_eq!(posted.send().await.unwrap().status(), 422, "{tracking}");
    }
}

#[tokio::test]
async fn a_parameter_that_comes_twice_or_is_not_text_is_named_in_the_form_of_the_address() {
    let app = TestApp::start();
    for (path, media_type, sentence) in [
        ("/rooms/lobby/messages?limit=2&limit=3", JSON, "The parameter limit came twice."),
        ("/rooms/lobby/messages?limit=2&limit=2", JSON, "The parameter limit came twice."),
        ("/rooms/lobby/events?last=1&last=2", JSON, "The parameter last came twice."),
        ("/rooms/lobby/events?last=1&last=2&format=text", TEXT, "The parameter last came twice."),
        (
            "/rooms/lobby/events?format=text&lost=1",
            TEXT,
            "There is no parameter lost here; there are after, lastEventId, last and format.",
        ),
        ("/rooms/lobby/tabs/1?before=a&before=b", HTML, "The parameter before came twice."),
        ("/rooms?format=json&format=json", JSON, "The parameter format came twice."),
        ("/rooms?format=json&x", JSON, "There is no parameter x here; there are format and q."),
        (
            "/rooms/lobby/messages?before=%FF",
            JSON,
            "The parameter before is not UTF-8. Send it as UTF-8.",
        ),
        ("/rooms/lobby?%1B%5B31m", HTML, "There is no parameter \u{fffd}[31m here; there is key."),
        ("/rooms/lobby?%3Cb%3E=1", HTML, "There is no parameter &lt;b&gt; here; there is key."),
    ] {
        let answer = client().get(app.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], media_type, "{path}");
        let body = answer.text().await.unwrap();
        match media_type {
            JSON => assert_eq!(body, format!("{{\"error\":\"{sentence}\"}}\n"), "{path}"),
            TEXT => assert_eq!(body, format!("{sentence}\n"), "{path}"),
            _ => assert!(body.contains(&format!("<p>{sentence}</p>")), "{path}: {body}"),
        }
    }
    // What our own script asks for, it shows as it is.
    let asked = client().get(app.url("/rooms/lobby/messages?x=1")).header("hx-request", "true");
    let said = asked.send().await.unwrap().text().await.unwrap();
    assert_eq!(said, "There is no parameter x here; there are before, limit and format.\n");
}

#[tokio::test]
async fn what_is_not_there_is_a_404_whatever_stands_behind_it_and_an_empty_query_is_none() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "hi").await;
    for (path, status) in [
        ("/nowhere?x=1", 404),
        ("/rooms/lobby/nothing?x=1&x=2", 404),
        ("/rooms/lobby?", 200),
        ("/rooms/lobby/messages?&", 200),
        ("/rooms/lobby/messages?format=json&&limit=1", 200),
        ("/rooms/lobby/messages?form%61t=json", 200),
    ] {
        let answer = client().get(app.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    let other = client().delete(app.url("/rooms/lobby?x=1")).send().await.unwrap();
    assert_eq!(other.status(), 405);
}
