//! From what the index finds to messages that may be seen.

use std::{ops::Range, sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use rusqlite::ErrorCode;
use tokio::time::{Instant, timeout_at};

use super::{
    Query, Search,
    read::{Wanted, is_interrupted},
};
use crate::{
    journal::{Journal, ReadError},
    message::{Message, RoomName, Seq},
};

/// How long a search waits for the index to take in what was sent before it: some turns of the
/// follower, which gathers what it writes.
const CATCH_UP_TIMEOUT: Duration = Duration::from_millis(300);

/// What it takes in within that, and some more. Beyond it a search does not wait.
const MAX_NEAR_LAG: u64 = 20_000;

/// How long a search may take. What it has found by then is shown, and older hits on another page.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(1);

/// Places that are looked at beyond those that are shown: most are there, and match.
const MORE_PLACES: usize = 14;

/// Places that are looked at when those were not: of a word that only hidden rooms have, or whose
/// messages are gone.
const MAX_PLACES: usize = 512;

/// Bytes of hits as they are shown: a page of fifty long texts.
const MAX_FOUND_BYTES: usize = 256 * 1024;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The words.
    pub query: Query,
    /// Where they are looked for.
    pub within: Within,
    /// Only what is older than this; `None` for the newest.
    pub before: Option<Seq>,
    /// At most so many hits.
    pub limit: usize,
}

/// Where words are looked for.
#[derive(Clone, Debug)]
pub(crate) enum Within {
    /// In one room.
    Room(RoomName),
    /// In all, but for these.
    All {
        /// Rooms that who asks may not know of: their hits are not even passed over, since the time
        /// that this takes could be told.
        without: Vec<RoomName>,
    },
}

/// A message with what was looked for.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    /// The message.
    pub message: Message,
    /// Where in its text that stands, in bytes: in order, and apart from each other.
    pub marks: Vec<Range<usize>>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The hits, the newest first.
    pub hits: Vec<Hit>,
    /// Before which place there may be more; `None` where those are all.
    pub older: Option<Seq>,
    /// Where the index lacks what is newer than this.
    pub behind: Option<Behind>,
}

/// How far an index reaches that is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// When the last was said that it has, where it has anything.
    pub upto: Option<Timestamp>,
}

/// Nothing can be said now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    /// Too many search at once, or for what takes too long.
    #[error("the search did not come to an end in time")]
    Slow,
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Search {
    /// Looks for messages, of rooms that `sees` says may be seen. `permit` is held by whatever thread
    /// looks, and given back with it, also where nobody waits any longer.
    pub(crate) async fn find<P: Send + 'static>(
        &self,
        journal: &Journal,
        asked: Asked,
        permit: P,
        sees: impl Fn(&RoomName) -> bool,
    ) -> Result<Found, SearchError> {
        let Asked { query, within, before, limit } = asked;
        let mut found = Found::default();
        let last = journal.last();
        let patience =
            if self.lag(last) < MAX_NEAR_LAG { CATCH_UP_TIMEOUT } else { Duration::ZERO };
        if !self.reach(last, patience).await {
            found.behind = Some(Behind { upto: self.progress().at });
        }
        let until = Instant::now() + SEARCH_TIMEOUT;
        let slot = timeout_at(until, self.0.slots.clone().acquire_owned()).await;
        let slot = slot.map_err(|_| SearchError::Slow)?;
        let (room, without) = match within {
            Within::Room(room) => (Some(room), Vec::new()),
            Within::All { without } => (None, without),
        };
        let wanted = Wanted { words: query.expression(), room, without };
        let mut held = (permit, slot, wanted);
        let mut before = before.unwrap_or(Seq::new(u64::MAX));
        let mut count = limit + MORE_PLACES;
        let mut bytes = 0;
        loop {
            let search = self.clone();
            let job = tokio::task::spawn_blocking(move || {
                let places = search.places(&held.2, before, count, until.into_std());
                (places, held)
            });
            let (places, back) = job.await.map_err(|_| SearchError::Slow)?;
            held = back;
            let places = match places {
                Ok(places) => places,
                Err(why) if is_interrupted(&why) => return Err(SearchError::Slow),
                Err(why) => {
                    tracing::warn!(%why, "the search index cannot be read");
                    self.suspect(&why);
                    found.behind = Some(Behind { upto: None });
                    return Ok(found);
                }
            };
            let most = MAX_FOUND_BYTES - bytes;
            let (mut read, mut last) = (0, None);
            for message in journal.at(places.seqs, most).await? {
                let its = message.text.shown_bytes();
                (read, last) = (read + its, Some(message.seq()));
                if let Some(marks) = query.marks(message.text.as_str())
                    && held.2.room.as_ref().is_none_or(|room| *room == message.room)
                    && sees(&message.room)
                {
                    if found.hits.len() == limit {
                        found.older = found.hits.last().map(|hit| hit.message.seq());
                        return Ok(found);
                    }
                    // What may not be seen takes no place of what may.
                    bytes += its;
                    found.hits.push(Hit { message, marks });
                }
            }
            if bytes >= MAX_FOUND_BYTES {
                found.older = found.hits.last().map(|hit| hit.message.seq());
                return Ok(found);
            }
            let is_cut = read >= most;
            let Some(older) = (if is_cut { last } else { places.older }) else { return Ok(found) };
            if !(places.in_time || is_cut) || Instant::now() > until {
                if found.hits.is_empty() && older == before {
                    return Err(SearchError::Slow);
                }
                found.older = Some(older);
                return Ok(found);
            }
            (before, count) = (older, MAX_PLACES);
        }
    }

    /// The file is to be made anew, where it is the file that is at fault.
    fn suspect(&self, why: &rusqlite::Error) {
        let damage = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
        if why.sqlite_error_code().is_some_and(|code| damage.contains(&code)) {
            self.0.suspect.store(true, Ordering::Relaxed);
        }
    }
}
