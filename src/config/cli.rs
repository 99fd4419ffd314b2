//! The command line: what is to be done, and how it is said that it makes no sense.

use std::{io, path::PathBuf};

use clap::{
    Parser, Subcommand,
    error::{ContextKind, ContextValue},
};

use super::Config;
use crate::lossy;

/// The command line: what is to be done, and with what.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "hubbub",
    version,
    about = "Chat rooms as plain HTML: a message sent in one tab appears in every other tab that joined.",
    after_help = "Without a command, it serves."
)]
pub struct Cli {
    /// What is set.
    #[command(flatten)]
    pub config: Config,

    /// What is to be done; without it, to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done beside serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Copy the data to FILE, while it is served or not
    Backup {
        /// The copy, which must not be there yet
        file: PathBuf,
    },
    /// Put COPY in the place of the data, while it is not served
    ///
    /// What was there is kept beside it, as hubbub.db.replaced.
    Restore {
        /// A copy that `hubbub backup` made, or SQLite
        copy: PathBuf,
    },
}

impl Cli {
    /// Reads flags and environment. Where they make no sense, says so in one line on stderr that
    /// names the knob, and ends the process with status 2.
    #[must_use]
    pub fn read() -> Self {
        Self::try_parse().unwrap_or_else(|why| {
            if why.use_stderr() {
                lossy::say(io::stderr(), format!("hubbub: {}\n", one_line(&why)));
                std::process::exit(2);
            }
            why.exit() // `--help` and `--version`: on stdout, with status 0.
        })
    }
}

/// The first paragraph of clap's message in one line, and what was perhaps meant; usage is a
/// `--help` away.
fn one_line(why: &clap::Error) -> String {
    let text = why.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text);
    let joined = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = joined.strip_prefix("error: ").unwrap_or(&joined).to_owned();
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        let meant = match why.get(kind) {
            Some(ContextValue::String(meant)) => meant.clone(),
            Some(ContextValue::Strings(meant)) => meant.join(" or "),
            _ => continue,
        };
        line += &format!("; did you mean {meant}?");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_knob_is_named_in_one_line() {
        for (flag, value) in [
            ("--keep", "0"),
            ("--keep", "-1"),
            ("--keep", "x"),
            ("--ttl", "soon"),
            ("--ttl", "-1h"),
            ("--listen", "here"),
            ("--listen", "-1"),
            ("--trusted-proxies", "10.0.0.0/99"),
            ("--user-header", "-1"),
            ("--admin", "on"),
            ("--public-url", "chat.example"),
            ("--tab-sends", "many"),
            ("--tab-sends", "-1"),
            ("--max-body", "16KB"),
            ("--max-body", "-1"),
            ("--log-format", "xml"),
            ("--log-format", "-1"),
            ("--address-rooms", "-1"),
            ("--public-url", "-x"),
            ("--base", "-x"),
            ("--tls-cert", "-x"),
            ("--tls-key", "--tls-cert"),
            ("--acme", "-1"),
            ("--acme-directory", "-x"),
            ("--acme-contact", "-x"),
            ("--redirect", "-1"),
            ("--nats-replicas", "-1"),
            ("--nats-ca", "-x"),
        ] {
            let why = Cli::try_parse_from(["hubbub", flag, value]).unwrap_err();
            let line = one_line(&why);
            assert!(line.contains(flag) && line.contains(value), "{line}");
            assert!(!line.contains('\n') && !line.contains("unexpected"), "{line}");
        }
    }

    #[test]
    fn who_mistypes_is_told_what_was_perhaps_meant() {
        for (given, line) in [
            (
                &["--lisen", "127.0.0.1:3000"][..],
                "unexpected argument '--lisen' found; did you mean --listen?",
            ),
            (&["bakup", "copy.db"], "unrecognized subcommand 'bakup'; did you mean backup?"),
            (&["--nonsense"], "unexpected argument '--nonsense' found"),
            (&["backup"], "the following required arguments were not provided: <FILE>"),
        ] {
            let given = ["hubbub"].iter().chain(given);
            assert_eq!(one_line(&Cli::try_parse_from(given).unwrap_err()), line);
        }
    }

    #[test]
    fn the_data_is_named_before_or_after_the_command() {
        for given in [["--data", "x.db", "backup", "y"], ["backup", "--data", "x.db", "y"]] {
            let cli = Cli::try_parse_from(["hubbub"].iter().chain(&given)).unwrap();
            assert_eq!(cli.config.data, PathBuf::from("x.db"));
        }
    }
}
