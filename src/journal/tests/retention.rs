//! What goes, what stays, and what a late reader is told.

use super::*;

pub async fn it_keeps_as_many_messages_per_room_as_it_is_told(bench: Bench) {
    let journal = bench.open(Retention { keep: 10, ttl: None });
    fill(&journal, "lobby", 0..25).await;
    fill(&journal, "kitchen", 0..5).await;
    assert_eq!(kept(&journal, "lobby").await, texts(15..25));
    assert_eq!(kept(&journal, "kitchen").await, texts(0..5));
}

pub async fn a_smaller_number_kept_trims_by_itself(bench: Bench) {
    let journal = bench.open(ALL);
    fill(&journal, "lobby", 0..300).await;
    fill(&journal, "kitchen", 0..300).await;
    journal.close().await;
    let journal = bench.open(Retention { keep: 10, ttl: None });
    until("both rooms are trimmed", async || {
        let trimmed = kept(&journal, "lobby").await.len() + kept(&journal, "kitchen").await.len();
        (trimmed == 20).then_some(())
    })
    .await;
    assert_eq!(kept(&journal, "lobby").await, texts(290..300));
}

pub async fn what_is_older_than_the_ttl_goes_and_a_ttl_of_none_keeps_it(bench: Bench) {
    let journal = bench.open(Retention { keep: 1_000, ttl: Some(Duration::from_millis(1)) });
    fill(&journal, "lobby", 0..100).await;
    fill(&journal, "kitchen", 0..100).await;
    until("everything is too old", async || {
        (kept(&journal, "lobby").await.len() + kept(&journal, "kitchen").await.len() == 0)
            .then_some(())
    })
    .await;
    journal.close().await;
    let journal = bench.open(ALL);
    send(&journal, "lobby", "stays").await;
    assert_eq!(kept(&journal, "lobby").await, ["stays"]);
}

pub async fn what_is_too_old_goes_while_somebody_sends_all_the_time(bench: Bench) {
    let journal = bench.open(Retention { keep: 1_000_000, ttl: Some(Duration::from_secs(1)) });
    let first = journal.append(draft("lobby", "first", "first")).await.unwrap().message;
    let mut number = 0;
    until("the first message goes", async || {
        number += 1;
        send(&journal, ["lobby", "kitchen"][number % 2], "hi").await;
        let page = journal.after(&room("lobby"), Seq::ZERO, 1).await.unwrap();
        (page.messages()[0].seq() > first.seq()).then_some(())
    })
    .await;
}

pub async fn a_gap_is_told_with_its_number_where_that_is_known(bench: Bench) {
    // Failure 5: the cursor is older than what is kept.
    let journal = bench.open(Retention { keep: 100, ttl: None });
    fill(&journal, "lobby", 0..50).await;
    let away = journal.last();
    for number in 50..250 {
        send(&journal, "lobby", &number.to_string()).await;
        send(&journal, "kitchen", "between").await;
    }
    let page = journal.after(&room("lobby"), away, 10).await.unwrap();
    assert_eq!(page.gap, Some(Gap { gone: Some(100) }), "50 to 149");
    assert_eq!(page.messages()[0].text.as_str(), "150");
    let start = journal.after(&room("lobby"), Seq::ZERO, 10).await.unwrap();
    assert_eq!(start.gap, Some(Gap { gone: Some(150) }));
    let one_missing = Seq::new(page.messages()[0].seq().get() - 4);
    let page = journal.after(&room("lobby"), one_missing, 10).await.unwrap();
    assert_eq!(page.gap, Some(Gap { gone: Some(1) }));
    let none_missing = Seq::new(page.messages()[0].seq().get() - 2);
    let page = journal.after(&room("lobby"), none_missing, 10).await.unwrap();
    assert_eq!(page.gap, None);
    let elsewhere = journal.after(&room("kitchen"), away, 10).await.unwrap();
    assert_eq!(elsewhere.gap, Some(Gap { gone: Some(100) }), "200 sent since, 100 kept");
}
