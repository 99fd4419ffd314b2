//! Every knob, declared once: flag, environment variable and help are one declaration.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use jiff::SignedDuration;

use crate::journal::Retention;

/// What an operator can set.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "hubbub",
    version,
    about = "Chat rooms as plain HTML: a message sent in one tab appears in every other tab that joined."
)]
pub struct Config {
    /// Address to serve on; port 0 picks a free one
    #[arg(long, env = "HUBBUB_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Journal file (SQLite); what belongs to it lies beside it
    #[arg(long, env = "HUBBUB_DATA", value_name = "PATH", default_value = "hubbub.db")]
    pub data: PathBuf,

    /// Messages kept per room
    #[arg(
        long, env = "HUBBUB_KEEP", value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000)
    )]
    pub keep: u64,

    /// Age up to which messages are kept, such as 12h or 30d; 0 for ever
    #[arg(
        long, env = "HUBBUB_TTL", value_name = "DURATION", default_value = "30d",
        value_parser = duration
    )]
    pub ttl: Duration,

    /// What to log, as a tracing filter such as hubbub=debug
    #[arg(long, env = "HUBBUB_LOG", value_name = "FILTER", default_value = "hubbub=info")]
    pub log: String,
}

impl Config {
    /// Reads flags and environment. Where they make no sense, says so in one line on stderr that
    /// names the knob, and ends the process with status 2.
    #[must_use]
    pub fn read() -> Self {
        Self::try_parse().unwrap_or_else(|why| {
            if why.use_stderr() {
                eprintln!("hubbub: {}", one_line(&why));
                std::process::exit(2);
            }
            why.exit() // `--help` and `--version`: on stdout, with status 0.
        })
    }

    /// How much of the past is kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { keep: self.keep, ttl: (!self.ttl.is_zero()).then_some(self.ttl) }
    }
}

/// The first paragraph of clap's message in one line; usage and hints are a `--help` away.
fn one_line(why: &clap::Error) -> String {
    let text = why.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text);
    let joined = first.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

/// A friendly duration with a unit (`90s`, `12h`, `30d`), a day being 24 hours; or a plain `0`.
fn duration(raw: &str) -> Result<Duration, String> {
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

    #[test]
    fn a_bad_knob_is_named_in_one_line() {
        for (flag, value) in
            [("--keep", "0"), ("--keep", "x"), ("--ttl", "soon"), ("--listen", "here")]
        {
            let why = Config::try_parse_from(["hubbub", flag, value]).unwrap_err();
            let line = one_line(&why);
            assert!(line.contains(flag) && !line.contains('\n'), "{line}");
        }
    }
}
