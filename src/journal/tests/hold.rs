//! What a slow reader keeps from being trimmed.

use super::*;

/// The texts in a follower's next batches, until there are `count`.
async fn follow(
    mut batches: std::pin::Pin<&mut impl tokio_stream::Stream<Item = Followed>>,
    count: usize,
) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let batch = soon("a batch", batches.next()).await.expect("it is open").unwrap();
        seen.extend(batch.into_iter().map(|entry| {
            let Entry::Message(message) = entry else { panic!("a message") };
            message.text.as_str().to_owned()
        }));
    }
    seen
}

type Followed = Result<Vec<Entry>, crate::journal::ReadError>;

pub async fn two_followers_one_stopped_miss_nothing(bench: Bench) {
    let journal = bench.open(Retention { keep: 100, ttl: Some(Duration::from_millis(1)) });
    let mut quick = std::pin::pin!(journal.follow("quick", Seq::ZERO, |_| false));
    let mut stopped = std::pin::pin!(journal.follow("stopped", Seq::ZERO, |_| false));
    for hundred in 0..10 {
        fill(&journal, "lobby", hundred * 100..hundred * 100 + 100).await;
        assert_eq!(
            follow(quick.as_mut(), 100).await,
            texts(hundred * 100..hundred * 100 + 100),
            "who keeps up is not held up"
        );
    }
    assert_eq!(kept(&journal, "lobby").await.len(), 1000, "nothing goes before it was read");
    assert_eq!(follow(stopped.as_mut(), 1000).await, texts(0..1000));
    until("all is trimmed by age", async || kept(&journal, "lobby").await.is_empty().then_some(()))
        .await;
}

pub async fn what_a_follower_that_is_gone_had_not_read_is_trimmed(bench: Bench) {
    let journal = bench.open(Retention { keep: 10, ttl: None });
    let stopped = journal.follow("stopped", Seq::ZERO, |_| false);
    fill(&journal, "lobby", 0..50).await;
    assert_eq!(kept(&journal, "lobby").await.len(), 50);
    drop(stopped);
    until("what is beyond ten goes", async || {
        (kept(&journal, "lobby").await == texts(40..50)).then_some(())
    })
    .await;
    let _again = journal.follow("stopped", journal.last(), |_| false);
}

pub async fn what_is_held_of_a_room_stays_and_goes_when_it_is_let_go(bench: Bench) {
    let journal = bench.open(Retention { keep: 10, ttl: None });
    fill(&journal, "lobby", 0..10).await;
    let (low, high) = (journal.last(), Seq::new(journal.last().get() + 20));
    let hold = journal.hold(&room("lobby"), low);
    fill(&journal, "lobby", 10..50).await;
    fill(&journal, "kitchen", 0..50).await;
    assert_eq!(kept(&journal, "lobby").await, texts(10..50), "what came after the hold");
    assert_eq!(kept(&journal, "kitchen").await, texts(40..50), "another room's is not held");
    hold.advance(high);
    hold.advance(low);
    until("what was let go is trimmed", async || {
        (kept(&journal, "lobby").await == texts(30..50)).then_some(())
    })
    .await;
    fill(&journal, "lobby", 50..60).await;
    assert_eq!(kept(&journal, "lobby").await, texts(30..60), "it does not go back");
    drop(hold);
    until("nothing is held", async || {
        (kept(&journal, "lobby").await == texts(50..60)).then_some(())
    })
    .await;
}
