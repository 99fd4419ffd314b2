//! Messages that are changed.

use super::*;
use crate::journal::{Changed, Revision};
use crate::message::{Change, State};

async fn change(journal: &Journal, seq: Seq, revision: Revision) -> Changed {
    journal.change(&room("lobby"), seq, revision, None).await.expect("it is answered")
}

fn edit(text: &str) -> Revision {
    Revision::Edit(Text::parse(text).unwrap())
}

fn stored(changed: Changed) -> Change {
    match changed {
        Changed::Stored(change) => change,
        other => panic!("{other:?}"),
    }
}

/// What a reader of the room gets after a place: texts, `-` and a seq for a removal, `~` and a seq and
/// a text for an edit.
async fn after(journal: &Journal, seq: Seq) -> Vec<String> {
    let page = journal.after(&room("lobby"), seq, 100).await.unwrap();
    assert!(page.gap.is_none());
    let shown = page.entries.iter().map(|entry| match entry {
        Entry::Message(message) if message.state == State::Removed => "(removed)".to_owned(),
        Entry::Message(message) => message.text.as_str().to_owned(),
        Entry::Change(change) if change.message.state == State::Removed => "-".to_owned(),
        Entry::Change(change) => format!("~{}", change.message.text.as_str()),
    });
    shown.collect()
}

pub async fn a_removed_message_has_no_text_and_who_has_it_is_told(bench: Bench) {
    let journal = bench.open(ALL);
    let one = send(&journal, "lobby", "one").await.message;
    let two = send(&journal, "lobby", "two").await.message;
    let removal = stored(change(&journal, one.seq(), Revision::Remove).await);
    assert!(removal.id.seq() > two.seq() && journal.last() >= removal.id.seq());
    assert_eq!(removal.message.id, one.id);
    assert_eq!(removal.message.text.as_str(), "");
    assert_eq!(after(&journal, before_first(&one)).await, ["(removed)", "two", "-"]);
    assert_eq!(after(&journal, one.seq()).await, ["two", "-"]);
    assert_eq!(after(&journal, two.seq()).await, ["-"]);
    assert_eq!(after(&journal, removal.id.seq()).await, [""; 0]);
    let newest = journal.before(&room("lobby"), None, 9).await.unwrap();
    let texts: Vec<_> = newest.messages.iter().map(|it| (it.text.as_str(), it.state)).collect();
    assert_eq!(texts, [("", State::Removed), ("two", State::Sent)]);
    assert_eq!(newest.messages[0].name, one.name);
    assert_eq!(newest.messages[0].sent_at, one.sent_at);
    let totals = journal.totals().await.unwrap();
    assert_eq!(totals.messages, 2, "a removal is no message");
    journal.close().await;
}

pub async fn an_edited_message_has_its_new_text_and_the_last_edit_is_told(bench: Bench) {
    let journal = bench.open(ALL);
    let one = send(&journal, "lobby", "one").await.message;
    let first = stored(change(&journal, one.seq(), edit("two")).await);
    assert_eq!(after(&journal, before_first(&one)).await, ["two", "~two"]);
    let second = stored(change(&journal, one.seq(), edit("three")).await);
    assert!(second.id.seq() > first.id.seq());
    assert_eq!(after(&journal, before_first(&one)).await, ["three", "~three"]);
    assert_eq!(after(&journal, first.id.seq()).await, ["~three"]);
    stored(change(&journal, one.seq(), Revision::Remove).await);
    assert_eq!(after(&journal, before_first(&one)).await, ["(removed)", "-"]);
    assert_eq!(change(&journal, one.seq(), edit("four")).await, Changed::Removed);
    assert_eq!(change(&journal, one.seq(), Revision::Remove).await, Changed::Removed);
    journal.close().await;
}

pub async fn what_is_no_message_of_the_room_is_missing(bench: Bench) {
    let journal = bench.open(ALL);
    let one = send(&journal, "lobby", "one").await.message;
    let other = send(&journal, "hall", "other").await.message;
    let removal = stored(change(&journal, one.seq(), Revision::Remove).await);
    for seq in [Seq::ZERO, other.seq(), removal.id.seq(), Seq::new(u64::MAX)] {
        assert_eq!(change(&journal, seq, Revision::Remove).await, Changed::Missing, "{seq}");
    }
    let attic = room("attic");
    let missing = journal.change(&attic, one.seq(), Revision::Remove, None).await.unwrap();
    assert_eq!(missing, Changed::Missing);
    journal.close().await;
}

pub async fn a_retry_of_a_send_that_was_changed_is_answered_with_what_it_is_now(bench: Bench) {
    let journal = bench.open(ALL);
    let one = journal.append(draft("lobby", "one", "k1")).await.unwrap().message;
    let two = journal.append(draft("lobby", "two", "k2")).await.unwrap().message;
    stored(change(&journal, one.seq(), Revision::Remove).await);
    stored(change(&journal, two.seq(), edit("more")).await);
    stored(change(&journal, two.seq(), edit("most")).await);
    journal.close().await;
    let journal = bench.open(ALL);
    for (key, text, first, state, now) in
        [("k1", "one", &one, State::Removed, ""), ("k2", "two", &two, State::Edited, "most")]
    {
        let again = journal.append(draft("lobby", text, key)).await.unwrap();
        assert!(!again.fresh);
        assert_eq!((&again.message.id, again.message.state), (&first.id, state));
        assert_eq!((again.message.text.as_str(), again.message.sent_at), (now, first.sent_at));
        // Whatever is said under it: nobody finds out by trying what it was.
        let other = journal.append(draft("lobby", "else", key)).await.unwrap();
        assert_eq!((other.fresh, other.message.id), (false, first.id.clone()));
    }
    assert_eq!(after(&journal, before_first(&one)).await, ["(removed)", "most", "-", "~most"]);
    journal.close().await;
}

