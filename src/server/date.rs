//! The time of an answer (RFC 9110, section 6.6.1).
//!
//! hyper writes one as well, and panics where the clock shows a time before 1970 or after 9999.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use hyper::header::HeaderValue;
use jiff::Timestamp;

/// What a `date` header says now. A clock that shows what it cannot say shows the nearest that it
/// can.
pub(super) fn header() -> HeaderValue {
    thread_local! {
        /// The last second that was asked for, in words: they take longer than the rest of a head.
        static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
    }
    let second = second(SystemTime::now());
    LAST.with_borrow_mut(|last| match last {
        Some((of, said)) if *of == second => said.clone(),
        _ => last.insert((second, said(second))).1.clone(),
    })
}

/// The seconds since 1970.
fn second(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs)
}

fn said(second: u64) -> HeaderValue {
    let second = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
    let time = second.unwrap_or(Timestamp::MAX);
    let said = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::try_from(said).expect("letters, digits and spaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_clock_shows_an_answer_has_a_date() {
        for (second, date) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), // The standard's own example.
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (253_402_300_799, "Thu, 30 Dec 9999 22:00:00 GMT"),
            (253_402_300_800, "Thu, 30 Dec 9999 22:00:00 GMT"),
            (u64::MAX, "Thu, 30 Dec 9999 22:00:00 GMT"),
        ] {
            assert_eq!(said(second), date, "{second}");
        }
        assert_eq!(second(SystemTime::UNIX_EPOCH - Duration::from_secs(5)), 0);
        assert_eq!(header(), said(second(SystemTime::now())));
    }
}
