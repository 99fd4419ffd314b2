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

#[tokio::test]
async fn a_caddy_that_compresses_all_it_can_holds_no_stream_back() {
    const ENCODE: &str =
        "encode {\n gzip\n zstd\n minimum_length 1\n match {\n header Content-Type *\n }\n }";
    let app = TestApp::with(&["--trusted-proxies", "127.0.0.1"]);
    let Some(caddy) = Caddy::with(app.address(), ENCODE) else { return };
    let client = reqwest::Client::new();
    // Enough to be worth it.
    for number in 0..50 {
        send(&app, "lobby", "ann", &format!("{number}: {}", "long ".repeat(50))).await;
    }
    let page = client.get(format!("{}/rooms/lobby/messages?format=json", caddy.home()));
    let page = page.header("accept-encoding", "gzip, zstd").send().await.unwrap();
    assert!(page.headers().contains_key("content-encoding"), "it compresses what may be");
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let url = format!("{}/rooms/lobby/events?format={format}&last=50", caddy.home());
        let opened = client.get(url).header("accept-encoding", "gzip, zstd").send();
        let mut stream = soon("the stream opens", opened).await.unwrap();
        assert_eq!(stream.headers()["content-encoding"], "identity", "{format}");
        let text = format!("live in {format}");
        send(&app, "lobby", "ann", &text).await;
        let mut read = String::new();
        while !read.contains(&text) {
            let piece =
                timeout(LIVE, stream.chunk()).await.unwrap_or_else(|_| panic!("{format}: {read}"));
            read += &String::from_utf8_lossy(&piece.unwrap().expect("it goes on"));
        }
    }
}
