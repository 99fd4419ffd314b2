use std::sync::Arc;

use rusqlite::ErrorCode;
use tempfile::TempDir;

use super::*;
use crate::message::{Change, Message, Name, Text};

fn message(seq: u64, room: &str, text: &str) -> Message {
    Message {
        id: format!("e-{seq}").parse().unwrap(),
        room: RoomName::parse(room).unwrap(),
        name: Name::parse("ann").unwrap(),
        text: Text::stored(text),
        sent_at: jiff::Timestamp::UNIX_EPOCH,
        state: State::Sent,
    }
}

fn entry(seq: u64, text: &str) -> Entry {
    Entry::Message(message(seq, "lobby", text))
}

fn change(seq: u64, of: u64, state: State, text: &str) -> Entry {
    Entry::Change(Change {
        id: format!("e-{seq}").parse().unwrap(),
        changed_at: jiff::Timestamp::UNIX_EPOCH,
        message: Message { state, ..message(of, "lobby", text) },
        by: None,
        first: None,
    })
}

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("hubbub.db.search")
    }

    fn open(&self, epoch: &str, last: u64) -> Result<(Index, u64), IndexError> {
        let halt = Halt { stop: Arc::default(), until: None };
        let opened = Index::open(&self.path(), &Epoch::parse(epoch).unwrap(), Seq::new(last), halt);
        opened.map(|(index, upto)| (index, upto.get()))
    }

    fn holds(&self, word: &str) -> bool {
        let files = [self.path(), beside(&self.path(), "-wal")];
        files
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .any(|bytes| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
    }
}

