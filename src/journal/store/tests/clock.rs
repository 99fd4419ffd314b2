//! Clocks that were wrong, are wrong, or jump.

use super::*;

const YEAR: i64 = 365 * 24 * HOUR;

#[test]
fn one_message_from_the_future_stops_no_room_from_being_trimmed_by_age() {
    let future = NOW + 70 * 365 * 24 * HOUR;
    let mut bench = Bench::new(Retention { keep: 1000, ttl: TTL });
    bench.send([("wrong", future)]);
    bench.send([("wrong", NOW), ("lobby", NOW), ("lobby", NOW), ("hall", NOW), ("wrong", NOW)]);
    bench.send([("late", NOW + HOUR), ("wrong", NOW + HOUR)]);
    bench.tend(NOW + HOUR + 1);
    let kept = ["lobby", "hall", "late", "wrong"].map(|name| bench.kept(name));
    assert_eq!(kept, [0, 0, 1, 1], "its own room neither");
    bench.tend(NOW + 2 * HOUR + 1);
    assert_eq!(bench.kept("late") + bench.kept("wrong"), 0);
}

#[test]
fn one_message_from_the_past_takes_no_other_with_it() {
    let mut bench = Bench::new(Retention { keep: 1000, ttl: TTL });
    bench.send([("lobby", NOW), ("lobby", 0), ("lobby", NOW)]);
    bench.tend(NOW + 1);
    assert_eq!(bench.kept("lobby"), 3);
    bench.tend(NOW + HOUR + 1);
    assert_eq!(bench.kept("lobby"), 0);
}

#[test]
fn messages_from_the_future_however_many_are_trimmed_with_those_after_them() {
    let mut bench = Bench::new(Retention { keep: 1000, ttl: TTL });
    bench.send([("lobby", NOW + YEAR); 300]);
    bench.send([("lobby", NOW), ("lobby", NOW + HOUR)]);
    bench.tend(NOW + HOUR + 1);
    assert_eq!(bench.kept("lobby"), 1);
}

#[test]
fn a_message_from_the_future_that_none_follows_is_trimmed_when_it_has_been_seen_for_as_long() {
    let ttl = Duration::from_millis(50);
    let mut bench = Bench::new(Retention { keep: 1000, ttl: Some(ttl) });
    bench.send([("lobby", NOW + YEAR), ("lobby", NOW + YEAR), ("hall", NOW - 10)]);
    bench.tend(NOW);
    assert_eq!((bench.kept("lobby"), bench.kept("hall")), (2, 1), "nothing is old");
    bench.send([("lobby", NOW + YEAR)]);
    std::thread::sleep(ttl);
    bench.tend(NOW + 1);
    assert_eq!((bench.kept("lobby"), bench.kept("hall")), (1, 1), "the third came later");
    std::thread::sleep(ttl);
    bench.tend(NOW + 2);
    assert_eq!(bench.kept("lobby"), 1, "it has been seen since the last step only");
    std::thread::sleep(ttl);
    bench.tend(NOW + 3);
    assert_eq!((bench.kept("lobby"), bench.kept("hall")), (0, 1));
}

#[test]
fn a_clock_that_goes_back_for_a_while_trims_nothing_early() {
    let mut bench = Bench::new(Retention { keep: 1000, ttl: TTL });
    bench.send([("lobby", NOW + YEAR), ("hall", NOW + YEAR)]);
    // All that there is seems to be from the future now.
    bench.tend(NOW);
    bench.send([("lobby", NOW)]);
    bench.tend(NOW + 1);
    assert_eq!((bench.kept("lobby"), bench.kept("hall")), (2, 1));
}

#[test]
fn by_a_clock_that_has_just_jumped_nothing_is_trimmed() {
    let ttl = Duration::from_hours(1);
    let mut age = age::Age::default();
    let begun = Instant::now();
    let mut believes = |clock_s: i64, passed_s: u64| {
        let now = at(NOW + clock_s * 1000);
        let at = begun + Duration::from_secs(passed_s);
        age.look(now, at);
        age.believes(at, ttl)
    };
    assert!(believes(0, 0), "a start believes what it finds");
    assert!(believes(61, 60) && believes(120, 120), "it may be slewed");
    assert!(!believes(100_000, 121), "ahead");
    assert!(!believes(100_500, 621));
    assert!(!believes(622, 622), "and back");
    assert!(!believes(1221, 1221));
    assert!(believes(1222, 1222), "ten minutes later");
}

#[test]
fn the_room_that_was_written_to_last_is_listed_first_whatever_the_clock_said() {
    let mut bench = Bench::new(Retention { keep: 10, ttl: None });
    bench.send([("lobby", NOW), ("ahead", NOW + YEAR), ("hall", NOW + 1), ("lobby", NOW)]);
    let mut connection = open::readable(&bench.home.path().join("hubbub.db")).unwrap();
    let epoch = Epoch::parse("e").unwrap();
    let rooms = Reader::begin(&mut connection, &epoch).unwrap().rooms(10).unwrap();
    let names: Vec<_> = rooms.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["lobby", "hall", "ahead"]);
}

#[test]
fn a_message_whose_time_no_calendar_has_can_be_read() {
    for time in [i64::MAX, i64::MIN, 253_402_207_200_999, 253_402_300_800_000, -377_705_116_800_001]
    {
        let mut bench = Bench::new(Retention { keep: 1000, ttl: None });
        bench.send([("lobby", NOW), ("lobby", NOW)]);
        bench
            .writer
            .connection
            .execute("UPDATE entries SET sent_at = ?1 WHERE seq = 1", [time])
            .unwrap();
        let mut connection = open::readable(bench.writer.path()).unwrap();
        let epoch = Epoch::fresh();
        let reader = Reader::begin(&mut connection, &epoch).unwrap();
        assert_eq!(reader.follow(Seq::new(0), 10).unwrap().len(), 2, "{time}");
    }
}
