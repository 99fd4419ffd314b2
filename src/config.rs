//! Every knob, declared once: flag, environment variable and help are one declaration.

mod address;
mod base;
mod cli;
mod duration;
mod file;
mod header;
mod nats;
mod networks;
mod tls;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::{journal::Retention, rooms::Allowed, web::PublicUrls};
pub use address::{Listen, SocketMode};
pub use base::Base;
pub use cli::{Cli, Command};
use duration::duration;
pub use file::File;
pub use header::UserHeader;
pub use nats::NatsFlags;
pub use networks::Networks;
pub use tls::{Contact, Names, Redirect, Tls};

/// What an operator can set.
// Values that begin with a hyphen are taken for values: the error then names the knob.
#[derive(Clone, Debug, Parser)]
#[command(name = "hubbub", version)]
pub struct Config {
    /// Addresses to serve on, or unix:/PATH, between commas; port 0 picks a free one
    #[arg(
        long, env = "HUBBUB_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000",
        value_parser = address::listen, allow_hyphen_values = true
    )]
    pub listen: Listen,

    /// Permissions of a socket that --listen makes in the file system
    #[arg(
        long, env = "HUBBUB_SOCKET_MODE", value_name = "MODE", default_value = "660",
        value_parser = address::mode, allow_hyphen_values = true
    )]
    pub socket_mode: SocketMode,

    /// How connections are encrypted.
    #[command(flatten)]
    pub tls: Tls,

    /// Journal file (SQLite); what belongs to it lies beside it
    #[arg(
        long,
        env = "HUBBUB_DATA",
        value_name = "PATH",
        default_value = "hubbub.db",
        global = true,
        allow_hyphen_values = true
    )]
    pub data: PathBuf,

    /// Messages kept per room
    #[arg(
        long, env = "HUBBUB_KEEP", value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000),
        allow_hyphen_values = true
    )]
    pub keep: u64,

    /// Age up to which messages are kept, such as 12h or 30d; 0 for ever
    #[arg(
        long, env = "HUBBUB_TTL", value_name = "DURATION", default_value = "30d",
        value_parser = duration, allow_hyphen_values = true
    )]
    pub ttl: Duration,

    /// Connections open at once; 0 for as many as file descriptors allow
    ///
    /// One in ten is kept for pages and forms: beyond nine in ten, new streams get a 503.
    #[arg(
        long,
        env = "HUBBUB_MAX_CONNECTIONS",
        value_name = "N",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    pub max_connections: usize,

    /// Messages a minute from one tab; 0 for any number
    #[arg(
        long,
        env = "HUBBUB_TAB_SENDS",
        value_name = "N",
        default_value_t = 300,
        allow_hyphen_values = true
    )]
    pub tab_sends: u32,

    /// Messages a minute from one address; 0 for any number
    #[arg(
        long,
        env = "HUBBUB_ADDRESS_SENDS",
        value_name = "N",
        default_value_t = 3000,
        allow_hyphen_values = true
    )]
    pub address_sends: u32,

    /// Joins a minute from one address; 0 for any number
    #[arg(
        long,
        env = "HUBBUB_ADDRESS_JOINS",
        value_name = "N",
        default_value_t = 120,
        allow_hyphen_values = true
    )]
    pub address_joins: u32,

    /// Streams open at once from one address; 0 for any number
    #[arg(
        long,
        env = "HUBBUB_ADDRESS_STREAMS",
        value_name = "N",
        default_value_t = 1000,
        allow_hyphen_values = true
    )]
    pub address_streams: usize,

    /// Rooms a minute that one address may make by sending there; 0 for any number
    #[arg(
        long,
        env = "HUBBUB_ADDRESS_ROOMS",
        value_name = "N",
        default_value_t = 60,
        allow_hyphen_values = true
    )]
    pub address_rooms: u32,

    /// Rooms that have readers at once; 0 for any number
    #[arg(
        long,
        env = "HUBBUB_MAX_ROOMS",
        value_name = "N",
        default_value_t = 10_000,
        allow_hyphen_values = true
    )]
    pub max_rooms: usize,

    /// Largest request body in bytes; 0 for any size
    // The longest text, every character of it four bytes of UTF-8, each byte percent-encoded as
    // `%F0`, makes 48,000; the name and the key fit in the rest.
    #[arg(
        long,
        env = "HUBBUB_MAX_BODY",
        value_name = "BYTES",
        default_value_t = 65_536,
        allow_hyphen_values = true
    )]
    pub max_body: usize,

    /// Proxies whose word on a client's address is taken, as 10.0.0.0/8,192.0.2.1
    #[arg(
        long, env = "HUBBUB_TRUSTED_PROXIES", value_name = "NETWORKS", default_value = "none",
        value_parser = networks::parse, allow_hyphen_values = true
    )]
    pub trusted_proxies: Networks,

    /// Header in which these proxies, or one by a unix: socket, name who asks, such as Remote-User
    #[arg(
        long, env = "HUBBUB_USER_HEADER", value_name = "NAME", default_value = "none",
        value_parser = header::parse, allow_hyphen_values = true
    )]
    pub user_header: UserHeader,

    /// File with the operator's token, or none for the one beside the data, which is made
    #[arg(
        long, env = "HUBBUB_OPERATOR_TOKEN_FILE", value_name = "FILE", default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub operator_token_file: File,

    /// Who may open rooms: anyone, or the operator alone
    #[arg(long, env = "HUBBUB_ROOMS", value_enum, default_value = "anyone")]
    pub rooms: Openers,

    /// What people reach the server as, such as `https://chat.example`; further ones behind commas
    #[arg(
        long, env = "HUBBUB_PUBLIC_URL", value_name = "URLS", default_value = "none",
        value_parser = PublicUrls::parse, allow_hyphen_values = true
    )]
    pub public_url: PublicUrls,

    /// Whose pages may show these in a frame, such as `https://intranet.example`; none for nobody else's
    #[arg(
        long, env = "HUBBUB_EMBED_FROM", value_name = "ORIGINS", default_value = "none",
        value_parser = PublicUrls::parse, allow_hyphen_values = true
    )]
    pub embed_from: PublicUrls,

    /// Path that everything is served below, such as /chat, behind a proxy that passes it on
    #[arg(
        long, env = "HUBBUB_BASE", value_name = "PATH", default_value = "/",
        value_parser = base::parse, allow_hyphen_values = true
    )]
    pub base: Base,

    /// Address to serve metrics on, for the operator; off for nowhere
    #[arg(
        long, env = "HUBBUB_ADMIN", value_name = "ADDR", default_value = "off",
        value_parser = address::admin, allow_hyphen_values = true
    )]
    pub admin: Admin,

    /// Several nodes.
    #[command(flatten)]
    pub nats: NatsFlags,

    /// How a line of the log is written: text or json
    #[arg(
        long,
        env = "HUBBUB_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        allow_hyphen_values = true
    )]
    pub log_format: LogFormat,

    /// What to log, as a tracing filter such as hubbub=debug; @FILE is read, and again on SIGHUP
    #[arg(
        long,
        env = "HUBBUB_LOG",
        value_name = "FILTER",
        default_value = "hubbub=info",
        allow_hyphen_values = true
    )]
    pub log: String,
}

