use super::*;
use crate::{
    journal::Rulebook,
    message::{Act, Banned, Rule, RuleKey, Ruling, Seq},
};

fn room() -> RoomName {
    RoomName::parse("den").unwrap()
}

fn put(access: &Access, key: RuleKey, rule: Rule) {
    let act = Act { by: String::new(), what: String::new(), room: None, target: None };
    access.rulebook.apply(Seq::new(1), &Ruling { key, rule: Some(rule), act });
}

/// A room with these rules.
fn with(rules: RoomRules) -> Access {
    let access = Access::new(Rulebook::default(), None);
    put(&access, RuleKey::Room(room()), Rule::Room(rules));
    access
}

/// Who has a link of a role, that ends so many seconds from now, or never.
fn with_link(role: Role, seconds: Option<i64>) -> (Caller, Link) {
    let until = seconds.map_or(0, |seconds| now().as_second() + seconds);
    let link = Link { id: "k7".into(), role, until };
    let pass = Pass { room: room(), link: Arc::new(link.clone()) };
    (Caller { pass: Some(Arc::new(pass)), ..Caller::default() }, link)
}

/// A tab that joined so many seconds ago.
fn tab(seconds: i64) -> Tab {
    let joined = u32::try_from(now().as_second() - seconds).unwrap();
    let id = format!("{:012x}{joined:08x}{:012x}", 1, 2);
    Tab { room: room(), id, name: Name::parse("ann").unwrap() }
}

#[test]
fn a_link_is_good_in_its_room_until_it_ends_or_is_taken_back() {
    for (seconds, is_good) in [(None, true), (Some(60), true), (Some(0), false), (Some(-60), false)]
    {
        let (caller, link) = with_link(Role::Host, seconds);
        let access = with(RoomRules { private: true, links: vec![link], ..RoomRules::default() });
        assert_eq!(access.role(&caller, &room()).is_some(), is_good, "{seconds:?}");
        assert_eq!(access.check_sees(&caller, &room()).is_ok(), is_good, "{seconds:?}");
        let other = RoomName::parse("attic").unwrap();
        assert_eq!(access.role(&caller, &other), None);
    }
    let (caller, _) = with_link(Role::Host, None);
    let access = with(RoomRules { private: true, ..RoomRules::default() });
    assert_eq!(access.check_sees(&caller, &room()), Err(Denied::Hidden), "it was taken back");
    let (_, mut link) = with_link(Role::Read, None);
    link.id = "k7".into();
    let access = with(RoomRules { links: vec![link], ..RoomRules::default() });
    assert_eq!(access.role(&caller, &room()), None, "of the same id and another role");
}

#[test]
fn newcomers_wait_for_as_long_as_the_room_says_and_who_has_not_joined_for_ever() {
    let access = with(RoomRules { wait_minutes: 1, ..RoomRules::default() });
    let check = |tab: &Tab| {
        access.check(&Caller::default(), Action::Send, &room(), Who::of(tab)).map_err(|why| {
            match why {
                Denied::TooNew { wait, after } => (wait.as_secs(), after.as_secs()),
                other => panic!("{other}"),
            }
        })
    };
    assert_eq!(check(&tab(60)), Ok(()));
    assert_eq!(check(&tab(3600)), Ok(()));
    let (wait, after) = check(&tab(50)).unwrap_err();
    assert!((9..=10).contains(&wait) && after == 60, "{wait} of {after}");
    assert_eq!(check(&tab(-3600)), Err((60, 60)), "from a clock that was ahead");
    let short = Tab { id: "5".into(), ..tab(60) };
    for who in [Who::of(&short), Who { name: Some(&short.name), ..Who::default() }] {
        let refused = access.check(&Caller::default(), Action::Send, &room(), who);
        assert_eq!(refused, Err(Denied::NotJoined));
    }
}

#[test]
fn who_moderates_is_exempt_from_all_of_it_and_who_only_reads_may_read() {
    let rules =
        RoomRules { locked: true, slow_seconds: 60, wait_minutes: 60, ..RoomRules::default() };
    let newcomer = tab(0);
    let ban = Ban {
        whom: Banned::Browser(newcomer.author().browser().unwrap()),
        name: String::new(),
        room: None,
        until: now() + Duration::from_mins(1),
        reason: String::new(),
        by_operator: false,
    };
    for role in [Role::Read, Role::Write, Role::Moderate, Role::Host] {
        let (caller, link) = with_link(role, None);
        let access = with(RoomRules { links: vec![link], ..rules.clone() });
        put(&access, RuleKey::Ban("1".into()), Rule::Ban(ban.clone()));
        let check = |action| access.check(&caller, action, &room(), Who::of(&newcomer));
        assert_eq!(check(Action::Read), Ok(()), "{role:?}");
        for action in [Action::Stay, Action::Join, Action::Send] {
            let refused = match check(action) {
                Ok(()) => "",
                Err(Denied::ReadOnly) => "read only",
                Err(Denied::Banned(_)) => "banned",
                Err(other) => panic!("{other}"),
            };
            let wanted = match role {
                Role::Read if action != Action::Stay => "read only",
                Role::Read | Role::Write => "banned",
                Role::Moderate | Role::Host => "",
            };
            assert_eq!(refused, wanted, "{role:?} {action:?}");
        }
    }
}
