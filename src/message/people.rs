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
