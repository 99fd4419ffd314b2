//! The lists of who is here as pages show them, rendered once per change: a page is asked for far
//! more often than somebody comes or goes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use maud::Markup;

use crate::{
    message::{Name, People, Person, RoomName},
    view,
};

/// Rooms whose list is kept. Each takes 10 KB at most, with long names that are all escaped.
const MAX_KEPT_LISTS: usize = 64;

/// A handle on them; clones share it.
#[derive(Clone, Default)]
pub struct Lists(Arc<Mutex<HashMap<RoomName, Kept>>>);

struct Kept {
    /// Whom it lists. The roster gives this very value until something changes.
    people: Arc<People>,
    list: Arc<Markup>,
}

impl Lists {
    /// The list of a room's people.
    pub fn of(&self, room: &RoomName, people: Arc<People>) -> Arc<Markup> {
        if let Some(kept) = self.lock().get(room).filter(|kept| Arc::ptr_eq(&kept.people, &people))
        {
            return Arc::clone(&kept.list);
        }
        let list = Arc::new(view::presence::list(&people, false));
        let mut rooms = self.lock();
        if rooms.len() >= MAX_KEPT_LISTS && !rooms.contains_key(room) {
            // What only this holds is no room's list any more.
            rooms.retain(|_, kept| Arc::strong_count(&kept.people) > 1);
        }
        // Where all of them are asked for all the time, one more has no place.
        if rooms.len() < MAX_KEPT_LISTS || rooms.contains_key(room) {
            rooms.insert(room.clone(), Kept { people, list: Arc::clone(&list) });
        }
        list
    }

    /// The list as the page of `name` shows it: who sees the page is here, though its stream is
    /// still to open.
    pub fn seen_by(&self, name: &Name, room: &RoomName, people: Arc<People>) -> Arc<Markup> {
        let place = people.names.binary_search_by(|person| person.name.cmp(name));
        match place {
            // Where only some are listed, it may be one of the others.
            Err(place) if people.count == people.names.len() => {
                let mut people = People::clone(&people);
                people.count += 1;
                people.names.insert(place, Person { name: name.clone(), away: false });
                Arc::new(view::presence::list(&people, false))
            }
            _ => self.of(room, people),
        }
    }

    /// A std mutex: nothing is awaited or rendered under it.
    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: usize) -> RoomName {
        RoomName::parse(&format!("room-{number}")).unwrap()
    }

    fn name(raw: &str) -> Name {
        Name::parse(raw).unwrap()
    }

    fn people(names: &[&str]) -> Arc<People> {
        let names: Vec<_> =
            names.iter().map(|raw| Person { name: name(raw), away: false }).collect();
        Arc::new(People { count: names.len(), names, watching: 0 })
    }

    #[test]
    fn a_list_is_rendered_once_until_the_people_change() {
        let (lists, room) = (Lists::default(), room(1));
        let (before, after) = (people(&["ann"]), people(&["ann", "bob"]));
        let list = lists.of(&room, Arc::clone(&before));
        assert_eq!(list.0, view::presence::list(&before, false).0);
        assert!(Arc::ptr_eq(&list, &lists.of(&room, Arc::clone(&before))));
        assert!(Arc::ptr_eq(&list, &lists.seen_by(&name("ann"), &room, before)));
        let changed = lists.of(&room, Arc::clone(&after));
        assert_eq!(changed.0, view::presence::list(&after, false).0);
    }

    #[test]
    fn who_sees_a_page_is_listed_in_order_where_all_are_and_nobody_else_sees_that() {
        let (lists, room, three) = (Lists::default(), room(1), people(&["ann", "cat", "eve"]));
        let seen = lists.seen_by(&name("bob"), &room, Arc::clone(&three));
        assert_eq!(seen.0, view::presence::list(&people(&["ann", "bob", "cat", "eve"]), false).0);
        assert_eq!(lists.of(&room, Arc::clone(&three)).0, view::presence::list(&three, false).0);

        let many = Arc::new(People { count: 1000, ..People::clone(&three) });
        let seen = lists.seen_by(&name("bob"), &room, Arc::clone(&many));
        assert_eq!(seen.0, view::presence::list(&many, false).0, "it may be among the 997");
    }

    #[test]
    fn lists_that_nobody_can_ask_for_make_room_and_those_of_others_stay() {
        let lists = Lists::default();
        let kept: Vec<_> = (0..MAX_KEPT_LISTS).map(|_| people(&["ann"])).collect();
        let first: Vec<_> =
            kept.iter().enumerate().map(|(n, it)| lists.of(&room(n), it.clone())).collect();
        let late = people(&["bob"]);
        lists.of(&room(1000), Arc::clone(&late));
        assert_eq!(lists.lock().len(), MAX_KEPT_LISTS);
        for (number, (people, list)) in kept.iter().zip(&first).enumerate() {
            assert!(Arc::ptr_eq(list, &lists.of(&room(number), people.clone())), "it stays");
        }
        drop(kept);
        let list = lists.of(&room(1000), Arc::clone(&late));
        assert!(Arc::ptr_eq(&list, &lists.of(&room(1000), late)), "there is room again");
        assert_eq!(lists.lock().len(), 1);
    }
}
