//! What a journal is when it is opened again, and when it is not the same any more.

use super::*;

pub async fn reopened_it_has_the_same_epoch_messages_and_next_seq(bench: Bench) {
    let journal = bench.open(ALL);
    let epoch = journal.epoch().clone();
    fill(&journal, "lobby", 0..5).await;
    let last = journal.last();
    journal.close().await;
    let journal = bench.open(ALL);
    assert_eq!(*journal.epoch(), epoch);
    assert_eq!(kept(&journal, "lobby").await, texts(0..5));
    assert_eq!(send(&journal, "lobby", "5").await.message.seq(), last.next());
}

pub async fn ids_survive_trimming_of_everything_and_vacuum(bench: Bench) {
    let journal = bench.open(Retention { keep: 10, ttl: Some(Duration::from_millis(1)) });
    let (epoch, before) = (journal.epoch().clone(), journal.last().get());
    fill(&journal, "lobby", 0..20).await;
    let last = journal.last();
    until("everything is trimmed", async || kept(&journal, "lobby").await.is_empty().then_some(()))
        .await;
    let page = journal.after(&room("lobby"), Seq::new(before + 5), 10).await.unwrap();
    assert_eq!(
        page.gap,
        Some(Gap { gone: Some(15) }),
        "a reader is told also when nothing is left"
    );
    journal.close().await;
    let file = rusqlite::Connection::open(bench.home.path().join("hubbub.db")).unwrap();
    file.execute_batch("VACUUM").unwrap();
    file.close().unwrap();
    let journal = bench.open(ALL);
    assert_eq!(*journal.epoch(), epoch);
    assert_eq!(journal.last(), last);
    assert_eq!(send(&journal, "lobby", "next").await.message.seq(), last.next());
}

pub async fn a_deleted_file_is_a_new_epoch(bench: Bench) {
    let journal = bench.open(ALL);
    let epoch = journal.epoch().clone();
    send(&journal, "lobby", "hi").await;
    journal.close().await;
    std::fs::remove_file(bench.home.path().join("hubbub.db")).unwrap();
    let journal = bench.open(ALL);
    assert_ne!(*journal.epoch(), epoch);
    assert_eq!(send(&journal, "lobby", "hi").await.message.seq(), Seq::new(1));
}

pub async fn an_older_copy_put_back_is_a_new_epoch_with_its_messages(bench: Bench) {
    // Failure 4: restored data gives ids again that readers have seen for other messages.
    let (data, copy) = (bench.home.path().join("hubbub.db"), bench.home.path().join("copy.db"));
    let journal = bench.open(ALL);
    let epoch = journal.epoch().clone();
    fill(&journal, "lobby", 0..3).await;
    journal.close().await;
    std::fs::copy(&data, &copy).unwrap();
    let journal = bench.open(ALL);
    assert_eq!(*journal.epoch(), epoch, "a plain restart keeps it");
    fill(&journal, "lobby", 3..5).await;
    journal.close().await;
    std::fs::rename(&copy, &data).unwrap();
    let journal = bench.open(ALL);
    assert_ne!(*journal.epoch(), epoch);
    let renewed = journal.epoch().clone();
    assert_eq!(kept(&journal, "lobby").await, texts(0..3));
    journal.close().await;
    assert_eq!(*bench.open(ALL).epoch(), renewed, "once is enough");
}

pub async fn data_from_another_machine_is_a_new_epoch_with_its_messages(bench: Bench) {
    let mark = bench.home.path().join("hubbub.db.lock");
    let journal = bench.open(ALL);
    let mut epoch = journal.epoch().clone();
    fill(&journal, "lobby", 0..3).await;
    journal.close().await;
    let ours = std::fs::read(&mark).unwrap();
    for put in ["nothing", "an empty one", "another machine's"] {
        match put {
            "nothing" => std::fs::remove_file(&mark).unwrap(),
            "an empty one" => std::fs::write(&mark, "").unwrap(),
            _ => std::fs::write(&mark, &ours).unwrap(),
        }
        let journal = bench.open(ALL);
        assert_ne!(*journal.epoch(), epoch, "{put} beside the data");
        epoch = journal.epoch().clone();
        assert_eq!(kept(&journal, "lobby").await, texts(0..3));
        journal.close().await;
        let journal = bench.open(ALL);
        assert_eq!(*journal.epoch(), epoch, "once is enough");
        journal.close().await;
    }
}
