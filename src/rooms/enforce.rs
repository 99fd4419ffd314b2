//! Putting out who may not be here any more: a link was taken back or has ended, somebody is kept out.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Rooms, access::is_good};
use crate::{
    delivery::hub::ReaderTag,
    message::{Author, RoomName, now},
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
                    changed = changes.changed() => if changed.is_err() { return },
                }
                for room in rooms.rulebook().take_changed() {
                    rooms.put_out(room.as_ref());
                }
                if looked.elapsed() >= LOOK_INTERVAL {
                    looked = Instant::now();
                    for room in rooms.rulebook().private_rooms() {
                        rooms.put_out(Some(&room));
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
            let mut gone = Vec::new();
            let out = std::cell::RefCell::new(&mut gone);
            self.evict(&room, |reader| {
                let is_out = !self.may_stay(&room, reader);
                if is_out && let Some(tab) = &reader.tab {
                    out.borrow_mut().push(tab.to_string());
                }
                is_out
            });
            for tab in gone {
                self.0.roster.leave(&room, &tab);
            }
        }
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
        if role >= Some(crate::message::Role::Moderate) {
            return true;
        }
        let browser = Author::of_tab(tab).browser();
        let banned = self.rulebook().ban(room, now(), |ban| {
            ban.whom.is(browser.as_deref(), reader.ip, reader.name.as_ref())
        });
        banned.is_none()
    }
}
