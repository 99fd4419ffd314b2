//! Putting out who may not be here any more: a link was taken back or has ended, somebody is kept out.

use std::{cell::RefCell, collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Rooms, access::is_good};
use crate::{
    delivery::hub::ReaderTag,
    journal::Seen,
    message::{Author, Ban, Name, RoomName, now},
};

/// Between two looks at links that end by themselves.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks at what was changed: whoever makes many rooms does not have all streams looked at
/// for each.
const CHANGE_INTERVAL: Duration = Duration::from_millis(200);

impl Rooms {
    /// Does that for ever.
    pub(crate) fn enforce(&self) -> impl Future<Output = ()> + Send + use<> {
        let rooms = self.clone();
        async move {
            let mut changes = rooms.rulebook().changes();
            let mut looked = Instant::now();
            loop {
                tokio::select! {
                    () = sleep(LOOK_INTERVAL) => {}
                    heard = changes.changed() => if heard.is_err() { return },
                }
                for room in rooms.rulebook().take_changed() {
                    rooms.put_out(room.as_ref());
                }
                if looked.elapsed() >= LOOK_INTERVAL {
                    looked = Instant::now();
                    // Links end by themselves, and only private rooms are left by who had one.
                    for room in rooms.hub().rooms() {
                        let rules = rooms.rulebook().room(&room);
                        if rules.is_some_and(|rules| rules.private) {
                            rooms.put_out_readers(&room);
                        }
                    }
                }
                sleep(CHANGE_INTERVAL).await;
            }
        }
    }

    /// Ends the streams, in a room or in all, of who may not have them any more; tabs leave.
    fn put_out(&self, room: Option<&RoomName>) {
        let rooms = room.map_or_else(|| self.hub().rooms(), |room| vec![room.clone()]);
        for room in rooms {
            // Who reads elsewhere and hears of it looks whether they still may.
            self.hub().stir(&room);
            let with_stream = self.put_out_readers(&room);
            self.put_out_hidden(&room, &with_stream);
        }
    }

    /// Ends the streams of who may not have them any more; their tabs leave. Answers which tabs have
    /// one.
    fn put_out_readers(&self, room: &RoomName) -> HashSet<Box<str>> {
        let (gone, all) = (RefCell::new(Vec::new()), RefCell::new(HashSet::new()));
        self.evict(room, |reader| {
            let is_out = !self.may_stay(room, reader);
            if let Some(tab) = &reader.tab {
                all.borrow_mut().insert(tab.clone());
                if is_out {
                    gone.borrow_mut().push(tab.clone());
                }
            }
            is_out
        });
        for tab in gone.into_inner() {
            self.0.roster.leave(room, &tab);
        }
        all.into_inner()
    }

    /// Banned tabs that are hidden leave: they have let go of their streams, and are here all the same.
    /// From where they come is known when they say so again, and by which link as well.
    fn put_out_hidden(&self, room: &RoomName, with_stream: &HashSet<Box<str>>) {
        if self.rulebook().bans(now()).is_empty() {
            return;
        }
        for (tab, name) in self.0.roster.tabs(room) {
            let known = (None, Some(&name));
            if !with_stream.contains(&*tab) && self.ban_of(room, &tab, known, false).is_some() {
                self.0.roster.leave(room, &tab);
            }
        }
    }

    fn ban_of(
        &self,
        room: &RoomName,
        tab: &str,
        (ip, name): (Option<IpAddr>, Option<&Name>),
        moderates: bool,
    ) -> Option<Arc<Ban>> {
        let seen = Seen { browser: || Author::of_tab(tab).browser(), ip, name };
        self.rulebook().ban(room, now(), seen, |ban| ban.by_operator || !moderates)
    }

    fn may_stay(&self, room: &RoomName, reader: &ReaderTag) -> bool {
        if reader.operator {
            return true;
        }
        let rules = self.rulebook().room(room);
        let link = reader.link.as_deref();
        let role = link.filter(|link| is_good(link, rules.as_deref(), now())).map(|link| link.role);
        if rules.is_some_and(|rules| rules.private) && role.is_none() {
            return false;
        }
        let Some(tab) = &reader.tab else { return true };
        let moderates = role >= Some(crate::message::Role::Moderate);
        let known = (reader.ip, reader.name.as_ref());
        self.ban_of(room, tab, known, moderates).is_none()
    }
}
