//! Times as people say them.

use std::fmt::Display;

use jiff::Timestamp;
use maud::{Markup, html};

/// What a time is counted in, from the largest on: for one and for several of it, in seconds.
const UNITS: [(&str, &str, i64); 6] = [
    ("year", "years", 365 * 24 * 60 * 60),
    ("month", "months", 30 * 24 * 60 * 60),
    ("week", "weeks", 7 * 24 * 60 * 60),
    ("day", "days", 24 * 60 * 60),
    ("h", "h", 60 * 60),
    ("min", "min", 60),
];

/// How long ago a time was; the whole of it is there for who points at it.
pub(super) fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime={ (format!("{at:.3}")) } title=(whole(at)) { (ago(at, now)) }
    }
}

/// A time with its day, as it stands wherever no script writes it by the reader's own clock.
pub(crate) fn whole(at: Timestamp) -> impl Display {
    at.strftime("%Y-%m-%d %H:%M UTC")
}

/// How long ago a time was, in words.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    // Another clock may be ahead of ours.
    let Some((one, several, size)) = UNITS.iter().find(|(.., size)| seconds >= *size) else {
        return "just now".to_owned();
    };
    let number = seconds / size;
    format!("{number} {} ago", if number == 1 { one } else { several })
}

/// In how long somebody may come back who has to wait for so many seconds: rounded up, since a little
/// too early would be refused again.
pub(crate) fn within(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    match seconds {
        0..=1 => "in a second".to_owned(),
        _ if seconds < 2 * MINUTE => format!("in {seconds} seconds"),
        _ if seconds < 2 * HOUR => format!("in {} minutes", seconds.div_ceil(MINUTE)),
        _ => format!("in {} hours", seconds.div_ceil(HOUR)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_largest_unit_that_has_passed() {
        let now = Timestamp::constant(1_795_493_707, 0);
        for (seconds, expected) in [
            (-3600, "just now"),
            (0, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (20 * 60 + 59, "20 min ago"),
            (3600, "1 h ago"),
            (86_399, "23 h ago"),
            (86_400, "1 day ago"),
            (2 * 86_400, "2 days ago"),
            (7 * 86_400, "1 week ago"),
            (29 * 86_400, "4 weeks ago"),
            (61 * 86_400, "2 months ago"),
            (800 * 86_400, "2 years ago"),
        ] {
            let at = Timestamp::from_second(now.as_second() - seconds).unwrap();
            assert_eq!(ago(at, now), expected);
        }
        assert_eq!(ago(Timestamp::MAX, Timestamp::MIN), "just now");
        let shown = time(Timestamp::from_second(now.as_second() - 1_200).unwrap(), now);
        assert_eq!(
            shown.into_string(),
            "<time datetime=\"2026-11-24T03:55:07.000Z\" title=\"2026-11-24 03:55 UTC\">20 min ago</time>"
        );
    }

    #[test]
    fn who_comes_back_when_it_is_said_is_not_too_early() {
        for (seconds, expected) in [
            (0, "in a second"),
            (1, "in a second"),
            (2, "in 2 seconds"),
            (119, "in 119 seconds"),
            (120, "in 2 minutes"),
            (121, "in 3 minutes"),
            (7199, "in 120 minutes"),
            (7200, "in 2 hours"),
            (7201, "in 3 hours"),
        ] {
            assert_eq!(within(seconds), expected);
        }
    }
}
