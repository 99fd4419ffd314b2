//! What holds in a room: in words, and as the form that changes it.

use maud::{Markup, html};

use super::Moderated;
use crate::{message::RoomRules, paths};

/// What holds in a room, in words for who is about to send: nothing where nothing does.
#[must_use]
pub(crate) fn rules(rules: &RoomRules) -> Option<Markup> {
    let RoomRules { private, locked, slow_seconds, wait_minutes, keep_hours, .. } = rules;
    let any = *private || *locked || *slow_seconds > 0 || *wait_minutes > 0 || *keep_hours > 0;
    any.then(|| {
        html! {
            p.rules {
                @if *private { "Private: only who has a link sees this room. " }
                @if *locked { "Locked: only moderators can send. " }
                @if *slow_seconds > 0 {
                    "Slow mode: one message in " (amount(*slow_seconds, &[("min", 60), ("s", 1)])) ". "
                }
                @if *wait_minutes > 0 {
                    "Newcomers can send "
                    (amount(*wait_minutes, &[("days", 1_440), ("h", 60), ("min", 1)]))
                    " after joining. "
                }
                @if *keep_hours > 0 {
                    "Messages are kept for " (amount(*keep_hours, &[("days", 24), ("h", 1)])) "."
                }
            }
        }
    })
}

/// A number in the largest unit of which it is several, exactly.
fn amount(number: u32, units: &[(&str, u32)]) -> String {
    let fits =
        |(_, size): &&(&str, u32)| number.is_multiple_of(*size) && (*size == 1 || number > *size);
    let (unit, size) = units.iter().find(fits).copied().unwrap_or(("", 1));
    format!("{} {unit}", number / size)
}

/// The form that changes them.
pub(super) fn form(it: &Moderated<'_>) -> Markup {
    let Moderated { room, rules, is_host, .. } = it;
    html! {
        section id="rules" {
            h2 { "Rules" }
            form.fields method="post" action=(paths::rules(room)) {
                (choice("locked", "Who can send", rules.locked, ["Moderators only (locked)", "Everybody"]))
                (number("slow", "Slow mode", "Seconds between two messages; 0 is off", rules.slow_seconds))
                (number("wait", "Newcomers wait", "Minutes until they can send; 0 is off", rules.wait_minutes))
                @if *is_host {
                    (choice("private", "Who can come in", rules.private, ["Invited people only", "Everybody"]))
                    (number("keep", "Keep messages", "Hours; 0 is as long as in other rooms", rules.keep_hours))
                }
                button { "Save rules" }
            }
        }
    }
}

fn choice(name: &str, label: &str, yes: bool, [if_yes, if_no]: [&str; 2]) -> Markup {
    html! {
        div {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="no" selected[!yes] { (if_no) }
                option value="yes" selected[yes] { (if_yes) }
            }
        }
    }
}

fn number(name: &str, label: &str, note: &str, value: u32) -> Markup {
    let described = format!("{name}-note");
    html! {
        div {
            label for=(name) { (label) }
            input id=(name) name=(name) type="number" min="0" inputmode="numeric" required value=(value)
                aria-describedby=(described);
            small id=(described) { (note) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_told_in_the_largest_unit_that_says_it_exactly() {
        let all = RoomRules {
            slow_seconds: 90,
            wait_minutes: 120,
            keep_hours: 720,
            ..RoomRules::default()
        };
        assert_eq!(
            rules(&all).unwrap().into_string(),
            "<p class=\"rules\">Slow mode: one message in 90 s. Newcomers can send 2 h after joining. \
             Messages are kept for 30 days.</p>"
        );
        let one = RoomRules { slow_seconds: 60, keep_hours: 24, ..RoomRules::default() };
        let said = rules(&one).unwrap().into_string();
        assert!(said.contains("in 60 s.") && said.contains("for 24 h."), "{said}");
        assert!(rules(&RoomRules::default()).is_none());
    }
}