fn found(index: &Index, chunk: u64, word: &str) -> Vec<u64> {
    let table = table(chunk);
    let sql = format!("SELECT rowid FROM {table} WHERE {table} MATCH ?1 ORDER BY rowid");
    let mut rows = index.connection.prepare(&sql).unwrap();
    let rows = rows.query_map([format!("text : \"{word}\"")], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_was_taken_in_is_there_when_it_is_opened_again_and_of_no_other_journal() {
    let home = Home::new();
    let (mut index, upto) = home.open("e", 0).unwrap();
    assert_eq!(upto, 0);
    index.take_in(&[entry(1, "one boat"), entry(2, "two boats")], Seq::new(5)).unwrap();
    drop(index);
    let (index, upto) = home.open("e", 5).unwrap();
    assert_eq!((upto, found(&index, 0, "boat")), (5, vec![1]));
    drop(index);
    for (epoch, last) in [("e", 4), ("f", 5)] {
        assert!(matches!(home.open(epoch, last), Err(IndexError::Foreign)), "{epoch} {last}");
    }
    remove(&home.path()).unwrap();
    assert_eq!(home.open("f", 5).unwrap().1, 0);
    remove(&home.path()).unwrap();
    fs::create_dir(home.path()).unwrap();
    assert!(matches!(home.open("f", 5), Err(IndexError::Foreign)));
    assert!(remove(&home.path()).is_err());
}

#[test]
fn what_a_full_disk_does_not_take_is_not_taken_in_by_half() {
    let home = Home::new();
    let (mut index, _) = home.open("e", 0).unwrap();
    index.take_in(&[entry(1, "first")], Seq::new(1)).unwrap();
    let limit = |index: &Index, pages: i64| {
        index
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    };
    let pages = index.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    limit(&index, pages);
    let long: String = (0..20_000).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
    let full = index.take_in(&[entry(2, &long)], Seq::new(2)).unwrap_err();
    let IndexError::Sqlite(why) = full else { panic!("{full}") };
    assert_eq!(why.sqlite_error_code(), Some(ErrorCode::DiskFull));
    limit(&index, i64::from(u32::MAX) - 1);
    drop(index);
    let (mut index, upto) = home.open("e", 9).unwrap();
    assert_eq!((upto, found(&index, 0, "first"), found(&index, 0, "w7")), (1, vec![1], vec![]));
    index.take_in(&[entry(2, &long)], Seq::new(2)).unwrap();
    assert_eq!(found(&index, 0, "w7"), [2]);
}

#[test]
fn what_is_changed_has_its_new_words_at_once_and_its_old_ones_nowhere_once_it_is_written_anew() {
    let home = Home::new();
    let (mut index, _) = home.open("e", 0).unwrap();
    let all = [entry(1, "quicksilver one"), entry(2, "quicksilver two"), entry(3, "three")];
    index.take_in(&all, Seq::new(3)).unwrap();
    let all = [change(4, 1, State::Removed, ""), change(5, 2, State::Edited, "two lead")];
    index.take_in(&all, Seq::new(5)).unwrap();
    // What is not there is none of its business.
    index.take_in(&[change(6, CHUNK + 9, State::Removed, "")], Seq::new(6)).unwrap();
    assert_eq!((found(&index, 0, "quicksilver"), found(&index, 0, "lead")), (vec![], vec![2]));
    assert!(home.holds("quicksilver"), "or this shows nothing");
    assert_eq!(index.needy().unwrap(), Some((0, Need::Forget)));
    index.renew(0).unwrap();
    assert_eq!(index.needy().unwrap(), None);
    assert!(index.empty_log().unwrap());
    assert!(!home.holds("ksilver"));
    assert_eq!((found(&index, 0, "two"), found(&index, 0, "three")), (vec![2], vec![3]));
}

#[test]
fn what_is_no_longer_kept_goes_and_a_chunk_without_messages_as_a_whole() {
    let home = Home::new();
    let (mut index, _) = home.open("e", 0).unwrap();
    let other = Entry::Message(message(3, "attic", "boat"));
    index.take_in(&[entry(1, "boat"), entry(2, "boat"), other], Seq::new(3)).unwrap();
    index.take_in(&[entry(CHUNK + 1, "boat")], Seq::new(CHUNK + 1)).unwrap();
    let floor = |room: &str, seq| (RoomName::parse(room).unwrap(), Seq::new(seq));
    let upto = Seq::new(CHUNK + 1);
    index.trim(&[floor("lobby", 1), floor("attic", 0)], upto).unwrap();
    assert_eq!(found(&index, 0, "boat"), [2, 3]);
    // The attic is a room no more, and of the lobby more is gone than was taken in.
    index.trim(&[floor("lobby", CHUNK + 2)], Seq::new(CHUNK)).unwrap();
    assert_eq!((found(&index, 0, "boat"), found(&index, 1, "boat")), (vec![], vec![CHUNK + 1]));
    index.take_in(&[entry(CHUNK + 2, "boat")], Seq::new(CHUNK + 2)).unwrap();
    index.trim(&[floor("lobby", CHUNK + 2)], Seq::new(CHUNK + 2)).unwrap();
    assert_eq!(found(&index, 1, "boat"), [0; 0]);
    while let Some((chunk, _)) = index.needy().unwrap() {
        index.renew(chunk).unwrap();
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'words_0'";
    assert_eq!(index.connection.query_row(tables, [], |row| row.get::<_, u64>(0)), Ok(0));
    index.take_in(&[entry(CHUNK + 3, "boat")], Seq::new(CHUNK + 3)).unwrap();
    assert_eq!(found(&index, 1, "boat"), [CHUNK + 3], "the newest stays");
}

#[test]
fn a_file_that_is_removed_or_replaced_is_noticed() {
    let home = Home::new();
    let (index, _) = home.open("e", 0).unwrap();
    index.look().unwrap();
    fs::rename(home.path(), home.path().with_extension("away")).unwrap();
    assert!(matches!(index.look(), Err(IndexError::Gone)));
    fs::write(home.path(), "another").unwrap();
    assert!(matches!(index.look(), Err(IndexError::Gone)));
}
