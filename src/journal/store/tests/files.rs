//! Files that are not the ones that were left, or do not stay so.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::*;
use crate::journal::{
    OpenError,
    store::{Displaced, WriteError},
};

const KEEP: Retention = Retention { keep: 100_000, ttl: None };

fn open(path: &Path) -> Result<Writer, OpenError> {
    Writer::open(path, KEEP, Followers::default(), Holds::default())
}

/// Every file in a directory, and what is in it.
fn files(home: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = fs::read_dir(home).unwrap().map(|file| file.unwrap().path());
    all.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

fn file(home: &TempDir, name: &str) -> PathBuf {
    home.path().join(name)
}

impl Bench {
    fn fill(&mut self, count: usize) {
        for number in 0..count {
            self.send([(["lobby", "hall", "attic"][number % 3], NOW)]);
        }
    }

    /// What a process that is killed now leaves behind.
    fn kill(&self) -> TempDir {
        let left = tempdir().unwrap();
        for name in ["hubbub.db", "hubbub.db-wal", "hubbub.db.lock"] {
            fs::copy(file(&self.home, name), file(&left, name)).unwrap();
        }
        left
    }

    /// A copy as SQLite's own tools make it.
    fn copy(&self, how: &str) -> PathBuf {
        let copy = file(&self.home, "copy.db");
        if how == "vacuum" {
            self.writer.connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        } else {
            self.writer.connection.backup("main", &copy, rusqlite::backup::NO_PROGRESS).unwrap();
        }
        copy
    }

    fn step_whatever_comes(&mut self) {
        let _ = self.writer.tend(at(NOW), self.begun);
    }

    fn displaced(&mut self) -> Option<Displaced> {
        match self.writer.batch().err() {
            Some(WriteError::Displaced(why)) => Some(why),
            Some(why) => panic!("{why}"),
            None => None,
        }
    }
}

#[test]
fn a_copy_over_a_log_that_was_left_is_refused_and_nothing_is_changed() {
    let mut mixtures = 0;
    for how in ["vacuum", "backup"] {
        for [before, between, after] in [
            [2, 2, 2],
            [2, 300, 2],
            [2, 2, 300],
            [300, 2, 2],
            [300, 300, 300],
            [2, 2, 0],
            [300, 1, 1],
        ] {
            let mut bench = Bench::new(KEEP);
            bench.fill(before);
            let copy = bench.copy(how);
            bench.fill(between);
            let mut bench = bench.reopen(KEEP);
            bench.fill(after);
            let left = bench.kill();
            let writer = open(&file(&left, "hubbub.db")).unwrap();
            assert_eq!(writer.checked(), None, "what was left is known");
            assert_eq!(writer.last().unwrap(), Seq::new((before + between + after) as u64));
            drop(writer);

            let left = bench.kill();
            fs::copy(&copy, file(&left, "hubbub.db")).unwrap();
            let found = files(left.path());
            let case = format!("{how} {before} {between} {after}");
            if after == 0 {
                let writer = open(&file(&left, "hubbub.db")).unwrap();
                assert!(writer.checked().is_some(), "without a log, a copy is a copy: {case}");
                continue;
            }
            let why = open(&file(&left, "hubbub.db")).err().expect("it is refused");
            assert!(matches!(why, OpenError::Apart(_)), "{case}: {why}");
            assert_eq!(files(left.path()), found, "{case}");

            // As that says: without the log, the copy is a copy.
            fs::remove_file(file(&left, "hubbub.db-wal")).unwrap();
            let writer = open(&file(&left, "hubbub.db")).unwrap();
            assert_eq!(writer.last().unwrap(), Seq::new(before as u64), "{case}");
            assert!(writer.checked().is_some());
            mixtures += 1;
        }
    }
    assert_eq!(mixtures, 12);
}

#[test]
fn a_copy_of_a_time_since_the_log_was_begun_is_refused_or_comes_to_what_was_left() {
    for how in ["vacuum", "backup"] {
        for [before, between, after] in [[2, 2, 2], [2, 300, 2], [300, 2, 2], [2, 2, 300]] {
            let mut bench = Bench::new(KEEP).reopen(KEEP);
            bench.fill(before);
            let copy = bench.copy(how);
            bench.fill(between + after);
            let left = bench.kill();
            fs::copy(&copy, file(&left, "hubbub.db")).unwrap();
            match open(&file(&left, "hubbub.db")) {
                Err(OpenError::Apart(_)) => {}
                Err(why) => panic!("{why}"),
                Ok(writer) => {
                    let check = "PRAGMA integrity_check";
                    let whole: String =
                        writer.connection.query_row(check, [], |row| row.get(0)).unwrap();
                    assert_eq!(whole, "ok");
                    assert_eq!(writer.count(), (before + between + after) as u64);
                }
            }
        }
    }
}

#[test]
fn where_nothing_was_noted_what_does_not_hold_together_is_found_by_reading_it() {
    let mut bench = Bench::new(KEEP);
    bench.fill(300);
    let copy = bench.copy("vacuum");
    bench.fill(300);
    let mut bench = bench.reopen(KEEP);
    bench.fill(50);
    let left = bench.kill();
    fs::remove_file(file(&left, "hubbub.db.lock")).unwrap();
    let writer = open(&file(&left, "hubbub.db")).unwrap();
    assert!(writer.checked().is_some(), "it is whole");
    drop(writer);

    let left = bench.kill();
    fs::remove_file(file(&left, "hubbub.db.lock")).unwrap();
    fs::copy(&copy, file(&left, "hubbub.db")).unwrap();
    let found = files(left.path());
    let why = open(&file(&left, "hubbub.db")).err().expect("it is refused");
    assert!(matches!(why, OpenError::Damaged { .. }), "{why}");
    assert!(why.to_string().contains("hubbub restore COPY"), "{why}");
    assert_eq!(files(left.path()), found);

    // A file that was copied while it was written has a part of each time.
    let mut torn = fs::read(&copy).unwrap();
    let middle = torn.len() / 2 / 4096 * 4096;
    torn[middle..middle + 4096].fill(0);
    let left = tempdir().unwrap();
    fs::write(file(&left, "hubbub.db"), torn).unwrap();
    let why = open(&file(&left, "hubbub.db")).err().expect("it is refused");
    assert!(matches!(why, OpenError::Damaged { .. }), "{why}");
}

#[test]
fn a_file_that_is_written_over_while_it_is_in_use_takes_nothing_more_and_stays_as_it_is() {
    let mut bench = Bench::new(KEEP);
    bench.fill(300);
    let copy = bench.copy("vacuum");
    let mut bench = bench.reopen(KEEP);
    bench.fill(300);
    let data = file(&bench.home, "hubbub.db");
    bench.tend(NOW);
    assert_eq!(bench.displaced(), None);
    // In place, as cp does it.
    fs::write(&data, fs::read(&copy).unwrap()).unwrap();
    bench.step_whatever_comes();
    assert_eq!(bench.displaced(), Some(Displaced::Overwritten));
    let Bench { home, writer, .. } = bench;
    writer.close().unwrap();
    assert_eq!(fs::read(&data).unwrap(), fs::read(&copy).unwrap(), "the copy is whole");
    let why = open(&data).err().expect("its log is another's");
    assert!(matches!(why, OpenError::Apart(_)), "{why}");
    fs::remove_file(file(&home, "hubbub.db-wal")).unwrap();
    assert_eq!(open(&data).unwrap().last().unwrap(), Seq::new(300));
}

#[test]
fn files_that_are_removed_or_replaced_while_they_are_in_use_take_nothing_until_they_are_back() {
    for name in ["hubbub.db", "hubbub.db-wal", "hubbub.db-shm", "hubbub.db.lock"] {
        let mut bench = Bench::new(KEEP);
        bench.fill(10);
        let (path, away) = (file(&bench.home, name), file(&bench.home, "away"));
        fs::rename(&path, &away).unwrap();
        bench.step_whatever_comes();
        assert_eq!(bench.displaced(), Some(Displaced::Moved), "{name} is removed");
        fs::copy(&away, &path).unwrap();
        bench.step_whatever_comes();
        assert_eq!(bench.displaced(), Some(Displaced::Moved), "{name} is another");
        fs::rename(&away, &path).unwrap();
        bench.step_whatever_comes();
        assert_eq!(bench.displaced(), None, "{name} is back");
        bench.fill(10);
        let bench = bench.reopen(KEEP);
        assert_eq!(bench.number("SELECT count(*) FROM entries"), 20);
    }
}

#[test]
fn a_log_that_is_folded_is_known_whoever_did_it() {
    let modes = ["passive", "full", "restart", "truncate"];
    for (mode, writes) in modes.iter().flat_map(|mode| [(mode, true), (mode, false)]) {
        let mut bench = Bench::new(KEEP);
        bench.fill(30);
        let data = file(&bench.home, "hubbub.db");
        let other = rusqlite::Connection::open(&data).unwrap();
        for next in 0..4 {
            if writes {
                other.execute("UPDATE entries SET name = 'eve' WHERE seq = 7", []).unwrap();
            }
            other.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())).unwrap();
            bench.fill(next);
            bench.tend(NOW);
            assert_eq!(bench.displaced(), None, "{mode}");
            let left = bench.kill();
            let writer = open(&file(&left, "hubbub.db")).unwrap();
            assert_eq!(writer.last().unwrap(), Seq::new(bench.seq), "{mode}");
        }
    }
}

