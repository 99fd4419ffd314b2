use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::Name;

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// How many names are here.
    pub count: usize,
    /// Some of them, in the order of their names.
    pub names: Vec<Person>,
    /// How many read along without a name.
    pub watching: usize,
}

/// One name that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: Name,
    /// Whether all its tabs are hidden.
    pub away: bool,
}

/// `{"count":2,"names":["ann","bob"]}`, with `"away":["bob"]` where somebody is, and `"watching":1`
/// where somebody reads along without a name: the same object in every JSON answer. Names that were
/// proven are in `"proven":[{"name":"ann","mark":"k3v9x2mq7t"}]` as well.
impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = |only_away: bool| -> Vec<&str> {
            let people = self.names.iter().filter(|person| person.away || !only_away);
            people.map(|person| person.name.as_str()).collect()
        };
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("count", &self.count)?;
        object.serialize_entry("names", &names(false))?;
        let away = names(true);
        if !away.is_empty() {
            object.serialize_entry("away", &away)?;
        }
        let proven: Vec<_> = self.names.iter().filter_map(Proven::of).collect();
        if !proven.is_empty() {
            object.serialize_entry("proven", &proven)?;
        }
        if self.watching > 0 {
            object.serialize_entry("watching", &self.watching)?;
        }
        object.end()
    }
}

/// A name with its mark.
#[derive(Serialize)]
struct Proven<'a> {
    name: &'a str,
    mark: &'a str,
}

impl<'a> Proven<'a> {
    fn of(person: &'a Person) -> Option<Self> {
        Some(Self { name: person.name.as_str(), mark: person.name.mark()? })
    }
}
