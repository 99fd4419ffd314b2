//! What holds over several nodes: one order, one place a key, and what a node does that was away, or
//! whose stream is another one.

use super::*;
use crate::message::MessageId;

/// A node of its own: another directory, another connection.
struct Node {
    home: TempDir,
}

impl Node {
    fn new() -> Self {
        Self { home: tempdir().unwrap() }
    }

    async fn open(&self, servers: &servers::Nats) -> Journal {
        self.keeping(servers, ALL).await
    }

    async fn keeping(&self, servers: &servers::Nats, retention: Retention) -> Journal {
        jetstream(self.home.path(), retention, servers).await
    }
}

async fn ids(journal: &Journal, name: &str) -> Vec<MessageId> {
    let page = journal.after(&room(name), Seq::ZERO, 1_000_000).await.unwrap();
    page.messages().iter().map(|message| message.id.clone()).collect()
}

async fn catches_up(journal: &Journal, seq: Seq) {
    let mut committed = journal.sequencer.committed();
    soon("the other node's", committed.wait_for(|last| *last >= seq)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_hold_the_same_messages_under_the_same_ids_in_one_order() {
    let Some(servers) = servers::Nats::single() else { return };
    let (one, other) = (Node::new(), Node::new());
    let (one, other) = (one.open(&servers).await, other.open(&servers).await);
    assert_eq!(one.epoch(), other.epoch());
    let sending: Vec<_> = [&one, &other].into_iter().cycle().take(8).cloned().collect();
    let sending = sending.into_iter().map(|node| {
        tokio::spawn(async move {
            let mut sent = Vec::new();
            for _ in 0..20 {
                sent.push(send(&node, "lobby", "x").await.message.id);
            }
            sent
        })
    });
    let mut sent = Vec::new();
    for each in sending.collect::<Vec<_>>() {
        sent.extend(each.await.unwrap());
    }
    sent.sort_by_key(MessageId::seq);
    for node in [&one, &other] {
        catches_up(node, sent.last().unwrap().seq()).await;
        assert_eq!(ids(node, "lobby").await, sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_on_two_nodes_at_once_is_one_message_and_another_text_is_refused() {
    let Some(servers) = servers::Nats::single() else { return };
    let (one, other) = (Node::new(), Node::new());
    let (one, other) = (one.open(&servers).await, other.open(&servers).await);
    for number in 0..20 {
        let key = format!("k{number}");
        let (a, b) = tokio::join!(
            one.append(draft("lobby", "hi", &key)),
            other.append(draft("lobby", "hi", &key))
        );
        assert_eq!(a.unwrap().message, b.unwrap().message);
        let (a, b) = tokio::join!(
            one.append(draft("hall", "hi", &key)),
            other.append(draft("hall", "ho", &key))
        );
        let refused = [a, b].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert!(matches!(refused[..], [AppendError::KeyReused]), "{refused:?}");
    }
    catches_up(&one, other.last()).await;
    assert_eq!(kept(&one, "lobby").await.len(), 20);
    assert_eq!(kept(&one, "hall").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_comes_up_to_the_others_and_gives_keys_their_first_message() {
    let Some(servers) = servers::Nats::single() else { return };
    let (one, other) = (Node::new(), Node::new());
    let here = one.open(&servers).await;
    let away = other.open(&servers).await;
    away.close().await;
    let first = here.append(draft("lobby", "hi", "k")).await.unwrap().message;
    fill(&here, "lobby", 0..300).await;
    let back = other.open(&servers).await;
    catches_up(&back, here.last()).await;
    assert_eq!(ids(&back, "lobby").await, ids(&here, "lobby").await);
    let again = back.append(draft("lobby", "hi", "k")).await.unwrap();
    assert_eq!((again.message, again.fresh), (first, false));
    let why = back.append(draft("lobby", "ho", "k")).await.unwrap_err();
    assert!(matches!(why, AppendError::KeyReused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_alone_goes_on_in_the_stream_with_its_ids() {
    let Some(servers) = servers::Nats::single() else { return };
    let node = Node::new();
    let alone = sqlite(node.home.path(), ALL);
    fill(&alone, "lobby", 0..5).await;
    let (epoch, before) = (alone.epoch().clone(), ids(&alone, "lobby").await);
    alone.close().await;
    let shared = node.open(&servers).await;
    assert_eq!(*shared.epoch(), epoch);
    assert_eq!(ids(&shared, "lobby").await, before);
    let next = send(&shared, "lobby", "next").await.message;
    assert!(next.seq() > before.last().unwrap().seq());

    // Another node does not have what was before; a reader that comes there with an old cursor is told.
    let elsewhere = Node::new();
    let other = elsewhere.open(&servers).await;
    catches_up(&other, next.seq()).await;
    assert_eq!(ids(&other, "lobby").await, std::slice::from_ref(&next.id));
    let page = other.after(&room("lobby"), before[1].seq(), 10).await.unwrap();
    assert_eq!(page.gap, Some(Gap { gone: None }));
    let page = other.after(&room("lobby"), next.seq(), 10).await.unwrap();
    assert_eq!(page.gap, None);

    // And what goes on without the stream is another journal.
    shared.close().await;
    assert_ne!(*sqlite(node.home.path(), ALL).epoch(), epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_deleted_and_one_that_went_back_are_a_new_epoch() {
    let Some(mut servers) = servers::Nats::single() else { return };
    let node = Node::new();
    let journal = node.open(&servers).await;
    let first = journal.epoch().clone();
    fill(&journal, "lobby", 0..5).await;
    let link = crate::nats::Link::open(&options(&servers)).await.unwrap();
    link.context().delete_stream("hubbub").await.unwrap();
    soon("word of it", journal.renewed()).await;
    journal.close().await;
    let journal = node.open(&servers).await;
    let second = journal.epoch().clone();
    assert_ne!(second, first);
    assert_eq!(kept(&journal, "lobby").await, Vec::<String>::new());
    let aside = node.home.path().join(format!("hubbub.db.{}", first.as_str()));
    assert!(aside.is_file(), "what was here is kept beside");

    // The server's files as they were a while ago.
    fill(&journal, "lobby", 5..10).await;
    servers.kill(0);
    let copy = tempdir().unwrap();
    let copied = |from: &Path, to: &Path| {
        let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(done.unwrap().success());
    };
    copied(&servers.store(0), &copy.path().join("store"));
    servers.start_again(0);
    fill(&journal, "lobby", 10..15).await;
    servers.kill(0);
    servers.forget(0);
    copied(&copy.path().join("store"), &servers.store(0));
    servers.start_again(0);
    soon("word of it", journal.renewed()).await;
    journal.close().await;
    let journal = node.open(&servers).await;
    assert_ne!(*journal.epoch(), second);
    until("what the stream has", async || {
        (kept(&journal, "lobby").await == texts(5..10)).then_some(())
    })
    .await;
    send(&journal, "lobby", "more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_engine_gone_reading_goes_on_sends_are_refused_and_it_heals() {
    let Some(mut servers) = servers::Nats::single() else { return };
    let node = Node::new();
    let journal = node.open(&servers).await;
    fill(&journal, "lobby", 0..5).await;
    servers.kill(0);
    let sending = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(draft("lobby", "5", "five")).await }
    });
    until("it is not ready", async || (!journal.ready()).then_some(())).await;
    assert_eq!(kept(&journal, "lobby").await, texts(0..5));
    until("sends are refused at once", async || {
        let sent = tokio::time::timeout(
            Duration::from_millis(200),
            journal.append(draft("lobby", "no", "no")),
        );
        matches!(sent.await, Ok(Err(AppendError::Unreachable))).then_some(())
    })
    .await;
    let why = sending.await.unwrap().unwrap_err();
    assert!(matches!(why, AppendError::Unknown), "{why}");
    servers.start_again(0);
    until("it is ready", async || journal.ready().then_some(())).await;
    let sent = journal.append(draft("lobby", "5", "five")).await.unwrap().message;
    assert!(ids(&journal, "lobby").await.contains(&sent.id));
    let mut there = kept(&journal, "lobby").await;
    there.retain(|text| text != "no"); // Of what was given up nothing is known.
    assert_eq!(there, texts(0..6), "stored once");
}
