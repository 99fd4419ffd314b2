//! Which names look alike.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;

use crate::message::Name;

/// The skeleton of a name: case and width folded, and confusable spellings mapped to one (Unicode
/// Technical Standard 39, section 4). Two names with one skeleton look alike.
pub(super) fn skeleton(name: &Name) -> Arc<str> {
    let folded: String = name.as_str().nfkc().flat_map(char::to_lowercase).collect();
    let skeleton: String = unicode_security::skeleton(&folded).collect();
    // The skeleton may hold capitals again (a confusable's prototype).
    skeleton.chars().flat_map(char::to_lowercase).collect::<String>().into()
}

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
}
