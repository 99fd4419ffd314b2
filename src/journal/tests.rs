//! The journal's contract as one list of cases, held to every engine there is.

mod append;
mod change;
#[cfg(debug_assertions)]
mod fault;
mod hold;
mod read;
mod restart;
mod retention;
mod rule;
#[cfg(feature = "nats")]
mod shared;
mod version_1;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tempfile::{TempDir, tempdir};
#[cfg(feature = "nats")]
use tokio::runtime::Handle;
use tokio_stream::StreamExt as _;

use super::{AppendError, Appended, Gap, Journal, Retention};
#[cfg(feature = "nats")]
use crate::nats::servers;
use crate::{
    message::{Draft, Entry, Key, Message, Name, RoomName, Seq, Text},
    metrics::Metrics,
};

fn sqlite(home: &Path, retention: Retention) -> Journal {
    Journal::open(&home.join("hubbub.db"), retention, Metrics::new()).expect("it opens")
}

/// One node's part of what NATS sequences, as a process of its own would open it.
#[cfg(feature = "nats")]
async fn jetstream(home: &Path, retention: Retention, servers: &servers::Nats) -> Journal {
    let link = crate::nats::Link::open(&options(servers)).await.expect("NATS is there");
    let path = home.join("hubbub.db");
    let opening = Journal::open_shared(&path, retention, &link, Metrics::new());
    opening.await.expect("it opens")
}

#[cfg(feature = "nats")]
fn options(servers: &servers::Nats) -> crate::nats::Options {
    crate::nats::Options {
        servers: crate::nats::Servers::new(&servers.urls()),
        stream: "hubbub".into(),
        replicas: crate::nats::Replicas::Auto,
        creds: None,
        nkey: None,
        ca: None,
        identity: None,
        domain: None,
    }
}

/// Makes one test per case and engine.
macro_rules! contract {
    ($($file:ident { $($case:ident)* })*) => {
        mod on_one_node {
            $(mod $file {
                use super::super::*;
                $(#[tokio::test(flavor = "multi_thread")] async fn $case() {
                    super::super::$file::$case(Bench::alone()).await;
                })*
            })*
        }

        #[cfg(feature = "nats")]
        mod over_nats {
            $(mod $file {
                use super::super::*;
                $(#[tokio::test(flavor = "multi_thread")] async fn $case() {
                    if let Some(bench) = Bench::shared() {
                        super::super::$file::$case(bench).await;
                    }
                })*
            })*
        }
    };
}

/// Cases of a journal that is one process's: what its file says is all there is.
macro_rules! of_one_node {
    ($($file:ident { $($case:ident)* })*) => {
        mod of_one_node {
            $(mod $file {
                use super::super::*;
                $(#[tokio::test(flavor = "multi_thread")] async fn $case() {
                    super::super::$file::$case(Bench::alone()).await;
                })*
            })*
        }
    };
}

contract! {
    append {
        seqs_rise_by_one_over_all_rooms
        a_repeated_key_is_the_first_message_also_after_reopening
        a_key_used_for_another_text_or_name_is_refused
        a_trimmed_message_is_not_stored_again_under_its_key
        a_trimmed_messages_key_is_refused_for_another_text_or_name
        a_lock_of_somebody_elses_refuses_no_send
        many_senders_at_once_get_seqs_without_a_hole
        an_answered_message_is_readable_at_once
        closing_stores_what_was_accepted_and_refuses_what_comes_later
    }
    change {
        a_removed_message_has_no_text_and_who_has_it_is_told
        an_edited_message_has_its_new_text_and_the_last_edit_is_told
        what_is_no_message_of_the_room_is_missing
        a_retry_of_a_send_that_was_changed_is_answered_with_what_it_is_now
        a_removal_and_a_retry_of_its_send_at_once_store_nothing_twice
        what_follows_gets_each_change_as_the_message_is_by_then
        a_room_keeps_as_many_messages_whatever_is_changed_in_it
        no_byte_of_what_was_removed_stays_on_any_disk
    }
    read {
        a_message_is_read_back_as_it_was_sent
        pages_go_forwards_and_backwards_by_seq
        following_gives_every_message_of_all_rooms_in_order
    }
    retention {
        it_keeps_as_many_messages_per_room_as_it_is_told
        a_smaller_number_kept_trims_by_itself
        what_is_older_than_the_ttl_goes_and_a_ttl_of_none_keeps_it
        what_is_too_old_goes_while_somebody_sends_all_the_time
        a_gap_is_told_with_its_number_where_that_is_known
    }
    restart {
        reopened_it_has_the_same_epoch_messages_and_next_seq
        ids_survive_trimming_of_everything_and_vacuum
    }
    rule {
        of_two_rules_at_once_that_expect_the_same_one_is_put
        a_rule_is_no_message_and_takes_a_place_of_its_own
        what_is_ruled_holds_after_reopening_and_the_last_one_put
        a_rule_with_an_end_ends_and_is_forgotten
        nothing_of_what_was_lifted_or_replaced_stays_on_any_disk
        where_there_is_no_room_for_more_rules_those_that_are_there_can_be_changed
    }
    hold {
        two_followers_one_stopped_miss_nothing
        what_a_follower_that_is_gone_had_not_read_is_trimmed
        what_is_held_of_a_room_stays_and_goes_when_it_is_let_go
    }
}

of_one_node! {
    restart {
        a_deleted_file_is_a_new_epoch
        an_older_copy_put_back_is_a_new_epoch_with_its_messages
        data_from_another_machine_is_a_new_epoch_with_its_messages
    }
}

/// A place for a journal, and the engine under test.
struct Bench {
    home: TempDir,
    #[cfg(feature = "nats")]
    servers: Option<servers::Nats>,
}

const ALL: Retention = Retention { keep: 1_000_000, ttl: None };

impl Bench {
    fn alone() -> Self {
        Self {
            home: tempdir().unwrap(),
            #[cfg(feature = "nats")]
            servers: None,
        }
    }

    /// `None` where there is no nats-server.
    #[cfg(feature = "nats")]
    fn shared() -> Option<Self> {
        Some(Self { home: tempdir().unwrap(), servers: Some(servers::Nats::single()?) })
    }

    fn open(&self, retention: Retention) -> Journal {
        #[cfg(feature = "nats")]
        if let Some(servers) = &self.servers {
            let opening = jetstream(self.home.path(), retention, servers);
            return tokio::task::block_in_place(|| Handle::current().block_on(opening));
        }
        sqlite(self.home.path(), retention)
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn draft(room_name: &str, text: &str, key: &str) -> Draft {
    Draft {
        room: room(room_name),
        name: Name::parse("ann").unwrap(),
        text: Text::parse(text).unwrap(),
        key: Key::parse(key).unwrap(),
        author: None,
    }
}

async fn send(journal: &Journal, room: &str, text: &str) -> Appended {
    journal.append(draft(room, text, Key::fresh().as_str())).await.expect("it is stored")
}

/// Sends `numbers` as texts.
async fn fill(journal: &Journal, room: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        send(journal, room, &number.to_string()).await;
    }
}

/// The texts that are kept of a room, oldest first.
async fn kept(journal: &Journal, name: &str) -> Vec<String> {
    let page = journal.after(&room(name), Seq::ZERO, 1_000_000).await.unwrap();
    page.messages().iter().map(|message| message.text.as_str().to_owned()).collect()
}

fn texts(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// How long a test waits for something that must happen. Reached only by what is broken; long,
/// because the machines are shared.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `event`, and fails the test when it does not come.
async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Tries `probe` until it gives something, and fails the test when it never does.
async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
