//! Who holds a room, and the operator, as programs: what they ask for with a token.

use std::path::Path;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::{Server, client::client};

/// The token of the operator of the server whose data this is.
pub fn operator(data: &Path) -> String {
    let mut file = data.as_os_str().to_owned();
    file.push(".operator");
    std::fs::read_to_string(file).expect("a token").trim().to_owned()
}

/// A request with a token, or with none.
pub fn ask(app: &impl Server, method: &str, path: &str, token: &str) -> RequestBuilder {
    let request = client().request(Method::from_bytes(method.as_bytes()).unwrap(), app.url(path));
    if token.is_empty() { request } else { request.bearer_auth(token) }
}

/// What a form with a token is answered.
pub async fn put(app: &impl Server, path: &str, token: &str, form: &[(&str, &str)]) -> Response {
    let request = ask(app, "POST", path, token).header("accept", "application/json");
    request.form(form).send().await.expect("an answer")
}

/// The same, where it must be taken: the object that says what came of it.
pub async fn done(app: &impl Server, path: &str, token: &str, form: &[(&str, &str)]) -> Value {
    let answer = put(app, path, token, form).await;
    let (status, said) = (answer.status(), answer.text().await.expect("a body"));
    assert_eq!(status, 200, "{path} {form:?}: {said}");
    serde_json::from_str(&said).expect("JSON")
}

/// Opens a private room: its host's token.
pub async fn open(app: &impl Server, room: &str) -> String {
    let opened = done(app, "/rooms", "", &[("private", "yes"), ("room", room)]).await;
    opened["token"].as_str().expect("a token").to_owned()
}

/// Gives a link into a room: its token, and its id.
pub async fn give(app: &impl Server, room: &str, host: &str, role: &str) -> (String, String) {
    let given = done(app, &format!("/rooms/{room}/links"), host, &[("role", role)]).await;
    let text = |name: &str| given[name].as_str().expect("a text").to_owned();
    (text("token"), text("link"))
}

/// Takes a link back.
pub async fn revoke(app: &impl Server, room: &str, host: &str, link: &str) {
    done(app, &format!("/rooms/{room}/links/{link}/revoke"), host, &[]).await;
}

/// Sets the rules of a room.
pub async fn rule(app: &impl Server, room: &str, token: &str, rules: &[(&str, &str)]) {
    done(app, &format!("/rooms/{room}/rules"), token, rules).await;
}

/// Bans somebody from a room: the ban's id.
pub async fn ban(app: &impl Server, room: &str, token: &str, form: &[(&str, &str)]) -> String {
    let banned = done(app, &format!("/rooms/{room}/bans"), token, form).await;
    banned["ban"].as_str().expect("an id").to_owned()
}
