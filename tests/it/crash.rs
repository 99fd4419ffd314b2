//! What was acknowledged survives, whatever ends the process.

use std::sync::{Arc, Mutex};

use crate::{
    client::{Events, Message, client, send},
    support::{App, PATIENCE, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_burst_it_has_every_acknowledged_message_once_and_rising() {
    let mut app = App::start();
    let mut acknowledged: Vec<Message> = Vec::new();
    for round in 0..3 {
        let log = Arc::new(Mutex::new(Vec::new()));
        let senders: Vec<_> = (0..16)
            .map(|sender| {
                let (url, log) = (app.url("/rooms/lobby/messages"), Arc::clone(&log));
                tokio::spawn(async move {
                    let client = client();
                    for number in 0.. {
                        let text = format!("{round}/{sender}/{number}");
                        let form = [
                            ("username", "ann"),
                            ("text", &text),
                            ("key", &*text.replace('/', "-")),
                        ];
                        let Ok(answer) = client.post(&url).form(&form).send().await else { return };
                        let Ok(message) = answer.json::<Message>().await else { return };
                        log.lock().unwrap().push(message);
                    }
                })
            })
            .collect();
        until("a burst is under way", async || (log.lock().unwrap().len() > 200).then_some(()))
            .await;
        app.kill();
        for sender in senders {
            tokio::time::timeout(PATIENCE, sender).await.expect("the sender notices").unwrap();
        }
        acknowledged.append(&mut log.lock().unwrap());
        app.start_again();
    }

    let end = send(&app, "lobby", "ann", "end").await;
    let mut events = Events::open(&app, "/rooms/lobby/events", Some("nothing-0")).await;
    assert_eq!(events.next().await.unwrap().event.as_deref(), Some("Gap"));
    let mut stored = Vec::new();
    loop {
        let (id, text) = events.message().await;
        let last = id == end.id;
        stored.push((id, text));
        if last {
            break;
        }
    }
    let seq = |id: &str| id.split_once('-').unwrap().1.parse::<u64>().unwrap();
    assert!(stored.is_sorted_by(|a, b| seq(&a.0) < seq(&b.0)), "ids rise");
    let mut texts: Vec<_> = stored.iter().map(|(_, text)| text).collect();
    texts.sort_unstable();
    assert!(texts.windows(2).all(|two| two[0] != two[1]), "no message is there twice");
    for message in &acknowledged {
        let kept = stored.iter().filter(|(id, text)| *id == message.id && *text == message.text);
        assert_eq!(kept.count(), 1, "{message:?} was acknowledged");
    }
    assert!(acknowledged.len() > 600);
}

#[tokio::test]
async fn a_retry_after_a_crash_is_the_first_message() {
    let mut app = App::start();
    let form = [("username", "ann"), ("text", "hi"), ("key", "k")];
    let url = app.url("/rooms/lobby/messages");
    let first: Message =
        client().post(&url).form(&form).send().await.unwrap().json().await.unwrap();
    app.kill();
    app.start_again();
    let again: Message =
        client().post(&url).form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(again, first);
}
