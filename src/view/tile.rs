//! What stands for a person beside what they say: an initial, and one of a few hues. Both come from
//! the name alone, so that they are the same for every reader and on every node.

use crate::message::Name;

/// Hues that the style sheet has, one for each value of `data-hue`.
const HUES: u32 = 12;

/// The hue of a name: FNV-1a over its bytes, which is the same wherever and whenever it runs.
pub(crate) fn hue(name: &Name) -> u32 {
    let mixed = name
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // The low bits of so short a hash are much the same for much the same names.
    ((mixed >> 16) ^ mixed) % HUES
}

/// The first letter or digit of a name, as a capital where that is one character; otherwise its first
/// character.
pub(crate) fn initial(name: &Name) -> char {
    let name = name.as_str();
    let first = name.chars().find(|c| c.is_alphanumeric()).or_else(|| name.chars().next());
    let first = first.unwrap_or('?');
    let mut capital = first.to_uppercase();
    match (capital.next(), capital.next()) {
        (Some(capital), None) => capital,
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn name(raw: &str) -> Name {
        Name::parse(raw).unwrap()
    }

    #[test]
    fn an_initial_is_a_capital_letter_where_a_name_has_one() {
        for (raw, expected) in [
            ("ann", 'A'),
            ("\"zoë\"", 'Z'),
            ("ßen", 'ß'),
            ("דנה", 'ד'),
            ("太郎", '太'),
            ("<3", '3'),
            ("☕", '☕'),
        ] {
            assert_eq!(initial(&name(raw)), expected, "{raw}");
        }
    }

    #[test]
    fn names_get_every_hue_about_as_often_and_each_the_same_one_for_ever() {
        let mut each = HashMap::new();
        for n in 0..1200 {
            *each.entry(hue(&name(&format!("guest {n}")))).or_insert(0) += 1;
        }
        assert_eq!(each.len(), 12);
        assert!(each.values().all(|number| (50..=150).contains(number)), "{each:?}");
        assert_eq!(
            [hue(&name("ann")), hue(&name("bob"))],
            [1, 10],
            "pages and nodes of another version agree"
        );
    }
}
