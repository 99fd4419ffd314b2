//! One thread takes from one queue, so all that chance decides about a group commit is which
//! drafts are committed together, and which commit fails. Every such course is run here.

use super::*;
use crate::{
    journal::{Retention, followers::Followers, holds::Holds},
    message::{Key, Name, RoomName, Text},
};

/// What is sent, in the order of the queue: key and text. Two keys come again, one of them
/// with another text.
const SENT: [(&str, char); 6] =
    [("a", '1'), ("b", '2'), ("a", '1'), ("c", '3'), ("b", 'x'), ("d", '4')];

fn draft((key, text): (&str, char)) -> Draft {
    Draft {
        room: RoomName::parse("lobby").unwrap(),
        name: Name::parse("ann").unwrap(),
        // 12 KB: each needs pages of its own, so that a full disk shows.
        text: Text::parse(&format!("{text}{}", "€".repeat(Text::MAX_CHARS - 1))).unwrap(),
        key: Key::parse(key).unwrap(),
        author: None,
    }
}

/// Runs one course: `cuts` has a bit for each place where one batch ends and the next begins;
/// the batch at `fails` meets a full disk.
fn run(cuts: u32, fails: Option<usize>) -> usize {
    let home = tempfile::tempdir().unwrap();
    let retention = Retention { keep: 100, ttl: None };
    let data = home.path().join("hubbub.db");
    let writer = Writer::open(&data, retention, Followers::default(), Holds::default());
    let writer = writer.unwrap();
    let mark = Mark::new(writer.lock().mark().try_clone().unwrap());
    let (mut sequence, watcher, _ended) =
        Sequence::new(writer, Rulebook::default(), Epoch::fresh(), Seq::ZERO, mark, Metrics::new());

    let mut answers = Vec::new();
    let mut batch = Vec::new();
    let mut batches = 0;
    for (place, sent) in SENT.into_iter().enumerate() {
        let (answer, answered) = oneshot::channel();
        batch.push(Waiting::Append { draft: draft(sent), answer });
        answers.push((sent, batches, answered));
        if cuts & (1 << place) != 0 || place + 1 == SENT.len() {
            sequence.writer.fill_the_disk(fails == Some(batches));
            sequence.commit(&mut batch);
            sequence.writer.fill_the_disk(false);
            batches += 1;
            assert!(batch.is_empty());
        }
    }

    // What must have become of each, by the rules alone.
    let mut stored: Vec<((&str, char), Seq)> = Vec::new();
    let mut failed_for_lack_of_room = false;
    for (sent, in_batch, mut answered) in answers {
        let outcome = answered.try_recv().expect("each sender is answered, once");
        let first = stored.iter().find(|((key, _), _)| *key == sent.0).copied();
        match (outcome, first) {
            (Err(AppendError::Disk(_)), _) => {
                assert_eq!(fails, Some(in_batch), "only the batch that failed");
                failed_for_lack_of_room = true;
            }
            (Ok(appended), Some((same, seq))) => {
                assert_eq!(same, sent);
                assert!(!appended.fresh && appended.message.seq() == seq);
            }
            (Err(AppendError::KeyReused), Some((first, _))) => assert_ne!(first, sent),
            (Ok(appended), None) => {
                let next = Seq::new(stored.len() as u64 + 1);
                assert!(appended.fresh);
                assert_eq!(appended.message.seq(), next, "no hole, also after a failure");
                stored.push((sent, next));
            }
            (outcome, first) => panic!("{sent:?}: {outcome:?} after {first:?}"),
        }
    }
    assert_eq!(*watcher.borrow(), Seq::new(stored.len() as u64));
    assert_eq!(sequence.writer.last().unwrap(), Seq::new(stored.len() as u64));
    assert_eq!(sequence.writer.count(), stored.len() as u64, "nothing half-written");
    if let Some(batch) = fails.filter(|batch| *batch < batches) {
        // A batch of keys that came before writes nothing, and cannot fail.
        assert!(failed_for_lack_of_room || batch > 0, "the full disk was met");
    }
    batches
}

#[test]
fn however_drafts_gather_and_whichever_commit_fails_each_is_answered_once_and_truly() {
    for cuts in 0..1 << (SENT.len() - 1) {
        let batches = run(cuts, None);
        for fails in 0..batches {
            run(cuts, Some(fails));
        }
    }
}
