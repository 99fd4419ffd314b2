//! What one tab, or one address, may do over all nodes.

use crate::{
    client::{Tab, client},
    support::{Server as _, TestApp, nats::Nats},
};

#[tokio::test(flavor = "multi_thread")]
async fn over_two_nodes_limits_by_tab_and_by_address_hold_within_a_factor_of_two() {
    let Some(nats) = Nats::single() else { return };
    let limits = ["--nats", &nats.urls(), "--tab-sends", "10", "--trusted-proxies", "127.0.0.1"];
    let limits = [&limits[..], &["--address-sends", "20"]].concat();
    let nodes = [TestApp::with(&limits), TestApp::with(&limits)];

    // A tab that is here and there by turns.
    let tab = Tab::join(&nodes[0], "lobby", "ann").await;
    let mut taken = 0;
    for number in 0..40 {
        let tab = tab.at(&nodes[number % 2]);
        let key = number.to_string();
        let sent = tab.post("/send", &[("text", "hi"), ("key", &key)]).send().await.unwrap();
        taken += u32::from(sent.status() == 303);
        assert!(sent.status() == 303 || sent.status() == 429, "{}", sent.status());
    }
    println!("a tab that may send 10 a minute sent {taken} over two nodes");
    assert!((10..=21).contains(&taken), "{taken}");

    // An address, which no node has any tab of.
    let mut taken = 0;
    for number in 0..80 {
        let url = nodes[number % 2].url("/rooms/lobby/messages");
        let text = number.to_string();
        let request = client().post(url).header("x-forwarded-for", "192.0.2.7");
        let sent = request.form(&[("username", "bob"), ("text", &text)]).send().await.unwrap();
        taken += u32::from(sent.status() == 201);
        assert!(sent.status() == 201 || sent.status() == 429, "{}", sent.status());
    }
    println!("an address that may send 20 a minute sent {taken} over two nodes");
    assert!((20..=42).contains(&taken), "{taken}");
}
