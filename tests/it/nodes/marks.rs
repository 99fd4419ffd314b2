//! Names that are proven, on several nodes.

use serde_json::Value;

use super::node;
use crate::{
    client::{Events, Tab, client, post},
    support::{Server, nats::Nats, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_the_same_on_every_node_and_every_node_lists_it() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let fields = [("username", "ann"), ("secret", "a long secret"), ("text", "hi")];
    let mut marks = Vec::new();
    for app in [&one, &other] {
        let sent: Value = post(app, "lobby", &fields).await.json().await.unwrap();
        marks.push(sent["mark"].as_str().expect("a mark").to_owned());
    }
    assert_eq!(marks[0], marks[1]);
    let mut there = Events::open(&other, "/rooms/lobby/events?last=9", None).await;
    let fragment = there.event("NewMessage").await.data.unwrap();
    assert!(fragment.contains(&format!("data-mark=\"{}\"", marks[0])), "{fragment}");

    let ann = Tab::join_with(&one, "lobby", &fields[..2]).await;
    let _here = Events::from(ann.get("/events")).await;
    until("the other node lists it", async || {
        let url = other.url("/rooms/lobby/presence?format=json");
        let people: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        (people["proven"][0]["mark"] == marks[0].as_str()).then_some(())
    })
    .await;
    assert!(ann.at(&other).page().await.contains(&format!("data-mark=\"{}\"", marks[0])));
}
