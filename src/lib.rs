//! **hubbub**: a message sent in one tab appears in every other tab that joined.
//!
//! # The way of one message
//!
//! ```text
//! form ─POST─▶ web ─▶ rooms::send ─▶ journal.append ── durable ──▶ 200/201/303 to the sender
//!                      (the rules)        │ commit
//!                                         ▼
//!             delivery: feed ─▶ frame (rendered and encoded once) ─▶ hub topic ─▶ stream ─▶ socket ─▶ htmx swap
//! ```
//!
//! A stream is asked for over HTTP like everything else. Over HTTP/1.1 its socket is then taken over
//! from hyper ([`server::live`]): a tab that is held for hours keeps a socket, a cursor and its slot
//! in the hub, and nothing else. Over HTTP/2 a stream is one of many of its connection, and an ordinary
//! body of the same frames. A frame goes out in a chunk of HTTP/1.1, which is put around it once,
//! where it is encoded. A stream that is cut, by the network or by a restart, has no last chunk, and
//! so is not complete: clients come back with their cursor.
//!
//! # The map
//!
//! Imports run from the bottom of this table to its top; a test holds the code to it.
//!
//! | module | what it does | what it does not know |
//! |---|---|---|
//! | [`message`] | room, name, text, key, id: parsed at the edge, pure; the entry, which is what a journal holds | any other module |
//! | [`metrics`] | what is counted and timed | what for |
//! | [`nats`] | the connection that several nodes share | what is said over it |
//! | [`lossy`] | lines to stderr that nobody waits for | what they say |
//! | [`shutdown`] | the stop signal | who stops |
//! | [`reload`] | what is read again on SIGHUP | what that is |
//! | [`journal`] | the durable, ordered log; followers with names; a sequencer that chooses the place, a store that keeps it | HTTP, HTML, who reads |
//! | [`search`] | an index of all words in a file of its own, and what is found by it | HTTP, HTML, who may read what |
//! | [`sink`] | what a socket takes from others than its own task, and what stands around a frame | sockets |
//! | [`subscriber`] | whose an address is, for what counts by address | |
//! | [`server`] | sockets, deadlines, bounds, protocols | what is served |
//! | [`acme`] | a certificate from an authority, ordered and renewed | what is served |
//! | [`assets`] | the embedded files that pages load | |
//! | [`paths`] | the addresses of pages and forms, built | the handlers |
//! | [`view`] | maud functions from values to markup | where the values come from |
//! | [`delivery`] | from the journal to the readers: feed, frames, hub, streams, announcements, what is unread elsewhere | HTTP, the rules |
//! | [`rooms`] | what one may do: join, send, listen, leave; limits, roster, access; who is on other nodes | HTTP, HTML |
//! | [`config`] | every knob, once | |
//! | [`telemetry`] | logs | |
//! | [`web`] | the table of URLs; handlers parse and render; errors, negotiation, sessions | what a socket is |
//! | [`app`] | wiring, and the set that every task belongs to | |
//!
//! A sender never touches the hub, and a reader never waits for a sender: between them stands the
//! journal, and a reader's cursor in it. Every task is watched over: when one ends before its time,
//! the process says which, stops, and exits with status 1, so that a restart heals it.
//!
//! # Several nodes
//!
//! ```text
//! send ─▶ journal.append ─▶ NATS JetStream ─▶ each node's follower ─▶ its store ─▶ feed ─▶ hub
//!              ▲                                                        │
//!              └───────────── answered by what came back ◀──────────────┘
//! ```
//!
//! The stream sequences and distributes; `seq` is the stream's, the epoch a message in it. Each node's
//! store follows it and serves every read, so nothing above the journal knows of the stream
//! (`journal::sequencer::jetstream`). Where the stream becomes another one, the journal is opened anew
//! and everything above it with it, on the same sockets ([`Hubbub::serve`]).
//!
//! One stream is one raft group: some 9,000 messages a second from 64 writers on three servers that
//! sync each write (nats-server 2.15 on two cores; half of that over HTTP), and every node stores all
//! of it. Beyond that, on paper: a stream per shard of rooms, chosen by a hash of the room's name. A
//! cursor is of one room, so the epoch and the seq of its shard are enough and the id's form stays;
//! the one thing over all rooms, the list of them, is then by time and not by seq. A node follows
//! the shards of the rooms that it serves, and is asked for those by a balancer that hashes alike, or
//! asks another. Four shards on twelve servers are 36,000 a second and a quarter of the disk for each
//! node. Several regions have a mirror of each stream, which is followed like the stream itself, and
//! sends cross to where the stream is. State is reached by the room for that.

// Visibility is as small as it compiles; what only tests reach is theirs.
#![cfg_attr(not(test), warn(unreachable_pub))]

mod acme;
mod app;
mod assets;
pub mod config;
mod delivery;
mod fault;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod journal;
pub mod lossy;
pub mod message;
pub mod metrics;
pub mod nats;
mod paths;
pub mod reload;
mod rooms;
mod search;
pub mod server;
pub mod shutdown;
mod sink;
mod subscriber;
pub mod telemetry;
mod view;
mod web;

pub use app::{Hubbub, Listeners, StartError, TaskFailed};
