use tokio_stream::StreamExt as _;

use super::*;

fn room() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn name(raw: &str) -> Name {
    Name::parse(raw).unwrap()
}

/// Who is listed, as a page would say it.
fn said(people: &People) -> String {
    let each = people.names.iter().map(|person| {
        if person.away { format!("{} (away)", person.name) } else { person.name.to_string() }
    });
    each.collect::<Vec<_>>().join(", ")
}

fn here(roster: &Roster) -> String {
    said(&roster.people(&room()))
}

/// What a sweep says of the room now, if anything.
fn change(roster: &Roster) -> Option<String> {
    let changed = roster.sweep(Instant::now());
    let mut people = changed.iter().filter_map(|room| roster.unannounced(room));
    people.next().map(|people| said(&people))
}

impl Roster {
    /// A stream of a tab, whoever else bears its name.
    pub(super) fn open(&self, room: &RoomName, tab: &str, name: &Name) -> Guard {
        let (key, skeleton) = (Key::new(room, tab), Skeleton::of(name));
        let generation = self.lock().enter(&key, name, skeleton, Instant::now());
        Guard { roster: self.clone(), held: Held::Tab(key, generation) }
    }
}

async fn pass(time: Duration) {
    time::advance(time).await;
}

fn assert_nothing_is_kept(roster: &Roster) {
    roster.lock().assert_is_empty();
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_comes_back_within_the_grace_neither_leaves_nor_joins() {
    let roster = Roster::new();
    let guard = roster.open(&room(), "1", &name("ann"));
    assert_eq!(change(&roster).as_deref(), Some("ann"));
    drop(guard);
    pass(PRESENCE_GRACE.mul_f32(0.99)).await;
    assert_eq!(change(&roster), None);
    let guard = roster.open(&room(), "1", &name("ann"));
    pass(PRESENCE_GRACE * 2).await;
    assert_eq!(change(&roster), None);
    assert_eq!(here(&roster), "ann");
    drop(guard);
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster).as_deref(), Some(""));
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_name_in_two_tabs_counts_once_until_both_are_gone() {
    let roster = Roster::new();
    let one = roster.open(&room(), "1", &name("ann"));
    let other = roster.open(&room(), "2", &name("ann"));
    assert_eq!(roster.people(&room()).count, 1);
    drop(one);
    pass(PRESENCE_GRACE).await;
    change(&roster);
    assert_eq!(here(&roster), "ann");
    assert_eq!(roster.check(&room(), &name("ann")), Err(NameTaken { by_own: false }));
    drop(other);
    pass(PRESENCE_GRACE).await;
    change(&roster);
    assert_eq!(roster.people(&room()).count, 0);
    assert_eq!(roster.check(&room(), &name("ann")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_hidden_tab_is_away_after_a_grace_and_back_at_once() {
    let roster = Roster::new();
    let ann = name("ann");
    let guard = roster.open(&room(), "1", &ann);
    assert_eq!(change(&roster).as_deref(), Some("ann"));
    roster.hide(&room(), "1", &ann, 0);
    drop(guard);
    pass(PRESENCE_GRACE / 2).await;
    let guard = roster.open(&room(), "1", &ann);
    assert_eq!(change(&roster), None, "a look into another tab, and back");
    roster.hide(&room(), "1", &ann, 0);
    drop(guard);
    pass(PRESENCE_GRACE.mul_f32(0.99)).await;
    assert_eq!(change(&roster), None);
    pass(PRESENCE_GRACE.mul_f32(0.02)).await;
    assert_eq!(change(&roster).as_deref(), Some("ann (away)"));
    assert_eq!(roster.check(&room(), &name("Ann")), Err(NameTaken { by_own: false }));
    // As long as it says so again, and no longer.
    for _ in 0..10 {
        pass(HIDDEN_LEASE / 2).await;
        roster.hide(&room(), "1", &ann, 0);
        assert_eq!(change(&roster), None);
    }
    let guard = roster.open(&room(), "1", &ann);
    assert_eq!(change(&roster).as_deref(), Some("ann"));
    roster.hide(&room(), "1", &ann, 0);
    drop(guard);
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster).as_deref(), Some("ann (away)"));
    pass(HIDDEN_LEASE - PRESENCE_GRACE).await;
    assert_eq!(change(&roster).as_deref(), Some(""));
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_hidden_tab_that_is_closed_is_gone_after_a_grace() {
    let roster = Roster::new();
    let ann = name("ann");
    drop(roster.open(&room(), "1", &ann));
    roster.hide(&room(), "1", &ann, 0);
    pass(PRESENCE_GRACE * 3).await;
    assert_eq!(change(&roster).as_deref(), Some("ann (away)"));
    roster.show(&room(), "1");
    assert_eq!(change(&roster).as_deref(), Some("ann"), "here for a grace");
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster).as_deref(), Some(""));
    roster.show(&room(), "1");
    assert_eq!(change(&roster), None, "who is gone does not come by that");
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_away_when_all_its_tabs_are_and_a_tab_is_looked_at_once() {
    let roster = Roster::new();
    let ann = name("ann");
    let guards = [roster.open(&room(), "1", &ann), roster.open(&room(), "2", &ann)];
    change(&roster);
    for _ in 0..1000 {
        roster.hide(&room(), "1", &ann, 0);
    }
    assert_eq!(roster.lock().deadlines(), 1, "word that is repeated takes no more memory");
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster), None);
    roster.hide(&room(), "2", &ann, 0);
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster).as_deref(), Some("ann (away)"));
    pass(HIDDEN_LEASE * 2).await;
    assert_eq!(change(&roster), None, "its streams are open: it is there");
    roster.show(&room(), "2");
    assert_eq!(change(&roster).as_deref(), Some("ann"));
    drop(guards);
}

