//! Pages, and what a follower gets.

use super::*;

pub async fn a_message_is_read_back_as_it_was_sent(bench: Bench) {
    let journal = bench.open(ALL);
    let sent = send(&journal, "lobby", "hi\n\"you\" 😀").await;
    assert!(sent.fresh);
    let page = journal.after(&room("lobby"), Seq::ZERO, 10).await.unwrap();
    assert_eq!(page.messages(), [sent.message]);
    assert_eq!(page.gap, None);
}

pub async fn pages_go_forwards_and_backwards_by_seq(bench: Bench) {
    let journal = bench.open(ALL);
    for number in 0..20 {
        send(&journal, "lobby", &number.to_string()).await;
        send(&journal, "kitchen", "between").await;
    }
    let mut forwards = Vec::new();
    let mut place = Seq::ZERO;
    while place < journal.last() {
        let page = journal.after(&room("lobby"), place, 7).await.unwrap();
        assert!(page.messages().len() <= 7 && page.upto > place);
        place = page.upto;
        forwards.extend(page.messages());
    }
    let mut backwards = Vec::new();
    let mut before = None;
    loop {
        let page = journal.before(&room("lobby"), before, 7).await.unwrap();
        assert!(page.messages.len() <= 7);
        assert_eq!(page.upto, journal.last());
        before = page.messages.first().map(Message::seq);
        backwards.splice(0..0, page.messages);
        if !page.more {
            break;
        }
    }
    assert_eq!(forwards, backwards);
    let got: Vec<_> = forwards.iter().map(|message| message.text.as_str().to_owned()).collect();
    assert_eq!(got, texts(0..20));
    let none = journal.after(&room("nowhere"), Seq::ZERO, 7).await.unwrap();
    assert!(none.messages().is_empty() && none.gap.is_none() && none.upto == journal.last());
}

pub async fn following_gives_every_message_of_all_rooms_in_order(bench: Bench) {
    let journal = bench.open(ALL);
    let first = journal.last().get() + 3;
    fill(&journal, "lobby", 0..5).await;
    let mut follow = Box::pin(journal.follow("test", Seq::new(first - 1), |_| false));
    let sender = tokio::spawn({
        let journal = journal.clone();
        async move {
            for number in 0..300 {
                send(&journal, ["lobby", "kitchen", "hall"][number % 3], "x").await;
            }
            journal.close().await;
        }
    });
    let mut seen = Vec::new();
    while let Some(batch) = soon("a batch", follow.next()).await {
        match batch {
            Ok(entries) => seen.extend(entries.iter().map(|entry| entry.seq().get())),
            // Closed while it read: what is missing is then behind `seen`, checked below.
            Err(_) => break,
        }
        if seen.len() == 303 {
            break;
        }
    }
    sender.await.unwrap();
    assert!(seen.len() > 3);
    assert_eq!(seen, (first..first + seen.len() as u64).collect::<Vec<_>>());
}
