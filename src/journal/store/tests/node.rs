//! A node's store: what a stream brings is decided alike on every node.

use super::*;
use crate::{
    journal::{
        Gap,
        store::{Applied, Erasure, Standing, found::Found},
    },
    message::{Act, RuleKey, Ruling},
};

impl Bench {
    fn apply(&mut self, seq: u64, key: &str, text: &str, sent_at: i64) -> Applied {
        let message = Message {
            id: MessageId::new(Epoch::parse("e").unwrap(), Seq::new(seq)),
            room: room("lobby"),
            name: Name::parse("ann").unwrap(),
            text: Text::parse(text).unwrap(),
            sent_at: at(sent_at),
            state: State::Sent,
        };
        let retention = self.writer.retention;
        let mut batch = self.writer.batch().unwrap();
        if seq != self.seq + 1 {
            batch.note_hole(Seq::new(seq - 1)).unwrap();
        }
        let key = Key::parse(key).unwrap();
        let applied = batch.apply(&key, &Entry::Message(message), None, retention).unwrap();
        batch.commit(Seq::new(seq)).unwrap();
        self.seq = seq;
        applied
    }

    fn missed(&mut self, after: u64) -> Option<Gap> {
        let epoch = Epoch::parse("e").unwrap();
        let reader = Reader::begin(&mut self.writer.connection, &epoch).unwrap();
        let page = reader.after(&room("lobby"), Seq::new(after), 100).unwrap();
        page.gap
    }
}

fn skipped(seq: u64, same: bool) -> Applied {
    Applied::Skipped(Found { seq: Seq::new(seq), sent_at: at(NOW), same, changed: None })
}

#[test]
fn a_key_that_comes_again_is_passed_over_while_its_message_is_among_those_kept() {
    // A node that saw the first, trimmed or not, and one that began late must decide alike.
    let mut bench = Bench::new(Retention { keep: 3, ttl: None });
    bench.writer.follow().unwrap();
    assert_eq!(bench.apply(1, "k", "hi", NOW), Applied::Stored);
    assert_eq!(bench.apply(2, "k", "hi", NOW), skipped(1, true));
    assert_eq!(bench.apply(3, "k", "ho", NOW), skipped(1, false));
    assert_eq!(bench.apply(4, "b", "b", NOW), Applied::Stored);
    assert_eq!(bench.apply(5, "c", "c", NOW), Applied::Stored);
    assert_eq!(bench.apply(6, "k", "hi", NOW), skipped(1, true), "the third of three");
    assert_eq!(bench.apply(7, "d", "d", NOW), Applied::Stored);
    assert_eq!(
        bench.apply(8, "k", "hi", NOW),
        Applied::Stored,
        "one that began late knows no first"
    );
    assert_eq!(bench.apply(9, "k", "hi", NOW), skipped(8, true));
    assert_eq!(bench.kept("lobby"), 3);
}

#[test]
fn a_message_that_the_stream_has_twice_is_erased_there_where_it_came_second() {
    let mut bench = Bench::new(Retention { keep: 3, ttl: None });
    bench.writer.follow().unwrap();
    bench.apply(1, "k", "hi", NOW);
    bench.apply(2, "k", "hi", NOW);
    bench.apply(3, "b", "hi", NOW);
    let erasures = bench.writer.erasures(9).unwrap();
    assert_eq!(erasures, [Erasure { seq: Seq::new(2), key: Key::parse("k").unwrap() }]);
}

#[test]
fn a_key_is_free_when_its_message_is_too_old_by_the_streams_clock() {
    let mut bench = Bench::new(Retention { keep: 100, ttl: TTL });
    bench.writer.follow().unwrap();
    bench.apply(1, "k", "hi", NOW);
    assert_eq!(bench.apply(2, "k", "hi", NOW + HOUR), skipped(1, true));
    assert_eq!(bench.apply(3, "k", "hi", NOW + HOUR + 1), Applied::Stored);
}

#[test]
fn before_a_hole_nothing_is_known_and_after_it_everything() {
    let mut bench = Bench::new(Retention { keep: 100, ttl: None });
    bench.writer.follow().unwrap();
    bench.apply(50, "a", "a", NOW);
    bench.apply(51, "b", "b", NOW);
    assert_eq!(bench.missed(10), Some(Gap { gone: None }));
    assert_eq!(bench.missed(49), None);
    assert_eq!(bench.missed(50), None);
}

#[test]
fn it_begins_anew_with_nothing_and_keeps_how_it_stands() {
    let mut bench = Bench::new(Retention { keep: 100, ttl: None });
    bench.writer.follow().unwrap();
    assert_eq!(bench.writer.standing().unwrap(), None, "it was never a node's");
    bench.apply(1, "k", "hi", NOW);
    bench.writer.begin_anew(Seq::new(7), true).unwrap();
    let standing = Standing { filled: Seq::new(7), anew: false };
    assert_eq!(bench.writer.standing().unwrap(), Some(standing));
    assert_eq!((bench.writer.last().unwrap(), bench.writer.count()), (Seq::ZERO, 0));
    bench.seq = 0;
    assert_eq!(bench.apply(1, "k", "another", NOW), Applied::Stored);
    let mut bench = bench.reopen(Retention { keep: 100, ttl: None });
    bench.writer.follow().unwrap();
    assert_eq!(bench.writer.standing().unwrap(), Some(standing));
    let batch = bench.writer.batch().unwrap();
    batch.commit_standing(Standing { anew: true, ..standing }).unwrap();
    assert!(bench.writer.standing().unwrap().unwrap().anew);
}

#[test]
fn what_was_done_stays_noted_once_where_the_stream_brings_a_part_of_it_again() {
    let mut bench = Bench::new(Retention { keep: 100, ttl: None });
    bench.writer.follow().unwrap();
    let lift = |bench: &mut Bench, seq: u64| {
        let act = Act { by: "operator".into(), what: seq.to_string(), room: None, target: None };
        let ruling = Ruling { key: RuleKey::Ban("1".into()), rule: None, act };
        let mut batch = bench.writer.batch().unwrap();
        batch.apply_rule(Seq::new(seq), Timestamp::from_second(1).unwrap(), &ruling).unwrap();
        batch.commit(Seq::new(seq)).unwrap();
    };
    let noted = |bench: &Bench| -> Vec<String> {
        let sql = "SELECT what FROM acts ORDER BY seq";
        let mut statement = bench.writer.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    for seq in [1, 3] {
        lift(&mut bench, seq);
    }
    bench.writer.begin_anew(Seq::new(7), true).unwrap();
    for seq in [2, 3] {
        lift(&mut bench, seq);
    }
    assert_eq!(noted(&bench), ["1", "2", "3"]);
    bench.writer.begin_anew(Seq::new(7), false).unwrap();
    assert_eq!(noted(&bench), [""; 0], "seqs of another stream mean something else");
}

#[test]
fn what_it_had_is_put_aside_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bench = Bench::new(Retention { keep: 100, ttl: None });
    bench.writer.follow().unwrap();
    bench.apply(1, "k", "hi", NOW);
    let aside = bench.writer.set_aside(&Epoch::parse("e").unwrap()).unwrap();
    assert_eq!(aside, bench.home.path().canonicalize().unwrap().join("hubbub.db.e"));
    assert_eq!(aside.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let copy = rusqlite::Connection::open(aside).unwrap();
    let text: String = copy.query_row("SELECT body FROM entries", [], |row| row.get(0)).unwrap();
    assert_eq!(text, "hi");
}
