//! Pages over two nodes and a balancer.

use crate::{
    chromium::Chromium,
    post,
    support::{App, nats::Nats, nginx::Nginx, until},
};

/// How many event streams are open on a node.
async fn streams(app: &App) -> usize {
    let metrics = reqwest::get(app.metrics_url()).await.unwrap().text().await.unwrap();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("hubbub_streams{format=\"sse\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

async fn names(app: &App) -> Vec<String> {
    let url = app.url("/rooms/lobby/presence?format=json");
    let listed: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let names = listed["names"].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_tab_whose_node_is_stopped_is_live_on_the_other_has_everything_and_keeps_its_name() {
    let Some(nats) = Nats::single() else { return };
    let Some(mut chromium) = Chromium::start().await else { return };
    let flags = ["--nats", &nats.urls(), "--trusted-proxies", "127.0.0.1"];
    let flags = [&flags[..], &["--admin", "127.0.0.1:0"]].concat();
    let mut nodes = [App::with(&flags), App::with(&flags)];
    let Some(nginx) = Nginx::balancing(&[nodes[0].address(), nodes[1].address()]) else { return };
    let home = nginx.home("http");
    let (ann, bob) = (chromium.join(&home, "ann").await, chromium.join(&home, "bob").await);
    for tab in [&ann, &bob] {
        tab.caught_up().await;
    }
    until("each node has one", async || {
        (streams(&nodes[0]).await == 1 && streams(&nodes[1]).await == 1).then_some(())
    })
    .await;
    ann.say("from ann").await;
    bob.say("from bob").await;
    let mut all = vec!["from ann", "from bob"];
    for tab in [&ann, &bob] {
        tab.shows(&all).await;
    }

    let [stopped, other] = &mut nodes;
    assert!(stopped.stop().success());
    for text in ["meanwhile 1", "meanwhile 2", "meanwhile 3"] {
        post(other, "eve", text).await;
        assert_eq!(names(other).await, ["ann", "bob"], "who comes back never went");
        all.push(text);
    }
    until("both are there", async || (streams(other).await == 2).then_some(())).await;
    for (tab, text) in [(&ann, "ann again"), (&bob, "bob again")] {
        tab.caught_up().await;
        tab.say(text).await;
        all.push(text);
    }
    for (tab, name) in [(&ann, "ann"), (&bob, "bob")] {
        tab.shows(&all).await;
        assert!(tab.is_marked().await, "the page was loaded anew");
        assert_eq!(tab.twice().await, <[String; 0]>::default());
        let last =
            tab.shown().await.into_iter().find(|shown| shown.text == format!("{name} again"));
        assert_eq!(last.unwrap().name, name);
    }
    assert_eq!(names(other).await, ["ann", "bob"]);
    assert_eq!(ann.shown().await, bob.shown().await);
}
