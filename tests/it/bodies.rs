//! What a script may send, and in which form: `POST /rooms/{room}/messages`, and how answers in JSON
//! end.

use reqwest::{RequestBuilder, Response, header};

use crate::{
    client::{Events, Message, Tab, client, fields, ids_on, post, send},
    support::{App, Server, TestApp},
    wire::Wire,
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A message in JSON, as somebody has it behind `curl -d`.
const JSON_TEXT: &str = " {\"username\":\"ann\",\"text\":\"a=b&c\"}";

/// A body of a media type, for the lobby, with what stands behind its address.
fn body(
    app: &impl Server,
    query: &str,
    media_type: &str,
    body: impl Into<Vec<u8>>,
) -> RequestBuilder {
    let url = app.url(&format!("/rooms/lobby/messages{query}"));
    client().post(url).header(header::CONTENT_TYPE, media_type).body(body.into())
}

/// The status and the body of the answer.
async fn answered(request: RequestBuilder) -> (u16, String) {
    let answer: Response = request.send().await.unwrap();
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], JSON);
    (status, answer.text().await.unwrap())
}

/// The name and the text of the message that a request becomes.
async fn sent(request: RequestBuilder) -> (String, String) {
    let (status, body) = answered(request).await;
    assert_eq!(status, 201, "{body}");
    let message: Message = serde_json::from_str(&body).unwrap();
    (message.name, message.text)
}

fn error(sentence: &str) -> String {
    format!("{}\n", serde_json::json!({ "error": sentence }))
}

#[tokio::test]
async fn a_form_json_and_a_plain_text_are_the_same_message() {
    let app = TestApp::start();
    let text = "R&D: 1+1 = 2\n\"caf\u{e9}\" 👩‍💻 %41";
    let expected = ("ann".to_owned(), text.to_owned());
    let url = app.url("/rooms/lobby/messages");
    assert_eq!(
        sent(client().post(&url).form(&[("username", "ann"), ("text", text)])).await,
        expected
    );
    let json = serde_json::json!({ "username": "ann", "text": text });
    assert_eq!(sent(client().post(&url).json(&json)).await, expected);
    for media_type in ["application/json; charset=utf-8", "Application/Json;charset=\"UTF-8\""] {
        assert_eq!(sent(body(&app, "", media_type, json.to_string())).await, expected);
    }
    for media_type in ["text/plain", "text/plain; charset=UTF-8", "text/plain;charset=us-ascii"] {
        assert_eq!(sent(body(&app, "?username=ann", media_type, text)).await, expected);
    }
    // A webhook that cannot say who it is has it in its address.
    let bare = serde_json::json!({ "text": text });
    assert_eq!(sent(body(&app, "?username=ann", JSON, bare.to_string())).await, expected);
}

#[tokio::test]
async fn a_webhook_in_slacks_shape_is_taken_and_a_field_that_nobody_knows_is_named() {
    let app = TestApp::start();
    let webhook = serde_json::json!({
        "username": "grafana", "text": "disk full", "channel": "#ops", "icon_emoji": ":fire:",
        "icon_url": "https://a.example/x.png", "attachments": [{"fallback": "x"}], "blocks": [],
        "link_names": 1, "mrkdwn": true, "unfurl_links": false, "props": {}, "priority": null,
        "thread_ts": "1.2", "response_type": "in_channel", "metadata": {}, "reply_broadcast": true,
        "as_user": true, "replace_original": false, "delete_original": false,
    });
    let expected = ("grafana".to_owned(), "disk full".to_owned());
    assert_eq!(sent(body(&app, "", JSON, webhook.to_string())).await, expected);
    let unknown = |name: &str| {
        error(&format!("There is no field {name} here; there are username, secret, text and key."))
    };
    for (media_type, raw, expected) in [
        (FORM, "user=ann&text=hi", unknown("user")),
        (FORM, "username=ann&text=hi&id=7", unknown("id")),
        (FORM, "username=ann&text=R&D", unknown("D")),
        (FORM, "username=ann&text=hi&text=ho", error("The field text came twice.")),
        (FORM, "text=hi", error("The field username is missing.")),
        (FORM, "username=ann", error("The field text is missing.")),
        (FORM, "username=&text=hi", error("Please enter a name.")),
        (JSON, "{\"username\":\"ann\",\"text\":\"hi\",\"Key\":\"k\"}", unknown("Key")),
        (JSON, "{\"username\":\"ann\"}", error("The field text is missing.")),
        (JSON, "{\"text\":\"hi\"}", error("The field username is missing.")),
        (JSON, "{\"username\":\"ann\",\"text\":17}", error("The field text must be a string.")),
        (
            JSON,
            "{\"username\":\"ann\",\"text\":\"hi\",\"key\":null}",
            error("The field key must be a string."),
        ),
        (JSON, "[\"hi\"]", error("Send one JSON object, with a string for each field.")),
        (
            JSON,
            "{\"username\":\"ann\",\"text\":\"hi\"",
            error("This JSON breaks off at line 1, column 29: a quote or a bracket is not closed."),
        ),
        (FORM, JSON_TEXT, error("This looks like JSON: add Content-Type: application/json.")),
        ("text/plain", "hi", error("The parameter username is missing.")),
    ] {
        assert_eq!(answered(body(&app, "", media_type, raw)).await, (422, expected), "{raw}");
    }
    for (query, expected) in [
        ("?username=bob", "The field username came twice."),
        ("?key=k", "The field key came twice."),
        ("?username=bob&username=bob", "The parameter username came twice."),
        ("?text=hi", "There is no parameter text here; there are username and key."),
    ] {
        let raw = "{\"username\":\"ann\",\"text\":\"hi\",\"key\":\"k\"}";
        assert_eq!(answered(body(&app, query, JSON, raw)).await, (422, error(expected)), "{query}");
    }
    assert_eq!(lobby(&app).await.len(), 1, "nothing else was stored");
}

