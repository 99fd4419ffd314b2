//! The index's file: what is wrong with it is nobody's business but the search's.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{ask_at, find, find_at, page};
use crate::{
    client::send,
    metrics::{ADMIN, samples},
    support::{App, Server, TestApp, until},
};

fn index_of(data: &Path) -> PathBuf {
    let mut file = data.as_os_str().to_owned();
    file.push(".search");
    file.into()
}

/// Waits until words are found, and everything can be.
async fn found(app: &impl Server, words: &str) {
    until(words, async || {
        let found = ask_at(app, "/rooms/lobby/search", words).await;
        let found = Some(found).filter(|found| found.complete)?;
        (found.messages.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_index_stood_and_reads_nothing_again() {
    let mut app = App::with(&ADMIN);
    for text in ["first words", "second words"] {
        send(&app, "lobby", "ann", text).await;
    }
    found(&app, "second").await;
    let index = index_of(&app.data());
    let mode = fs::metadata(&index).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "what was said is for nobody else to read");
    tokio::task::block_in_place(|| assert!(app.stop().success()));
    // Who reads all of it again would have this again.
    let file = Connection::open(&index).unwrap();
    assert_eq!(file.execute("DELETE FROM words_0 WHERE rowid = 1", []).unwrap(), 1);
    drop(file);
    tokio::task::block_in_place(|| app.start_again());
    send(&app, "lobby", "ann", "third words").await;
    assert_eq!(find(&app, "words").await, ["third words", "second words"]);
    assert_eq!(samples(&app).await["hubbub_search_lag"].to_bits(), 0.0_f64.to_bits());
    // And over a kill.
    tokio::task::block_in_place(|| {
        app.kill();
        app.start_again();
    });
    assert_eq!(find(&app, "words").await, ["third words", "second words"]);
    assert!(!app.log().contains("made anew"), "{}", app.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_removed_damaged_or_another_journals_is_made_anew() {
    let mut app = App::start();
    send(&app, "lobby", "ann", "the needle in it").await;
    found(&app, "needle").await;
    let index = index_of(&app.data());
    let before = fs::metadata(&index).unwrap().ino();
    fs::remove_file(&index).unwrap();
    until("it is there again", async || {
        fs::metadata(&index).is_ok_and(|known| known.ino() != before).then_some(())
    })
    .await;
    found(&app, "needle").await;

    let other = App::start();
    send(&other, "lobby", "ann", "hay and more hay").await;
    found(&other, "hay hay").await;
    let others = fs::read(index_of(&other.data())).unwrap();
    let newer = || {
        let file = Connection::open(&index).unwrap();
        file.pragma_update(None, "user_version", 99).unwrap();
    };
    let torn = || {
        let mut bytes = fs::read(&index).unwrap();
        let length = bytes.len();
        bytes[200..length].fill(0x5a);
        fs::write(&index, bytes).unwrap();
    };
    let changes: [(&str, &dyn Fn()); 6] = [
        ("removed", &|| fs::remove_file(&index).unwrap()),
        ("empty", &|| fs::write(&index, "").unwrap()),
        ("no database", &|| fs::write(&index, "what is this? ".repeat(999)).unwrap()),
        ("another journal's", &|| fs::write(&index, &others).unwrap()),
        ("of a later version", &newer),
        ("torn", &torn),
    ];
    for (what, change) in changes {
        tokio::task::block_in_place(|| {
            assert!(app.stop().success(), "{what}");
            change();
            app.start_again();
        });
        send(&app, "lobby", "ann", "it takes sends at once").await;
        found(&app, "needle").await;
        assert_eq!(find(&app, "hay").await, [""; 0], "{what}");
    }
}

#[tokio::test]
async fn where_there_can_be_no_index_everything_else_goes_on_and_a_search_says_so() {
    let home = crate::support::process::directory();
    fs::create_dir_all(home.path().join("hubbub.db.search/in-the-way")).unwrap();
    let app = App::over(home, &[]);
    send(&app, "lobby", "ann", "needle").await;
    let none = ask_at(&app, "/rooms/lobby/search", "needle").await;
    assert!(!none.complete && none.messages.is_empty(), "{none:?}");
    let shown = page(&app, "/rooms/lobby/search", &[("q", "needle")]).await;
    assert!(
        shown.contains("The index is being built: not everything can be found yet."),
        "{shown}"
    );
    assert!(app.log().contains("the search index cannot be removed"), "{}", app.log());
    fs::remove_dir_all(index_of(&app.data())).unwrap();
    found(&app, "needle").await;
}

#[tokio::test]
async fn what_was_sent_before_a_search_is_found_by_it_in_each_room() {
    let app = TestApp::start();
    for number in 0..20 {
        let room = format!("room-{}", number % 4);
        send(&app, &room, "ann", &format!("said {number}")).await;
        let found =
            find_at(&app, &format!("/rooms/{room}/search"), &format!("\"said {number}\"")).await;
        assert_eq!(found.messages.len(), 1);
    }
}
