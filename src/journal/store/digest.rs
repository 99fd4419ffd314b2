//! What is kept of an entry that was trimmed, for a retry to be known by.

use rusqlite::{Connection, functions::FunctionFlags, types::ValueRef};
use sha2::{Digest as _, Sha256};

/// 64 bits, as 16 hexadecimal digits: it only ever tells two entries of one key apart.
pub(super) fn digest(name: &str, body: &str) -> String {
    // A name has no line breaks: no two pairs are one string.
    let digest = Sha256::new().chain_update(name).chain_update("\n").chain_update(body).finalize();
    let [high, low] = [0, 4].map(|at| {
        let part = [digest[at], digest[at + 1], digest[at + 2], digest[at + 3]];
        u32::from_be_bytes(part)
    });
    format!("{high:08x}{low:08x}")
}

/// Makes it a function of SQL's on this connection.
pub(super) fn define(connection: &Connection) -> Result<(), rusqlite::Error> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("digest", 2, flags, |arguments| {
        let text = |at| match arguments.get_raw(at) {
            ValueRef::Text(bytes) => str::from_utf8(bytes).unwrap_or_default(),
            _ => "",
        };
        Ok(digest(text(0), text(1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_what_it_is_since_files_hold_it() {
        assert_eq!(digest("ann", "hi"), "90d228bbb93f60e9");
        assert_ne!(digest("ann", "hi"), digest("ann", "ho"));
        assert_ne!(digest("an", "nhi"), digest("ann", "hi"));
        let connection = Connection::open_in_memory().unwrap();
        define(&connection).unwrap();
        let sql: String =
            connection.query_row("SELECT digest('ann', 'hi')", [], |row| row.get(0)).unwrap();
        assert_eq!(sql, digest("ann", "hi"));
    }
}
