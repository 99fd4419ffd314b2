//! Durations, as people write them.

use std::time::Duration;

use jiff::SignedDuration;

/// A friendly duration with a unit (`90s`, `12h`, `30d`), a day being 24 hours; or a plain `0`.
pub(super) fn duration(raw: &str) -> Result<Duration, String> {
    if raw.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let span: jiff::Span = raw.parse().map_err(|_| "try 90s, 12h or 30d".to_owned())?;
    let relative = jiff::SpanRelativeTo::days_are_24_hours();
    let duration: SignedDuration = span
        .to_duration(relative)
        .map_err(|_| "use weeks or days for more than hours".to_owned())?;
    Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30d"), Ok(Duration::from_hours(720)));
        assert_eq!(duration("1d 12h"), Ok(Duration::from_hours(36)));
        for raw in ["", "x", "12", "-1h", "2 fortnights"] {
            assert!(duration(raw).is_err(), "{raw:?}");
        }
    }
}