/// Who may open rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Openers {
    /// Whoever comes.
    Anyone,
    /// The operator, and nobody else.
    Operator,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: an object a line.
    Json,
}

/// Where metrics are served, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin(pub Option<SocketAddr>);

impl Config {
    /// How much of the past is kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { keep: self.keep, ttl: (!self.ttl.is_zero()).then_some(self.ttl) }
    }

    /// How long browsers take HTTPS only, if they are told: where the certificate renews itself. One
    /// that somebody else gave may be gone next week, and the server with it, for half a year.
    #[must_use]
    pub fn hsts(&self) -> Option<Duration> {
        let said = !self.tls.acme.0.is_empty() && !self.tls.hsts.is_zero();
        said.then_some(self.tls.hsts)
    }

    /// How much may be asked for, where `connections` may be open at once.
    #[must_use]
    pub fn allowed(&self, connections: usize) -> Allowed {
        Allowed {
            tab_sends: self.tab_sends,
            sends: self.address_sends,
            joins: self.address_joins,
            address_streams: self.address_streams,
            // Room for pages and forms, which come and go in milliseconds.
            streams: connections - connections.div_ceil(10).min(connections - 1),
            new_rooms: self.address_rooms,
            rooms: self.max_rooms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_in_ten_is_no_stream() {
        let config = Config::try_parse_from(["hubbub"]).unwrap();
        for (connections, streams) in [(1, 1), (2, 1), (10, 9), (19_936, 17_942)] {
            assert_eq!(config.allowed(connections).streams, streams);
        }
    }
}