#[test]
fn who_is_killed_in_the_middle_of_a_checkpoint_leaves_what_its_log_explains() {
    let mut bench = Bench::new(KEEP);
    bench.fill(30);
    let mut bench = bench.reopen(KEEP);
    bench.fill(300);
    let before = fs::read(file(&bench.home, "hubbub.db")).unwrap();
    let other = rusqlite::Connection::open(file(&bench.home, "hubbub.db")).unwrap();
    other.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap();
    // Nobody has looked at it since.
    let left = bench.kill();
    let data = file(&left, "hubbub.db");
    let after = fs::read(&data).unwrap();
    assert_ne!(before, after);
    for pages in [1, 3, 7] {
        let mut some = before.clone();
        some[..pages * 4096].copy_from_slice(&after[..pages * 4096]);
        for found in [&some, &after] {
            fs::write(&data, found).unwrap();
            let writer = open(&data).unwrap();
            assert_eq!((writer.checked(), writer.count()), (None, 330));
            drop(writer);
            for name in ["hubbub.db-wal", "hubbub.db.lock"] {
                fs::copy(bench.home.path().join(name), left.path().join(name)).unwrap();
            }
        }
    }
}

#[test]
fn the_log_of_a_file_that_was_removed_or_emptied_stays() {
    for mark in [true, false] {
        let mut bench = Bench::new(KEEP);
        bench.fill(30);
        let left = bench.kill();
        if !mark {
            fs::remove_file(file(&left, "hubbub.db.lock")).unwrap();
        }
        for removed in [false, true] {
            fs::write(file(&left, "hubbub.db"), "").unwrap();
            if removed {
                fs::remove_file(file(&left, "hubbub.db")).unwrap();
            }
            let found = files(left.path());
            let why = open(&file(&left, "hubbub.db")).err().expect("it is refused");
            assert!(matches!(why, OpenError::Apart(_)), "{why}");
            assert_eq!(files(left.path()), found);
        }
    }
}