async fn lobby(app: &impl Server) -> Vec<Message> {
    let url = app.url("/rooms/lobby/messages?format=json&limit=200");
    client().get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_and_another_charset_are_refused_in_every_form_of_a_body() {
    let app = TestApp::start();
    let text = error("The field text is not UTF-8. Send it as UTF-8.");
    let charset =
        error("The body is declared to be in another charset than UTF-8. Send it as UTF-8.");
    for (query, media_type, raw, expected) in [
        ("", FORM, &b"username=ann&text=caf%E9"[..], &text),
        ("", FORM, b"username=ann&text=caf\xe9", &text),
        ("", FORM, b"username=ann&text=%ed%a0%80", &text),
        ("", FORM, b"username=%ff&text=hi", &text.replace("text", "username")),
        (
            "",
            JSON,
            b"{\"username\":\"ann\",\"text\":\"caf\xe9\"}",
            &error("This JSON is not UTF-8, which JSON is."),
        ),
        (
            "?username=ann",
            "text/plain",
            b"caf\xe9",
            &error("The text is not UTF-8. Send it as UTF-8."),
        ),
        (
            "?username=caf%E9",
            "text/plain",
            b"hi",
            &error("The parameter username is not UTF-8. Send it as UTF-8."),
        ),
        (
            "",
            "application/x-www-form-urlencoded; charset=iso-8859-1",
            b"username=ann&text=hi",
            &charset,
        ),
        ("", "application/json; charset=utf-16", b"{}", &charset),
        ("?username=ann", "text/plain; charset=windows-1252", b"caf\xe9", &charset),
    ] {
        let got = answered(body(&app, query, media_type, raw)).await;
        assert_eq!(got, (422, expected.clone()), "{media_type} {raw:?}");
    }
    assert_eq!(lobby(&app).await, []);
}

#[tokio::test]
async fn on_the_pages_what_is_not_utf_8_comes_back_in_the_form() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let posted = async |path: &str, media_type: &str, body: &'static str, htmx: bool| {
        let mut request = client().post(app.url(path)).header(header::COOKIE, &tab.cookie);
        if htmx {
            request = request.header("hx-request", "true");
        }
        let answer = request.header(header::CONTENT_TYPE, media_type).body(body).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 422);
        answer.text().await.unwrap()
    };
    let send = format!("{}/send", tab.path);
    for (path, htmx) in
        [(send.clone(), false), (send.clone(), true), (send.clone() + "?frame=1", false)]
    {
        let page = posted(&path, FORM, "text=one+caf%E9+please&key=k:1.1", htmx).await;
        assert!(page.contains("The field text is not UTF-8. Send it as UTF-8."), "{page}");
        let fields = fields(&page);
        assert_eq!(fields["text"], "one caf\u{fffd} please");
        assert_eq!(fields["key"], "k:1.1");
    }
    let latin = "application/x-www-form-urlencoded; charset=latin1";
    let page = posted(&send, latin, "text=hi&key=k", false).await;
    assert!(page.contains("in another charset than UTF-8."), "{page}");
    assert_eq!(fields(&page)["text"], "hi");
    let page = posted(&send, FORM, "text=one&text=two&key=k", false).await;
    assert!(page.contains("The field text came twice."), "{page}");
    assert_eq!(fields(&page)["text"], "one");
    let page = posted("/rooms/lobby/join", FORM, "username=Zo%EB", false).await;
    assert!(page.contains("The field username is not UTF-8. Send it as UTF-8."), "{page}");
    assert_eq!(fields(&page)["username"], "Zo\u{fffd}");
    let page = posted("/rooms", FORM, "room=caf%E9", false).await;
    assert!(page.contains("The field room is not UTF-8. Send it as UTF-8."), "{page}");
    assert!(ids_on(&tab.page().await).is_empty(), "nothing was stored");
    // What a browser's extension adds is none of ours, and an empty key is as none.
    let form = [("text", "hi"), ("key", ""), ("extension", "x")];
    assert_eq!(tab.post("/send", &form).send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn what_is_neither_form_nor_json_nor_text_is_told_so() {
    let app = TestApp::start();
    let sentence = error(
        "Send the fields as a form (application/x-www-form-urlencoded) or as JSON \
         (application/json), or the text alone (text/plain) with ?username= in the address.",
    );
    for media_type in ["multipart/form-data; boundary=x", "application/xml", "text/html", ""] {
        let got = answered(body(&app, "", media_type, "hi")).await;
        assert_eq!(got, (415, sentence.clone()), "{media_type}");
    }
    let tab = Tab::join(&app, "lobby", "ann").await;
    for media_type in [JSON, "text/plain", "multipart/form-data; boundary=x"] {
        let request = client().post(app.url(&format!("{}/send", tab.path)));
        let request = request.header(header::COOKIE, &tab.cookie);
        let answer = request.header(header::CONTENT_TYPE, media_type).body("{}").send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 415, "{media_type}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Send the fields as a form"), "{page}");
    }
    let huge = "x".repeat(70_000);
    for (query, media_type) in [("", FORM), ("", JSON), ("?username=ann", "text/plain")] {
        let got = answered(body(&app, query, media_type, huge.clone())).await;
        let sentence = "The body is larger than 65536 bytes, the most that is taken. A message is at \
                        most 4000 characters.";
        assert_eq!(got, (413, error(sentence)), "{media_type}");
    }
}

