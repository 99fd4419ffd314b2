//! Rooms in which much was said.

use reqwest::header;

use crate::{
    client::{Events, Raw, Tab, client, send},
    support::{Server, TestApp, soon},
};

#[tokio::test(flavor = "multi_thread")]
async fn away_for_more_than_ten_thousand_messages_a_reader_gets_each_in_order() {
    // Failure 5, again with more than 10,000 kept.
    let app = TestApp::with(&["--keep", "1000000"]);
    let first = send(&app, "lobby", "ann", "first").await;
    let senders: Vec<_> = (0..32)
        .map(|_| {
            let url = app.url("/rooms/lobby/messages");
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                for _ in 0..380 {
                    let form = [("username", "ann"), ("text", "x")];
                    let answer = client.post(&url).form(&form).send().await.unwrap();
                    assert_eq!(answer.status(), 201);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let mut events = Events::open(&app, "/rooms/lobby/events", Some(&first.id)).await;
    let ids = soon("all of them", events.ids(32 * 380)).await;
    let seq = |id: &str| id.split_once('-').unwrap().1.parse::<usize>().unwrap();
    assert!(ids.iter().map(|id| seq(id)).eq(2..=32 * 380 + 1));
}

#[tokio::test]
async fn steady_traffic_in_a_full_room_does_not_grow_the_file() {
    let app = TestApp::with(&["--keep", "100"]);
    let text = "x".repeat(4000);
    let size = || {
        std::fs::metadata(app.data()).unwrap().len()
            + std::fs::metadata(app.data().with_extension("db-wal")).map_or(0, |file| file.len())
    };
    let run = async |count: usize| {
        for _ in 0..count {
            send(&app, "lobby", "ann", &text).await;
        }
        size()
    };
    // Twice over what is kept, and the log at the size at which it is folded in.
    let full = run(1000).await;
    let later = run(1500).await;
    // What is remembered of a trimmed message is about 60 bytes, for 10,000 of them.
    let remembered = 1500 * 120;
    assert!(later <= full + remembered + full / 10, "{full} bytes grew to {later}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endless_document_ends_after_ten_thousand_messages_and_goes_on_without_loss() {
    let app = TestApp::with(&["--keep", "100000"]);
    let tab = Tab::join(&app, "lobby", "ann").await;
    let first = send(&app, "lobby", "bob", "first").await;
    let senders: Vec<_> = (0..50)
        .map(|_| {
            let url = app.url("/rooms/lobby/messages");
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                for _ in 0..210 {
                    let form = [("username", "bob"), ("text", "x")];
                    assert_eq!(client.post(&url).form(&form).send().await.unwrap().status(), 201);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let events = format!("{}/events", tab.path);
    let mut query = format!("?format=html&after={}", first.id);
    let mut seqs: Vec<u64> = Vec::new();
    let mut documents = 0;
    while *seqs.last().unwrap_or(&1) < 1 + 50 * 210 {
        documents += 1;
        let request = client().get(app.url(&format!("{events}{query}")));
        let request = request.header(header::COOKIE, &tab.cookie);
        let mut raw = Raw::from(request).await;
        let end = format!("<p id=\"m{}\"", 1 + 50 * 210);
        let page = raw
            .until("an end or all", |page| {
                page.contains("http-equiv=\"refresh\"") || page.contains(&end)
            })
            .await;
        let got = page.split("<p id=\"m").skip(1);
        let got: Vec<u64> =
            got.map(|rest| rest.split_once('"').unwrap().0.parse().unwrap()).collect();
        assert!(got.len() <= 10_000 + 512, "a bounded life, up to the page that was under way");
        if let Some(last) = seqs.last() {
            assert!(got[0] <= last + 1, "nothing is lost between two documents");
            assert!(got[0] + 60 > *last, "and little comes again");
        }
        seqs.extend(got);
        if let Some(refresh) = page.split("content=\"0;url=").nth(1) {
            query = refresh.split_once('"').unwrap().0.replace("&amp;", "&");
        }
    }
    assert_eq!(documents, 2);
    seqs.dedup();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs, (2..=1 + 50 * 210).collect::<Vec<_>>());
}