#[tokio::test(start_paused = true)]
async fn names_that_look_alike_are_taken_while_somebody_is_here() {
    let roster = Roster::new();
    roster.join(&room(), "1", &name("Ann"), None, 0).unwrap();
    assert_eq!(roster.people(&room()).count, 0, "joined, and not here yet");
    let guard = roster.open(&room(), "1", &name("Ann"));
    for alike in ["Ann", "ann", "ANN", "Ａｎｎ", "Аnn", "ɑnn"] {
        assert_eq!(
            roster.join(&room(), "2", &name(alike), None, 0),
            Err(NameTaken { by_own: false }),
            "{alike}"
        );
        assert_eq!(
            roster.check(&room(), &name(alike)),
            Err(NameTaken { by_own: false }),
            "{alike}"
        );
    }
    for other in ["Anna", "Bob", "李"] {
        assert_eq!(roster.check(&room(), &name(other)), Ok(()), "{other}");
    }
    assert_eq!(roster.check(&RoomName::parse("hall").unwrap(), &name("ann")), Ok(()));
    roster.leave(&room(), "1");
    assert_eq!(roster.check(&room(), &name("ann")), Ok(()), "free at once");
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn who_joined_and_never_came_has_the_name_for_a_grace() {
    let roster = Roster::new();
    roster.join(&room(), "1", &name("ann"), None, 0).unwrap();
    assert_eq!(roster.check(&room(), &name("ann")), Err(NameTaken { by_own: false }));
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster), None, "nobody saw it come, nobody sees it go");
    assert_eq!(roster.check(&room(), &name("ann")), Ok(()));
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_left_is_not_brought_back_by_word_that_it_is_hidden_and_its_name_is_free() {
    let roster = Roster::new();
    let ann = name("ann");
    roster.join(&room(), "1", &ann, None, 0).unwrap();
    let guard = roster.open(&room(), "1", &ann);
    roster.leave(&room(), "1");
    roster.hide(&room(), "1", &ann, 0);
    assert_eq!(here(&roster), "");
    assert_eq!(roster.check(&room(), &ann), Ok(()));
    drop(guard);
    roster.hide(&room(), "1", &ann, 0);
    assert_eq!((here(&roster).as_str(), roster.check(&room(), &ann)), ("", Ok(())));
    pass(LEFT_TAB_TTL).await;
    change(&roster);
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn guards_from_before_a_tab_left_change_nothing_of_one_that_comes_under_its_id() {
    let roster = Roster::new();
    let ann = name("ann");
    let before = roster.open(&room(), "1", &ann);
    roster.leave(&room(), "1");
    let guard = roster.open(&room(), "1", &ann);
    drop(before);
    pass(PRESENCE_GRACE * 2).await;
    assert_eq!(change(&roster).as_deref(), Some("ann"), "its stream is open");
    drop(guard);
    pass(PRESENCE_GRACE).await;
    assert_eq!(change(&roster).as_deref(), Some(""));
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_left_has_no_name_any_more_and_one_that_is_away_has_it_while_nobody_else_has() {
    let roster = Roster::new();
    let ann = name("ann");
    let may = |tab: &str| {
        let may = roster.check_tab(&room(), tab, &ann, || 0);
        assert_eq!(roster.enter(&room(), tab, &ann, 0).map(drop), may, "by its stream as well");
        may
    };
    let guard = roster.enter(&room(), "1", &ann, 0).unwrap();
    assert_eq!((may("1"), may("2")), (Ok(()), Err(Lapsed)), "somebody else bears it");
    drop(guard);
    pass(PRESENCE_GRACE).await;
    change(&roster);
    assert_eq!(may("1"), Ok(()), "it comes back");
    pass(PRESENCE_GRACE).await;
    change(&roster);
    roster.join(&room(), "2", &name("Аnn"), None, 0).unwrap();
    assert_eq!(may("1"), Err(Lapsed), "another that looks like it came meanwhile");
    roster.hide(&room(), "1", &ann, 0);
    assert_eq!(here(&roster), "");
    roster.leave(&room(), "2");
    assert_eq!((may("1"), may("2")), (Ok(()), Err(Lapsed)), "who left, left");
    pass(PRESENCE_GRACE).await;
    change(&roster);
    assert_eq!(may("2"), Err(Lapsed), "though nobody has the name");
    pass(LEFT_TAB_TTL).await;
    change(&roster);
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_hidden_tab_that_is_not_known_is_here_by_saying_so() {
    let roster = Roster::new(); // As after a restart.
    roster.hide(&room(), "1", &name("ann"), 0);
    assert_eq!(here(&roster), "ann");
    assert_eq!(roster.check(&room(), &name("ann")), Err(NameTaken { by_own: false }));
}

#[tokio::test(start_paused = true)]
async fn who_is_here_is_one_value_until_what_it_says_changes() {
    let roster = Roster::new();
    let same = |before: &Arc<People>| Arc::ptr_eq(before, &roster.people(&room()));
    let nobody = roster.people(&room());
    assert!(same(&nobody));
    roster.join(&room(), "00", &name("n00"), None, 0).unwrap();
    assert!(same(&nobody), "it has not come");
    let _guards: Vec<_> = (0..=MAX_LISTED_NAMES)
        .map(|n| roster.open(&room(), &format!("{n:02}"), &name(&format!("n{n:02}"))))
        .collect();
    let many = roster.people(&room());
    assert!(!Arc::ptr_eq(&many, &nobody));
    let last = MAX_LISTED_NAMES.to_string();
    let (first, last_name) = (name("n00"), name(&format!("n{last}")));
    let _second = roster.open(&room(), "00", &first);
    roster.hide(&room(), "00", &first, 0);
    roster.hide(&room(), &last, &last_name, 0);
    pass(PRESENCE_GRACE).await;
    roster.sweep(Instant::now());
    assert!(!same(&many), "the first is away");
    roster.show(&room(), "00");
    let back = roster.people(&room());
    assert_eq!(back, many);
    assert!(roster.unannounced(&room()).is_some());
    roster.show(&room(), &last);
    assert!(same(&back), "whether the last is away is not listed");
    assert!(roster.unannounced(&room()).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_rooms_with_most_names_come_first() {
    let roster = Roster::new();
    let rooms = ["attic", "barn", "cellar"].map(|name| RoomName::parse(name).unwrap());
    let mut guards = Vec::new();
    for (room, names) in rooms.iter().zip([1, 3, 2]) {
        for n in 0..names {
            // Two tabs of a name count once.
            guards.push(roster.open(room, &format!("a{n}"), &name(&format!("n{n}"))));
            guards.push(roster.open(room, &format!("b{n}"), &name(&format!("n{n}"))));
        }
    }
    let watcher = roster.watch(&room());
    let [attic, barn, cellar] = rooms;
    let all = [(barn.clone(), 3), (cellar.clone(), 2), (attic.clone(), 1)];
    assert_eq!(roster.occupied("", 10), all, "a room that is only watched has no names");
    assert_eq!(roster.occupied("", 2), all[..2]);
    roster.leave(&barn, "a0");
    assert_eq!(roster.occupied("", 10), all, "its other tab is there");
    roster.leave(&barn, "b0");
    roster.leave(&barn, "a1");
    roster.leave(&barn, "b1");
    assert_eq!(roster.occupied("", 10), [(cellar, 2), (attic.clone(), 1), (barn.clone(), 1)]);
    assert_eq!([&attic, &barn, &room()].map(|room| roster.count(room)), [1, 1, 0]);
    drop((guards, watcher));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_joins_are_one_announcement_with_fifty_names_and_a_number() {
    let roster = Roster::new();
    let mut changes = std::pin::pin!(roster.changes());
    let guards: Vec<_> = (0..1000)
        .map(|n| roster.open(&room(), &n.to_string(), &name(&format!("n{n:04}"))))
        .collect();
    let watching = roster.watch(&room());
    let (of, people) = changes.next().await.unwrap();
    assert_eq!(of, room());
    assert_eq!((people.count, people.names.len(), people.watching), (1000, MAX_LISTED_NAMES, 1));
    assert!(Arc::ptr_eq(&people, &roster.people(&room())), "what is announced is what pages have");
    // Nobody was cut off halfway by the size of a batch either.
    drop((guards, watching));
    let dropped = Instant::now();
    assert_eq!(*changes.next().await.unwrap().1, People::default());
    assert!(dropped.elapsed() < PRESENCE_GRACE + SWEEP_INTERVAL * 2, "{:?}", dropped.elapsed());
    assert_nothing_is_kept(&roster);
}

#[tokio::test(start_paused = true)]
async fn a_room_is_announced_twice_a_second_at_most_also_after_a_reader_that_was_slow() {
    let roster = Roster::new();
    let mut changes = std::pin::pin!(roster.changes());
    let mut guards = Vec::new();
    let mut times = Vec::new();
    for n in 0..10 {
        guards.push(roster.open(&room(), &n.to_string(), &name(&format!("n{n}"))));
        changes.next().await.unwrap();
        times.push(Instant::now());
        if n == 5 {
            pass(SWEEP_INTERVAL * 4).await;
        }
    }
    let pauses = times.windows(2).map(|two| two[1] - two[0]);
    assert!(
        pauses.clone().all(|pause| pause >= SWEEP_INTERVAL),
        "{:?}",
        pauses.collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn who_watches_and_goes_again_and_again_is_told_to_nobody_but_twice_a_minute() {
    let roster = Roster::new();
    let mut changes = std::pin::pin!(roster.changes());
    let _ann = roster.open(&room(), "1", &name("ann"));
    assert_eq!(said(&changes.next().await.unwrap().1), "ann");
    let begun = Instant::now();
    let mut told = Vec::new();
    while begun.elapsed() < Duration::from_mins(2) {
        let watcher = roster.watch(&room());
        let next = time::timeout(Duration::from_millis(600), changes.next()).await;
        told.extend(next.ok().map(|_| begun.elapsed().as_secs()));
        drop(watcher);
        let next = time::timeout(Duration::from_millis(600), changes.next()).await;
        told.extend(next.ok().map(|_| begun.elapsed().as_secs()));
    }
    assert!(told.len() <= 4, "{told:?}");
    // Who comes is told at once, and with them how many watch.
    let _watcher = roster.watch(&room());
    let _bob = roster.open(&room(), "2", &name("bob"));
    let begun = Instant::now();
    let people = changes.next().await.unwrap().1;
    assert_eq!((said(&people).as_str(), people.watching), ("ann, bob", 1));
    assert!(begun.elapsed() <= SWEEP_INTERVAL);
    // And who stays is counted at last.
    let _other = roster.watch(&room());
    assert_eq!(changes.next().await.unwrap().1.watching, 2);
    assert!(begun.elapsed() <= WATCHING_INTERVAL + SWEEP_INTERVAL * 2);
}
