//! A browser's and a script's side of the wire.

use std::{collections::HashMap, pin::Pin};

use reqwest::{Client, RequestBuilder, Response, header, redirect::Policy};
use serde::Deserialize;
use sse_stream::{Sse, SseStream};
use tokio_stream::{Stream, StreamExt as _};

use super::{Server, soon};

/// A message as scripts see it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub seq: u64,
    pub room: String,
    pub name: String,
    pub text: String,
    pub sent_at: String,
}

/// A client that follows no redirect, keeps no cookie by itself, and no idle connection: one from
/// before a restart would fail its next request.
pub fn client() -> Client {
    Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).build().expect("a client")
}

/// One open tab: its address and the cookie that proves it.
#[derive(Clone, Debug)]
pub struct Tab {
    pub path: String,
    pub cookie: String,
    client: Client,
    base: String,
}

impl Tab {
    /// Joins a room.
    pub async fn join(app: &impl Server, room: &str, name: &str) -> Self {
        Self::join_with(app, room, &[("username", name)]).await
    }

    /// Joins a room with these fields.
    pub async fn join_with(app: &impl Server, room: &str, form: &[(&str, &str)]) -> Self {
        let client = client();
        let url = app.url(&format!("/rooms/{room}/join"));
        let answer = client.post(url).form(form).send().await.expect("an answer");
        assert_eq!(answer.status(), 303, "{form:?} joins {room}");
        let path = answer.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { path, cookie, client, base: app.url("") }
    }

    /// The same tab, as its browser comes to another node with it.
    pub fn at(&self, other: &impl Server) -> Self {
        Self { base: other.url(""), ..self.clone() }
    }

    pub fn get(&self, below: &str) -> RequestBuilder {
        let url = format!("{}{}{below}", self.base, self.path);
        self.client.get(url).header(header::COOKIE, &self.cookie)
    }

    pub fn post(&self, below: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let url = format!("{}{}{below}", self.base, self.path);
        self.client.post(url).header(header::COOKIE, &self.cookie).form(form)
    }

    /// The page as it is now.
    pub async fn page(&self) -> String {
        let answer = self.get("").send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("a page")
    }
}

/// Sends as a script does; the message must be taken.
pub async fn send(app: &impl Server, room: &str, name: &str, text: &str) -> Message {
    let answer = post(app, room, &[("username", name), ("text", text)]).await;
    assert_eq!(answer.status(), 201, "{text:?} is taken");
    answer.json().await.expect("a message")
}

/// Posts a script's form.
pub async fn post(app: &impl Server, room: &str, form: &[(&str, &str)]) -> Response {
    let url = app.url(&format!("/rooms/{room}/messages"));
    client().post(url).form(form).send().await.expect("an answer")
}

/// An open event stream.
pub struct Events {
    events: Pin<Box<dyn Stream<Item = Sse> + Send>>,
}

impl Events {
    /// Opens `path`, coming back after `last_event_id` where there is one.
    pub async fn open(app: &impl Server, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = client().get(app.url(path));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        Self::from(request).await
    }

    /// Opens what a request asks for.
    pub async fn from(request: RequestBuilder) -> Self {
        let answer = soon("the stream opens", request.send()).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        Self::of(answer)
    }

    /// The events of an answer that is there.
    pub fn of(answer: Response) -> Self {
        let events = SseStream::from_bytes_stream(answer.bytes_stream());
        // A stream ends with its connection, cleanly or not; what was whole was given.
        let events = Box::pin(events.take_while(Result::is_ok).filter_map(Result::ok));
        Self { events }
    }

    /// The next event; `None` when the stream has ended. By the standard one without data is none.
    pub async fn next(&mut self) -> Option<Sse> {
        loop {
            let event = soon("an event", self.events.next()).await?;
            if event.data.is_some() {
                return Some(event);
            }
        }
    }

    /// Waits until the stream has ended, whatever comes before.
    pub async fn end(&mut self) {
        soon("the end of the stream", async { while self.events.next().await.is_some() {} }).await;
    }

    /// The next event of this name; others are passed over.
    pub async fn event(&mut self, name: &str) -> Sse {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.event.as_deref() == Some(name) {
                return event;
            }
        }
    }

    /// The next message's id and its text.
    pub async fn message(&mut self) -> (String, String) {
        self.try_message().await.expect("the stream goes on")
    }

    /// The next message's id and its text; `None` when the stream has ended.
    pub async fn try_message(&mut self) -> Option<(String, String)> {
        let mut event = self.next().await?;
        while event.event.as_deref() == Some("PresenceChanged") {
            event = self.next().await?;
        }
        assert_eq!(event.event.as_deref(), Some("NewMessage"), "{event:?}");
        let html = event.data.expect("a fragment");
        Some((event.id.expect("an id"), text_of(&html)))
    }

    /// The next `count` messages' ids.
    pub async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.message().await.0);
        }
        ids
    }
}