#[tokio::test]
async fn a_body_that_is_compressed_is_told_so_and_one_that_says_it_is_not_is_taken() {
    let app = TestApp::start();
    let raw = "{\"username\":\"ann\",\"text\":\"hi\"}";
    let sentence =
        "The body has a Content-Encoding, and none is taken. Send it as it is, uncompressed.";
    for coding in ["gzip", "br", "identity, zstd", "x"] {
        let request = body(&app, "", JSON, raw).header(header::CONTENT_ENCODING, coding);
        assert_eq!(answered(request).await, (415, error(sentence)), "{coding}");
    }
    for coding in ["identity", "Identity", ""] {
        let request = body(&app, "", JSON, raw).header(header::CONTENT_ENCODING, coding);
        assert_eq!(answered(request).await.0, 201, "{coding}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_posts_in_no_form() {
    let app = TestApp::start();
    for (query, media_type, raw) in [
        ("", FORM, "username=eve&text=hi"),
        ("", JSON, "{\"username\":\"eve\",\"text\":\"hi\"}"),
        ("?username=eve", "text/plain", "hi"),
    ] {
        let foreign = body(&app, query, media_type, raw).header("origin", "https://evil.example");
        assert_eq!(answered(foreign).await.0, 403, "{media_type}");
    }
    assert_eq!(lobby(&app).await, []);
}

/// The name and a key behind an address.
fn with_key(key: &str) -> String {
    key.bytes().fold("?username=ann&key=".to_owned(), |url, byte| format!("{url}%{byte:02X}"))
}

#[tokio::test]
async fn a_key_is_whatever_a_program_has_as_an_id_and_is_heeded_wherever_it_stands() {
    let mut app = App::start();
    let longest = "k".repeat(255);
    let keys = ["order:17.3", "1.1", "<&>\"'\\{}", "a+b/c==", "~!@#$%^", &longest];
    let json = |key: &str| serde_json::json!({ "username": "ann", "text": key, "key": key });
    let mut first = Vec::new();
    for key in keys {
        let (status, body) = answered(body(&app, "", JSON, json(key).to_string())).await;
        assert_eq!(status, 201, "{key}: {body}");
        first.push(body);
    }
    app.kill();
    app.start_again();
    for (key, first) in keys.iter().zip(&first) {
        let form = post(&app, "lobby", &[("username", "ann"), ("text", key), ("key", key)]).await;
        assert_eq!(form.text().await.unwrap(), *first, "{key}");
        let plain = body(&app, &with_key(key), "text/plain", *key);
        assert_eq!(answered(plain).await, (201, first.clone()), "{key}");
        let url = app.url("/rooms/lobby/messages");
        let header = client().post(url).form(&[("username", "ann"), ("text", key)]);
        let header = header.header("idempotency-key", *key);
        assert_eq!(answered(header).await, (201, first.clone()), "{key}");
    }
    assert_eq!(lobby(&app).await.len(), keys.len());
    // In a page it is text like any other, and under it the draft is the same message.
    let tab = Tab::join(&app, "lobby", "bob").await;
    for key in keys {
        let page = tab.post("/send", &[("text", ""), ("key", key)]).send().await.unwrap();
        assert_eq!(fields(&page.text().await.unwrap())["key"], key);
    }
}

#[tokio::test]
async fn an_empty_key_and_one_that_is_no_key_are_refused_wherever_they_stand() {
    let app = TestApp::start();
    let refused = error("A key is 1 to 255 visible ASCII characters, without spaces.");
    for key in ["", "a b", "\u{e9}", "a\tb", &"k".repeat(256)] {
        let form = post(&app, "lobby", &[("username", "ann"), ("text", "hi"), ("key", key)]).await;
        assert_eq!((form.status().as_u16(), form.text().await.unwrap()), (422, refused.clone()));
        let json = serde_json::json!({ "username": "ann", "text": "hi", "key": key });
        let got = answered(body(&app, "", JSON, json.to_string())).await;
        assert_eq!(got, (422, refused.clone()), "{key:?}");
        let plain = body(&app, &with_key(key), "text/plain", "hi");
        assert_eq!(answered(plain).await, (422, refused.clone()), "{key:?}");
    }
    let form = "username=ann&text=hi";
    let empty = body(&app, "", FORM, form).header("idempotency-key", "");
    assert_eq!(answered(empty).await, (422, refused));
    let twice = body(&app, "", FORM, form).header("idempotency-key", "a");
    let twice = twice.header("idempotency-key", "b");
    assert_eq!(answered(twice).await, (422, error("The field key came twice.")));
    assert_eq!(lobby(&app).await, []);
}

#[tokio::test]
async fn json_is_there_by_its_name_and_ends_its_line() {
    let app = TestApp::start();
    let message = send(&app, "attic", "ann", "hi\u{2028}you\u{2029}").await;
    let _here = Events::from(Tab::join(&app, "lobby", "bob").await.get("/events")).await;
    let get = async |path: &str, accept: &str| {
        let request = client().get(app.url(path)).header(header::ACCEPT, accept);
        let answer = request.send().await.unwrap();
        let media_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let vary = answer.headers().get(header::VARY).cloned();
        (answer.status().as_u16(), media_type, vary, answer.text().await.unwrap())
    };
    let (browser, html) = ("text/html,*/*;q=0.8", "text/html; charset=utf-8");
    let line = format!(
        "[{{\"id\":\"{}\",\"seq\":1,\"room\":\"attic\",\"name\":\"ann\",\"text\":\"hi\\u2028you\",\"sent_at\":\"{}\"}}]\n",
        message.id, message.sent_at
    );
    let rooms = format!(
        "[{{\"room\":\"lobby\",\"here\":1,\"last_sent_at\":null}},\
         {{\"room\":\"attic\",\"here\":0,\"last_sent_at\":\"{}\"}}]\n",
        message.sent_at
    );
    for (path, expected) in [
        ("/rooms/attic/messages", line),
        ("/rooms/lobby/presence", "{\"count\":1,\"names\":[\"bob\"]}\n".to_owned()),
        ("/rooms", rooms),
    ] {
        let got = get(&format!("{path}?format=json"), browser).await;
        assert_eq!((got.0, got.1.as_str(), &got.3), (200, JSON, &expected), "{path}");
        let got = get(path, JSON).await;
        assert_eq!((got.0, got.1.as_str(), &got.3), (200, JSON, &expected), "{path}");
        assert_eq!(got.2.unwrap(), "accept", "{path}");
        for (query, accept) in [("?format=html", JSON), ("", browser), ("", "*/*")] {
            let got = get(&format!("{path}{query}"), accept).await;
            assert_eq!((got.0, got.1.as_str()), (200, html), "{path}{query}");
        }
        for format in ["xml", "", "JSON", "ndjson"] {
            let got = get(&format!("{path}?format={format}"), JSON).await;
            let sentence = "There is application/json (format=json) and text/html (format=html).";
            assert_eq!((got.0, got.3), (406, error(sentence)), "{path} {format}");
        }
    }
    let got = get("/rooms?format=xml", browser).await;
    assert_eq!((got.0, got.1.as_str()), (406, html), "in the form that was asked for");
}

#[tokio::test]
async fn who_asks_before_sending_a_body_is_told_at_once_that_it_is_too_large() {
    let app = TestApp::with(&["--max-body", "1000"]);
    let mut wire = Wire::to(&app).await;
    let head = "POST /rooms/lobby/messages HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
                content-type: text/plain\r\ncontent-length: 1001\r\n\r\n";
    wire.say(head).await.unwrap();
    let answer = wire.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
