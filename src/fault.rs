//! Faults on purpose, for the tests of what watches over the tasks. Release builds have none.

#[cfg(debug_assertions)]
use std::{
    env,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The variable that asks for one: `journal:3` panics when the point `journal` is passed for the
/// third time, `hang:3` waits there for an hour.
#[cfg(debug_assertions)]
const VARIABLE: &str = "HUBBUB_FAULT";

/// Panics where [`VARIABLE`] asks for it. In release builds this is nothing.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
        let asked = env::var(VARIABLE).ok()?;
        Some(Fault::parse(&asked).unwrap_or_else(|| panic!("{VARIABLE}={asked}: try journal:1")))
    });
    if let Some(fault) = &*FAULT {
        if name == "journal" && fault.pass("hang") {
            std::thread::sleep(std::time::Duration::from_hours(1));
        }
        assert!(!fault.pass(name), "{VARIABLE} asked for a panic at {name}");
    }
}

/// See the debug build's.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn point(_name: &str) {}

#[cfg(debug_assertions)]
struct Fault {
    name: String,
    /// How many more times it may be passed, this one included.
    left: AtomicU64,
}

#[cfg(debug_assertions)]
impl Fault {
    fn parse(asked: &str) -> Option<Self> {
        let (name, time) = asked.split_once(':')?;
        let left = time.parse().ok().filter(|time| *time > 0)?;
        Some(Self { name: name.to_owned(), left: AtomicU64::new(left) })
    }

    /// Whether this passing is the one.
    fn pass(&self, name: &str) -> bool {
        self.name == name && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn it_happens_once_at_its_place_and_time() {
        let fault = Fault::parse("journal:2").unwrap();
        let passed = ["journal", "feed", "journal", "journal"].map(|name| fault.pass(name));
        assert_eq!(passed, [false, false, true, false]);
        for asked in ["", "journal", "journal:0", "journal:x"] {
            assert!(Fault::parse(asked).is_none(), "{asked:?}");
        }
    }
}
