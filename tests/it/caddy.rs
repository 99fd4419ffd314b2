//! A real Caddy in front, as the README has it: every representation comes through as it goes out.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    client::send,
    support::{Server, TestApp, caddy::Caddy, soon},
};

/// How late a message may be: what stands between holds nothing back.
const LIVE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn through_the_caddy_of_the_readme_each_representation_is_live() {
    let app = TestApp::with(&["--trusted-proxies", "127.0.0.1"]);
    let Some(caddy) = Caddy::before(app.address()) else { return };
    let client = reqwest::Client::new();
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let url = format!("{}/rooms/lobby/events?format={format}", caddy.home());
        let mut stream = soon("the stream opens", client.get(url).send()).await.unwrap();
        let text = format!("live in {format}");
        send(&app, "lobby", "ann", &text).await;
        let mut read = String::new();
        while !read.contains(&text) {
            let piece = timeout(LIVE, stream.chunk()).await.unwrap_or_else(|_| panic!("{read}"));
            read += &String::from_utf8_lossy(&piece.unwrap().expect("it goes on"));
        }
    }
    let join = client.post(format!("{}/rooms/lobby/join", caddy.home()));
    let joined = join.header("origin", caddy.home()).form(&[("username", "bob")]).send().await;
    assert!(joined.unwrap().status().is_success(), "it follows the way to the tab");
}