#[test]
fn a_long_log_is_folded_and_what_is_left_is_known_at_any_time() {
    let mut bench = Bench::new(KEEP);
    bench.text = "€".repeat(Text::MAX_CHARS);
    let data = file(&bench.home, "hubbub.db");
    let before = fs::metadata(&data).unwrap().len();
    for _ in 0..40 {
        bench.send([("lobby", NOW); 64]);
        let left = bench.kill();
        assert_eq!(open(&file(&left, "hubbub.db")).unwrap().checked(), None);
    }
    let folded = fs::metadata(&data).unwrap().len() - before;
    assert!(folded > 16 << 20, "{folded}");
    assert_eq!(bench.displaced(), None);
}

#[test]
fn a_file_is_one_processs_by_whatever_name() {
    let home = tempdir().unwrap();
    let data = file(&home, "hubbub.db");
    symlink("hubbub.db", file(&home, "link.db")).unwrap();
    // Through a link to a file that is not there yet.
    let writer = open(&file(&home, "link.db")).unwrap();
    assert_eq!(writer.path(), fs::canonicalize(&data).unwrap());
    let elsewhere = tempdir().unwrap();
    symlink(home.path(), file(&elsewhere, "directory")).unwrap();
    fs::hard_link(&data, file(&elsewhere, "hard.db")).unwrap();
    for path in [
        data.clone(),
        file(&home, "link.db"),
        file(&elsewhere, "directory/hubbub.db"),
        file(&elsewhere, "hard.db"),
    ] {
        let why = open(&path).err().expect("it is in use");
        assert!(matches!(why, OpenError::InUse(_)), "{}: {why}", path.display());
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 2, "no file was left there");
    writer.close().unwrap();
    open(&file(&elsewhere, "hard.db")).unwrap();
}
