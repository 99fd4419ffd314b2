//! Rooms without messages.

use super::*;
use crate::journal::Gap;

const DAY: i64 = 24 * HOUR;

impl Bench {
    fn gap(&self, name: &str, seq: u64) -> Option<Gap> {
        let mut connection = open::readable(&self.home.path().join("hubbub.db")).unwrap();
        let epoch = Epoch::parse("e").unwrap();
        let reader = Reader::begin(&mut connection, &epoch).unwrap();
        reader.after(&room(name), Seq::new(seq), 10).unwrap().gap
    }

    /// How many rooms there are in a file that is whole.
    fn rooms(&self) -> i64 {
        let path = self.home.path().join("hubbub.db");
        check::inspect(&self.writer.connection, &path, true).unwrap();
        self.number("SELECT count(*) FROM rooms")
    }
}

#[test]
fn a_room_without_messages_is_forgotten_a_week_after_and_who_comes_back_is_told_of_a_gap() {
    let mut bench = Bench::new(Retention { keep: 1000, ttl: TTL });
    bench.send((0..300).map(|_| ("lobby", NOW)));
    bench.send([("hall", NOW + DAY)]);
    bench.tend(NOW + 7 * DAY);
    assert_eq!((bench.kept("lobby"), bench.kept("hall")), (0, 0));
    assert_eq!(bench.rooms(), 2);
    assert_eq!(bench.gap("lobby", 100), Some(Gap { gone: Some(200) }), "it is remembered");

    bench.tend(NOW + 7 * DAY + HOUR + 1);
    assert_eq!(bench.rooms(), 1, "the hall is remembered still");
    assert_eq!(bench.number("SELECT count(*) FROM entries"), 1, "and its message");
    let unknown = Some(Gap { gone: None });
    assert_eq!(bench.gap("lobby", 100), unknown);
    assert_eq!(bench.gap("lobby", 300), None, "who saw the last of them missed nothing");
    assert_eq!(bench.gap("hall", 300), Some(Gap { gone: Some(1) }));

    // Somebody comes back to it.
    let later = NOW + 8 * DAY;
    bench.send([("lobby", later), ("lobby", later)]);
    assert_eq!(bench.kept("lobby"), 2);
    assert_eq!((bench.gap("lobby", 0), bench.gap("lobby", 299)), (unknown, unknown));
    assert_eq!(bench.gap("lobby", 300), None);
    bench.tend(later + HOUR + 1);
    assert_eq!(bench.rooms(), 1, "the hall is gone, and the lobby is not");
    assert_eq!((bench.gap("lobby", 299), bench.gap("hall", 0)), (unknown, unknown));
    assert_eq!(bench.gap("lobby", 300), Some(Gap { gone: Some(2) }), "of those since");
    assert_eq!(bench.gap("lobby", 302), Some(Gap { gone: Some(1) }));

    let mut bench = bench.reopen(Retention { keep: 1000, ttl: TTL });
    bench.tend(later + 7 * DAY + HOUR + 1);
    assert_eq!((bench.rooms(), bench.number("SELECT count(*) FROM entries")), (0, 0));
    bench.send([("hall", later + 9 * DAY)]);
    assert_eq!((bench.kept("hall"), bench.gap("hall", 303)), (1, None));
}

#[test]
fn rooms_are_kept_that_have_messages_or_whose_messages_do_not_age() {
    let mut bench = Bench::new(Retention { keep: 1000, ttl: None });
    bench.send([("lobby", NOW)]);
    bench.tend(NOW + 365 * DAY);
    assert_eq!((bench.rooms(), bench.kept("lobby")), (1, 1));
}
