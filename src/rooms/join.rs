//! Joining and leaving.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Action, Apart, Aside, Caller, Lapsed, NameTaken, Presence, Refusal, Rooms, Tab, Who};
use crate::message::{Name, RoomName};

/// How long a join waits for the end of the stream of its own browser's earlier tab: who goes back and
/// joins anew is faster than the end of the page that was left, by a proxy's time.
const OWN_STREAM_TIMEOUT: Duration = Duration::from_secs(1);

/// How often that is looked at.
const OWN_STREAM_INTERVAL: Duration = Duration::from_millis(50);

/// How long it may take to hear what others have said by now.
const NEWS_TIMEOUT: Duration = Duration::from_secs(1);

/// How often that is looked at.
const NEWS_INTERVAL: Duration = Duration::from_millis(20);

impl Rooms {
    /// Joins `room` under `name`: the name is claimed for the new tab until its stream opens, or
    /// for a short grace.
    ///
    /// What the same browser's earlier tabs hold is not in its way, unless they are open: after a
    /// double click, or back and joined again, a name would be taken by oneself. The `earlier` tab
    /// leaves: it is the one that joins again.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the limits, the names that are here, or the rules of access.
    pub(crate) async fn join(
        &self,
        caller: &Caller,
        room: RoomName,
        name: Name,
        browser: Option<&str>,
        earlier: Option<&Tab>,
    ) -> Result<Tab, Refusal> {
        self.0.limits.join(caller.ip)?;
        let who = Who { tab: earlier, browser, name: Some(&name) };
        self.0.access.check(caller, Action::Join, &room, who)?;
        if let Some(earlier) = earlier {
            self.leave(earlier);
        }
        if let Some(nodes) = &self.0.nodes {
            nodes.settle().await?;
        }
        let tab = Tab::fresh(room, name, browser);
        self.take_name(&tab, browser).await?;
        if let Some(nodes) = &self.0.nodes {
            nodes.claim(&tab).await??;
        }
        Ok(tab)
    }

    /// Takes a name by the list of who is here.
    async fn take_name(&self, tab: &Tab, browser: Option<&str>) -> Result<(), NameTaken> {
        let Tab { room, id, name } = tab;
        let until = Instant::now() + OWN_STREAM_TIMEOUT;
        let mut elsewhere = 0;
        loop {
            let taken = self.0.roster.join(room, id, name, browser, elsewhere);
            let Err(why) = taken else { return Ok(()) };
            // Looked up only now: almost every name is free.
            let own =
                self.0.nodes.as_ref().map_or(0, |nodes| nodes.own_elsewhere(room, name, browser));
            let more = own > elsewhere;
            elsewhere = own;
            match why {
                NameTaken { by_own: false } if more => {}
                NameTaken { by_own: true } if Instant::now() < until => {
                    sleep(OWN_STREAM_INTERVAL).await;
                }
                _ => return Err(why),
            }
        }
    }

    /// Whether a tab may go on under the name that it joined under.
    ///
    /// # Errors
    ///
    /// [`Refusal::Lapsed`] where it left, or somebody else has its name by now.
    pub(crate) fn check_tab(&self, tab: &Tab) -> Result<(), Refusal> {
        if self.0.left.contains(&tab.id) {
            return Err(Lapsed.into());
        }
        let Tab { room, id, name } = tab;
        let checked = self.0.roster.check_tab(room, id, name, || self.elsewhere(tab));
        Ok(match &self.0.nodes {
            Some(nodes) if checked.is_err() => nodes
                .at_rest(tab, |elsewhere| self.0.roster.check_tab(room, id, name, || elsewhere)),
            _ => checked,
        }?)
    }

