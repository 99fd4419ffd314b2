//! Which names look alike.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;

use crate::message::{Name, is_ignorable};

/// What a name looks like (Unicode Technical Standard 39, section 4): as it is written, and in small
/// letters. A Greek capital beta looks like a B, and a small one like nothing else; a small alpha
/// looks like an a.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rooms) struct Skeleton {
    /// Of the name in small letters.
    small: Arc<str>,
    /// Of the name as it is written; nearly always the same.
    written: Arc<str>,
}

impl Skeleton {
    /// What `name` looks like.
    pub(in crate::rooms) fn of(name: &Name) -> Self {
        let seen: String = name.as_str().nfkc().filter(|c| !is_ignorable(*c)).collect();
        let lower = seen.to_lowercase();
        let small: Arc<str> = prototype(&lower).into();
        // Each takes microseconds, and most names are written in small letters.
        let written = (seen != lower).then(|| prototype(&seen));
        let written = written.filter(|written| **written != *small);
        let written = written.map_or_else(|| Arc::clone(&small), Into::into);
        Self { small, written }
    }

    /// Whether two names look alike.
    pub(in crate::rooms) fn is_like(&self, other: &Self) -> bool {
        self.each().any(|one| other.each().any(|it| it == one))
    }

    /// What it is found by: names that have one of these in common look alike.
    pub(in crate::rooms) fn each(&self) -> impl Iterator<Item = &Arc<str>> {
        let written = (self.small != self.written).then_some(&self.written);
        [&self.small].into_iter().chain(written)
    }
}

/// Confusable spellings mapped to one, in small letters.
fn prototype(seen: &str) -> String {
    let like: String = unicode_security::skeleton(seen).collect();
    let mut prototype = like.to_lowercase();
    if prototype != like {
        // What a capital looks like is a capital, whose small letter may look like others.
        prototype = unicode_security::skeleton(&prototype).collect::<String>().to_lowercase();
    }
    // A capital I is both an i and what looks like an l, so that these are one. A dot above is part
    // of an i (a Turkish capital has one).
    let folded = prototype.chars().filter(|c| *c != DOT_ABOVE);
    folded.map(|c| if c == 'i' { 'l' } else { c }).collect()
}

/// The combining dot above.
const DOT_ABOVE: char = '\u{307}';

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> bool {
        let of = |raw| Skeleton::of(&Name::parse(raw).unwrap());
        of(one).is_like(&of(other))
    }

    #[test]
    fn names_that_differ_in_case_width_or_script_look_alike_and_others_do_not() {
        for same in ["Ann", "ANN", "Ａｎｎ", "Аnn", "ɑnn"] {
            assert!(alike("ann", same), "{same}");
        }
        for other in ["Anna", "Bob", "李"] {
            assert!(!alike("ann", other), "{other}");
        }
    }

    #[test]
    fn a_mark_is_no_part_of_what_a_name_looks_like() {
        let ann = Name::parse("ann").unwrap();
        let proven = ann.marked(&crate::message::Mark::verified());
        assert_eq!(Skeleton::of(&ann), Skeleton::of(&proven));
        assert!(Skeleton::of(&proven).is_like(&Skeleton::of(&Name::parse("Аnn").unwrap())));
    }

    #[test]
    fn a_capital_of_another_script_looks_like_ours_though_its_small_letter_does_not() {
        for (one, other) in [
            ("Βob", "Bob"), // Greek
            ("Вob", "bob"), // Cyrillic
            ("Νick", "nick"),
            ("Ηenry", "Henry"),
            ("Мах", "max"),
            ("ΤΟΜ", "tom"),
            ("Ꮃalter", "walter"), // Cherokee
            ("Вова", "вова"),
        ] {
            assert!(alike(one, other), "{one:?} {other:?}");
        }
        for (one, other) in [("van", "nan"), ("Νίκος", "vίκος!"), ("Вова", "Bob")] {
            assert!(!alike(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_capital_i_looks_like_an_l_and_is_an_i() {
        for (one, other) in [
            ("Ivan", "lvan"),
            ("Ivan", "ivan"),
            ("bobI", "bobl"),
            ("bob1", "bobl"),
            ("bob  smith", "bob smith"),
            ("İpek", "ipek"),
            ("ıpek", "IPEK"),
            ("ann\u{200f}", "ann"),
            ("an\u{200d}n", "ann"),
            ("ann\u{fe0f}", "ann"),
        ] {
            assert!(alike(one, other), "{one:?} {other:?}");
        }
        assert!(!alike("bob smith", "bobsmith"));
    }
}