pub async fn a_removal_and_a_retry_of_its_send_at_once_store_nothing_twice(bench: Bench) {
    let journal = bench.open(ALL);
    for number in 0..20 {
        let (key, text) = (format!("key-{number}"), format!("text {number}"));
        let sent = journal.append(draft("lobby", &text, &key)).await.unwrap().message;
        let (removed, again, twice) = tokio::join!(
            change(&journal, sent.seq(), Revision::Remove),
            journal.append(draft("lobby", &text, &key)),
            change(&journal, sent.seq(), Revision::Remove),
        );
        let again = again.unwrap();
        assert!(!again.fresh && again.message.id == sent.id);
        let stored = [&removed, &twice].map(|it| matches!(it, Changed::Stored(_)));
        assert_eq!(stored.iter().filter(|stored| **stored).count(), 1, "{removed:?} {twice:?}");
    }
    assert_eq!(journal.totals().await.unwrap().messages, 20);
    let newest = journal.before(&room("lobby"), None, 99).await.unwrap();
    assert!(newest.messages.iter().all(|it| it.state == State::Removed));
    journal.close().await;
}

pub async fn what_follows_gets_each_change_as_the_message_is_by_then(bench: Bench) {
    let journal = bench.open(ALL);
    let one = send(&journal, "lobby", "one").await.message;
    let mut followed = std::pin::pin!(journal.follow("test", before_first(&one), |_| false));
    let mut got = Vec::new();
    stored(change(&journal, one.seq(), edit("two")).await);
    let removal = stored(change(&journal, one.seq(), Revision::Remove).await);
    while got.last().map(Entry::seq) != Some(removal.id.seq()) {
        got.extend(followed.next().await.expect("it goes on").expect("it can be read"));
    }
    let Some(Entry::Change(last)) = got.last() else { panic!("{got:?}") };
    assert_eq!((&last.message.id, last.message.state), (&one.id, State::Removed));
    journal.close().await;
}

pub async fn a_room_keeps_as_many_messages_whatever_is_changed_in_it(bench: Bench) {
    let journal = bench.open(Retention { keep: 5, ttl: None });
    let mut last = None;
    for number in 0..40 {
        let sent = send(&journal, "lobby", &number.to_string()).await.message;
        if number % 2 == 0 {
            stored(change(&journal, sent.seq(), edit("edited")).await);
        }
        if number % 3 == 0 {
            stored(change(&journal, sent.seq(), Revision::Remove).await);
        }
        last = Some(sent);
    }
    until("five are kept", async || {
        let totals = journal.totals().await.unwrap();
        (totals.messages == 5).then_some(())
    })
    .await;
    let newest = journal.before(&room("lobby"), None, 99).await.unwrap();
    let shown: Vec<_> = newest.messages.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(shown, ["35", "", "37", "edited", ""]);
    let page = journal.after(&room("lobby"), Seq::ZERO, 100).await.unwrap();
    let gone = page.gap.expect("a gap").gone;
    assert!(gone == Some(35) || (gone.is_none() && journal.is_shared()), "{gone:?}");
    assert_eq!(last.map(|last| last.seq()), newest.messages.last().map(Message::seq));
    let trimmed = change(&journal, Seq::new(2), Revision::Remove).await;
    assert_eq!(trimmed, Changed::Missing);
    journal.close().await;
}

/// The files below a directory that hold any of these, and whose.
pub(super) fn files_with(home: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let path = file.path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        for word in words {
            if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
                found.push(format!("{word} in {}", path.display()));
            }
        }
    }
    found
}

pub async fn no_byte_of_what_was_removed_stays_on_any_disk(bench: Bench) {
    let words = ["quicksilver", "saltpetre", "antimony", "realgar"];
    let journal = bench.open(ALL);
    let long = format!("{} {} end", "x".repeat(3900), words[1]);
    let mut sent = Vec::new();
    for (number, text) in [words[0], &long, words[2], "harmless"].into_iter().enumerate() {
        sent.push(send(&journal, "lobby", text).await.message);
        // Neighbours, so that pages are full and rows move.
        fill(&journal, "lobby", 0..40 * u32::try_from(number).unwrap()).await;
    }
    stored(change(&journal, sent[3].seq(), edit(words[3])).await);
    stored(change(&journal, sent[3].seq(), edit("longer than what it was before")).await);
    let mut homes = vec![bench.home.path().to_owned()];
    #[cfg(feature = "nats")]
    homes.extend(bench.servers.iter().map(|servers| servers.store(0)));
    for home in &homes {
        assert!(!files_with(home, &words[..3]).is_empty(), "they are there: {}", home.display());
    }
    for message in &sent {
        stored(change(&journal, message.seq(), Revision::Remove).await);
    }
    until("nothing is left of it", async || {
        let left: Vec<_> = homes.iter().flat_map(|home| files_with(home, &words)).collect();
        left.is_empty().then_some(())
    })
    .await;
    let copy = bench.home.path().join("copy.db");
    let file = rusqlite::Connection::open(journal.path()).unwrap();
    file.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    drop(file);
    assert_eq!(files_with(bench.home.path(), &words), [""; 0]);
    journal.close().await;
    assert_eq!(files_with(bench.home.path(), &words), [""; 0]);
}

fn before_first(first: &Message) -> Seq {
    Seq::new(first.seq().get() - 1)
}