/// Waits until an answer has ended, or was cut.
pub async fn end_of(mut answer: Response) {
    soon("the end of the stream", async { while let Ok(Some(_)) = answer.chunk().await {} }).await;
}

/// A stream read as bytes.
pub struct Raw {
    pub answer: Response,
    read: String,
}

impl Raw {
    /// Opens `path`.
    pub async fn open(app: &impl Server, path: &str) -> Self {
        Self::from(client().get(app.url(path))).await
    }

    /// Opens what a request asks for.
    pub async fn from(request: RequestBuilder) -> Self {
        let answer = soon("the stream opens", request.send()).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{}", answer.url());
        Self { answer, read: String::new() }
    }

    /// Reads until `done` says so, and gives everything so far.
    pub async fn until(&mut self, what: &str, done: impl Fn(&str) -> bool) -> &str {
        let mut bytes = std::mem::take(&mut self.read).into_bytes();
        while !std::str::from_utf8(&bytes).is_ok_and(&done) {
            let piece = soon(what, self.answer.chunk()).await.unwrap();
            bytes.extend(piece.unwrap_or_else(|| panic!("{what}: the stream ended")));
        }
        self.read = String::from_utf8(bytes).unwrap();
        &self.read
    }
}

/// What stands behind the time of a text that is folded.
const FOLD: &str =
    " <label class=\"all\"><input type=\"checkbox\" autocomplete=\"off\"> Show all</label>";

/// What stands behind the time of a message that was edited.
const EDITED: &str = " <small class=\"edited\">edited</small>";

/// What stands around code in a text, and around what marks it.
const CODE: [&str; 5] = [
    "<code class=\"block\" tabindex=\"0\" translate=\"no\">",
    "<code translate=\"no\">",
    "</code>",
    "<i>",
    "</i>",
];

/// The text inside a message's fragment, read as a browser reads it; the fragment must have
/// exactly the contract's shape.
pub fn text_of(html: &str) -> String {
    let inside = html.split_once("</strong> <span>").expect("a name, then a text").1;
    let (text, rest) = inside.split_once("</span> <time datetime=\"").expect("a text, then a time");
    let rest = rest.strip_suffix("</p>").expect("its end");
    let rest = rest.strip_suffix(FOLD).unwrap_or(rest);
    let rest = rest.strip_suffix(EDITED).unwrap_or(rest);
    assert!(rest.ends_with("</time>"), "{rest:?}");
    let mut plain = String::new();
    for (place, part) in text.split("<a href=\"").enumerate() {
        let part = if place == 0 { part } else { part.split_once('>').expect("a whole tag").1 };
        plain.push_str(&part.replace("</a>", ""));
    }
    for tag in CODE {
        plain = plain.replace(tag, "");
    }
    assert!(!plain.contains('<'), "no tag of the text's own: {text:?}");
    unescape(&plain)
}

/// Takes the four character references back that we write.
pub fn unescape(html: &str) -> String {
    let html = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    html.replace("&amp;", "&")
}

/// The values of the hidden and visible fields of a page's forms, by name.
pub fn fields(page: &str) -> HashMap<String, String> {
    let areas = page.split("<textarea ").skip(1).filter_map(|area| {
        let (attributes, rest) = area.split_once('>')?;
        let name = attributes.split_once("name=\"")?.1.split_once('"')?.0;
        // A line break right after the tag is not part of the text.
        let value = rest.split_once("</textarea>")?.0;
        Some((name.to_owned(), unescape(value.strip_prefix('\n').unwrap_or(value))))
    });
    page.split("<input ")
        .skip(1)
        .filter_map(|input| {
            let input = input.split_once('>')?.0;
            let value = |name: &str| {
                let start = input.find(&format!("{name}=\""))? + name.len() + 2;
                input[start..].split_once('"').map(|(value, _)| unescape(value))
            };
            Some((value("name")?, value("value").unwrap_or_default()))
        })
        .chain(areas)
        .collect()
}

/// The ids of the messages on a page, in their order.
pub fn ids_on(page: &str) -> Vec<String> {
    page.split("data-key=\"").skip(1).map(|p| p.split_once('"').unwrap().0.to_owned()).collect()
}
