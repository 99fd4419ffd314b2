//! Which names look alike.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;

use crate::message::{Name, is_ignorable};

/// The skeleton of a name: case and width folded, and confusable spellings mapped to one (Unicode
/// Technical Standard 39, section 4). Two names with one skeleton look alike.
pub(in crate::rooms) fn skeleton(name: &Name) -> Arc<str> {
    let seen = name.as_str().nfkc().filter(|c| !is_ignorable(*c));
    let folded: String = seen.flat_map(char::to_lowercase).collect();
    let skeleton: String = unicode_security::skeleton(&folded).collect();
    // The skeleton may hold capitals again (a confusable's prototype).
    let folded = skeleton.chars().flat_map(char::to_lowercase);
    // A capital I is both an i and what looks like an l, so that these are one. A dot above is part
    // of an i (a Turkish capital has one).
    folded
        .filter(|c| *c != DOT_ABOVE)
        .map(|c| if c == 'i' { 'l' } else { c })
        .collect::<String>()
        .into()
}

/// The combining dot above.
const DOT_ABOVE: char = '\u{307}';

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> bool {
        skeleton(&Name::parse(one).unwrap()) == skeleton(&Name::parse(other).unwrap())
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
