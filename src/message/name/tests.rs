use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn whatever_is_accepted_is_within_the_rules_and_parses_to_itself(raw in "\\PC{0,40}|.{0,40}") {
        if let Ok(name) = Name::parse(&raw) {
            let text = name.as_str();
            prop_assert!((1..=Name::MAX_CHARS).contains(&text.chars().count()));
            prop_assert_eq!(text.trim(), text);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert!(unicode_normalization::is_nfc(text));
            prop_assert_eq!(Name::parse(text), Ok(name.clone()));
        }
    }

    #[test]
    fn ordinary_names_are_taken(raw in "[\\p{Lu}\\p{Ll}0-9]{1,16}") {
        prop_assert!(Name::parse(&["  ", &raw, "\t"].concat()).is_ok());
    }
}

#[test]
fn composed_and_decomposed_spellings_are_one_name() {
    assert_eq!(Name::parse("e\u{301}va"), Name::parse("\u{e9}va"));
}

#[test]
fn words_are_parted_by_one_space() {
    assert_eq!(Name::parse(" bob \u{a0} \u{3000}smith ").unwrap().as_str(), "bob smith");
}

#[test]
fn people_and_emoji_keep_their_spelling() {
    let england = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} fan";
    let hebrew = "\u{200f}דנה\u{200f}";
    for name in
        ["ann", "Zoë", "李雷", "ليلى", "Đặng", "👩‍💻 dev", "می‌خواهم", "O'Neil <3", england, hebrew]
    {
        assert_eq!(Name::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn what_hides_or_reorders_is_refused() {
    for (raw, why) in [
        ("", InvalidName::Blank),
        (" \u{3000}\n", InvalidName::Blank),
        ("\u{200d}", InvalidName::Blank),
        ("\u{17b5}", InvalidName::Blank),
        ("\u{180b}", InvalidName::Blank),
        ("\u{1d173}", InvalidName::Blank),
        ("\u{e0100}", InvalidName::Blank),
        ("\u{301}", InvalidName::Blank),
        ("\u{e49}\u{e49}\u{e49}", InvalidName::Blank),
        ("\u{20dd}", InvalidName::Blank),
        ("ann\u{2800}", InvalidName::Control),
        ("\u{1d159}", InvalidName::Control),
        ("ann\u{13441}", InvalidName::Control),
        ("\u{fffc}", InvalidName::Control),
        ("\u{200f}", InvalidName::Blank),
        ("ann\u{e0067}", InvalidName::Control),
        ("\u{1f3f4}\u{e0067}", InvalidName::Control),
        ("a\tb", InvalidName::Control),
        ("a\nb", InvalidName::Control),
        ("a\0b", InvalidName::Control),
        ("a\u{85}b", InvalidName::Control),
        ("ann\u{202e}bob", InvalidName::Control),
        ("ann\u{2067}", InvalidName::Control),
        ("an\u{200b}n", InvalidName::Control),
        ("z\u{335}\u{336}\u{337}\u{338}\u{339}", InvalidName::Marks),
        ("123456789012345678901234567890123", InvalidName::TooLong),
    ] {
        assert_eq!(Name::parse(raw), Err(why), "{raw:?}");
    }
}

fn mark(byte: u8) -> Mark {
    Mark::of(&[byte; 32])
}

#[test]
fn a_mark_goes_with_its_name_and_makes_it_another() {
    let ann = Name::parse("ann").unwrap();
    let proven = ann.marked(&mark(1));
    assert_eq!((proven.as_str(), proven.to_string().as_str()), ("ann", "ann"));
    assert_eq!((ann.mark(), proven.mark()), (None, Some(mark(1).as_str())));
    assert_ne!(proven, ann);
    assert_ne!(proven, ann.marked(&mark(2)));
    assert_eq!(proven.marked(&mark(2)), ann.marked(&mark(2)), "one mark at a time");
    assert_eq!(ann.marked(&Mark::verified()).mark(), Some("verified"));
}

#[test]
fn the_stored_form_is_read_as_it_was_and_without_a_mark_it_is_the_name_alone() {
    let ann = Name::parse("ann").unwrap();
    assert_eq!(ann.to_stored(), "ann");
    for name in [ann.clone(), ann.marked(&mark(1)), ann.marked(&Mark::verified())] {
        assert_eq!(Name::stored(name.to_stored()), name);
        assert_eq!(Name::parse_stored(name.to_stored()), Ok(name));
    }
    assert_eq!(ann.marked(&Mark::verified()).to_stored(), "ann\u{1f}verified");
}

#[test]
fn what_else_has_a_control_character_in_it_shows_no_mark() {
    for raw in [
        "ann\u{1f}",
        "ann\u{1f}k3v9x2mq7",
        "ann\u{1f}K3V9X2MQ7T",
        "ann\u{1e}k3v9x2mq7t",
        "ann\u{1f}bob\u{1f}k3v9x2mq7t",
        "an\nn\u{1f}k3v9x2mq7t",
        "\u{1f}k3v9x2mq7t",
    ] {
        let name = Name::stored(raw);
        assert_eq!((name.as_str(), name.mark()), (raw, None), "{raw:?}");
        assert_eq!(name.to_stored(), raw);
        assert!(Name::parse_stored(raw).is_err(), "{raw:?}");
    }
}

#[test]
fn names_are_in_their_own_order_whatever_their_marks() {
    let of = |raw| Name::parse(raw).unwrap();
    let mut names = [of("ann b"), of("anna"), of("ann").marked(&mark(9)), of("ann")];
    names.sort();
    let shown: Vec<_> = names.iter().map(|name| (name.as_str(), name.mark().is_some())).collect();
    assert_eq!(shown, [("ann", false), ("ann", true), ("ann b", false), ("anna", false)]);
}

#[test]
fn a_secret_behind_a_hash_is_refused_before_anything_else_and_not_repeated() {
    let long = format!("ann#{}", "s3cret".repeat(9));
    for raw in ["ann#s3cret", " ann#s3cret ", "ann#s3\u{1}cret", "ann#s3cret\u{202e}", &long] {
        let why = Name::parse(raw).unwrap_err();
        assert_eq!(why, InvalidName::Secret, "{raw:?}");
        assert!(!why.to_string().contains("s3cret") && why.to_string().contains("secret"));
    }
    for raw in ["#1 fan", "ann #2", "C#"] {
        assert_eq!(Name::parse(raw).unwrap().as_str(), raw);
    }
}