    /// The same for a tab that comes with a request, perhaps from another node: that its earlier tab left
    /// there may not be known here yet.
    ///
    /// # Errors
    ///
    /// As [`Rooms::check_tab`]; and [`Refusal::Apart`] where this node cannot know.
    pub(crate) async fn receive_tab(&self, tab: &Tab) -> Result<(), Refusal> {
        let checked = self.check_tab(tab);
        let Some(nodes) = self.0.nodes.as_ref().filter(|_| checked.is_err()) else {
            return checked;
        };
        let begun = Instant::now();
        loop {
            let certain = self.0.roster.has_left(&tab.room, &tab.id) || nodes.is_news_in(begun);
            let checked = self.check_tab(tab);
            if certain && checked.is_err() {
                let left = self.0.left.contains(&tab.id);
                let others = nodes.bearers(&tab.room, &tab.name);
                tracing::debug!(tab = tab.id, left, ?others, "a tab is joined no more");
            }
            if certain || checked.is_ok() {
                return checked;
            }
            if begun.elapsed() > NEWS_TIMEOUT {
                return Err(
                    Apart("others bore its name when this node heard of them last".into()).into()
                );
            }
            sleep(NEWS_INTERVAL).await;
        }
    }

    /// On how many other nodes a tab is: it may have moved here.
    pub(super) fn elsewhere(&self, tab: &Tab) -> u32 {
        self.0.nodes.as_ref().map_or(0, |nodes| nodes.count(tab))
    }

    /// Whether a tab is in its room.
    pub(crate) fn presence(&self, room: &RoomName, tab: &str) -> Presence {
        let here = self.0.roster.presence(room, tab);
        let elsewhere = self.0.nodes.as_ref().map(|nodes| nodes.presence(room, tab));
        elsewhere.map_or(here, |elsewhere| here.max(elsewhere))
    }

    /// Whom a tab posts as that is in its room now, as far as this node knows.
    pub(crate) fn name_of(&self, room: &RoomName, tab: &str) -> Option<Name> {
        let is_here = self.0.roster.presence(room, tab) == Presence::Here;
        is_here.then(|| self.0.roster.name(room, tab)).flatten()
    }

    /// A tab leaves: its name is free and its streams end at once, also those of a twin of the page.
    pub(crate) fn leave(&self, tab: &Tab) {
        self.has_left(&tab.room, &tab.id);
        if let Some(nodes) = &self.0.nodes {
            nodes.tell(&tab.room, &tab.id, Aside::Left);
        }
    }

    fn has_left(&self, room: &RoomName, id: &str) {
        self.0.left.add(id);
        self.0.roster.leave(room, id);
        self.evict(room, |reader| reader.tab.as_deref() == Some(id));
    }

    /// A tab says whether it is hidden. A hidden one is here, though it may have let go of its
    /// stream, for as long as it says so again and again.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`]: who is kept out, and had no stream to be ended, leaves.
    pub(crate) fn set_hidden(
        &self,
        caller: &Caller,
        tab: &Tab,
        hidden: bool,
    ) -> Result<(), Refusal> {
        if let Err(why) = self.0.access.check(caller, Action::Stay, &tab.room, Who::of(tab)) {
            self.0.roster.leave(&tab.room, &tab.id);
            return Err(why.into());
        }
        let Tab { room, id, name } = tab;
        if let Some(nodes) = &self.0.nodes
            && self.0.roster.presence(room, id) == Presence::Gone
            && nodes.presence(room, id) > Presence::Gone
        {
            // It came by another way than its stream: who has it is to know.
            nodes.tell(room, id, if hidden { Aside::Hidden } else { Aside::Shown });
        } else if hidden {
            let hide = |elsewhere| self.0.roster.hide(room, id, name, elsewhere);
            self.0.nodes.as_ref().map_or_else(|| hide(0), |nodes| nodes.at_rest(tab, hide));
        } else {
            self.0.roster.show(room, id);
        }
        Ok(())
    }

    /// Something happened on another node to a tab that this one may have.
    pub(super) fn happened_elsewhere(&self, room: &RoomName, tab: &str, what: Aside) {
        match what {
            Aside::Left => self.has_left(room, tab),
            Aside::Hidden => self.0.roster.hide_known(room, tab),
            Aside::Shown => self.0.roster.show(room, tab),
        }
    }
}
