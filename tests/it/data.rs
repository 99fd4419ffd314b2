//! The data's files: which they are, that they stay what they are, and copies of them.

mod displaced;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    client::{Events, client, post, send},
    support::{
        App,
        process::app::{hubbub, run, run_to_end},
        soon, until,
    },
};

/// The names in a directory.
fn names(home: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(home).unwrap().map(|file| file.unwrap().file_name());
    files.map(|name| name.into_string().unwrap()).filter(|name| name != "hubbub.log").collect()
}

pub fn backup(app: &App, name: &str) -> PathBuf {
    let copy = app.home().path().join(name);
    let (status, said, why) = run(app.home().path(), &["backup".as_ref(), copy.as_os_str()]);
    assert!(status.success() && why.is_empty(), "{why}");
    assert!(said.contains(name) && said.contains(" messages in "), "{said}");
    let mode = fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "what was said is for nobody else to read");
    copy
}

fn restore(home: &Path, copy: &Path) {
    let (status, said, why) = run(home, &["restore".as_ref(), copy.as_os_str()]);
    assert!(status.success() && why.is_empty(), "{why}");
    assert!(said.contains("hubbub.db has "), "{said}");
}

/// The one line on stderr of a command that must fail with status 2.
fn fails(home: &Path, command: &[&OsStr]) -> String {
    let (status, said, why) = run(home, command);
    assert_eq!((status.code(), said.as_str()), (Some(2), ""), "{why}");
    assert_eq!(why.lines().count(), 1, "one line: {why:?}");
    why
}

/// The one line on stderr of a start that must fail with status 2.
fn refused(home: &Path) -> String {
    let (status, said) = run_to_end(&mut hubbub(home, "127.0.0.1:0"));
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said:?}");
    said
}

async fn fill(app: &App, texts: std::ops::Range<usize>) {
    for text in texts {
        send(app, "lobby", "ann", &text.to_string()).await;
    }
}

async fn texts(app: &App) -> Vec<String> {
    let url = app.url("/rooms/lobby/messages?limit=100");
    let answer = client().get(url).header("accept", "application/json").send().await.unwrap();
    let messages: Vec<crate::client::Message> = answer.json().await.unwrap();
    messages.into_iter().map(|message| message.text).collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn status(app: &App, path: &str) -> u16 {
    client().get(app.url(path)).send().await.unwrap().status().as_u16()
}

async fn becomes(app: &App, ready: u16) {
    until("/readyz changes", async || (status(app, "/readyz").await == ready).then_some(())).await;
}

#[tokio::test]
async fn a_copy_over_a_log_that_was_left_is_refused_and_says_what_to_do_which_helps() {
    for tool in ["hubbub", "sqlite"] {
        let mut app = App::start();
        fill(&app, 0..20).await;
        let copy = app.home().path().join("copy.db");
        if tool == "hubbub" {
            backup(&app, "copy.db");
        } else {
            let data = rusqlite::Connection::open(app.data()).unwrap();
            data.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        }
        fill(&app, 20..40).await;
        let mut before = Events::open(&app, "/rooms/lobby/events?last=1", None).await;
        let (cursor, _) = before.message().await;
        assert!(app.stop().success());
        app.start_again();
        fill(&app, 40..50).await;
        app.kill();
        let home = app.home();
        let left = names(home.path());
        fs::copy(&copy, app.data()).unwrap();
        let said = refused(home.path());
        assert!(said.contains("--data") && said.contains("do not belong together"), "{said}");
        assert!(said.contains("`hubbub restore COPY`") && said.contains("-wal"), "{said}");
        assert_eq!(names(home.path()), left);
        assert_eq!(fs::read(&copy).unwrap(), fs::read(app.data()).unwrap(), "nothing was changed");

        restore(home.path(), &copy);
        app.start_again();
        assert_eq!(texts(&app).await, numbers(0..20));
        let sent = send(&app, "lobby", "ann", "after").await;
        assert_ne!(sent.id.split('-').next(), cursor.split('-').next(), "a new epoch");
        let mut back = Events::open(&app, "/rooms/lobby/events", Some(&cursor)).await;
        back.event("Gap").await;
        assert_eq!(back.message().await.1, "0", "and then all that is there");
        let kept = home.path().join("hubbub.db.replaced-wal");
        assert!(fs::metadata(kept).unwrap().len() > 0, "what was there is there");
    }
}

#[tokio::test]
async fn a_file_that_is_written_over_while_it_is_served_takes_no_sends_and_is_not_served_again() {
    let mut app = App::start();
    fill(&app, 0..20).await;
    let copy = backup(&app, "copy.db");
    fill(&app, 20..40).await;
    assert_eq!(status(&app, "/readyz").await, 200);
    fs::copy(&copy, app.data()).unwrap();
    becomes(&app, 503).await;
    for _ in 0..10 {
        let form = [("username", "ann"), ("text", "lost?"), ("key", "once")];
        assert_eq!(post(&app, "lobby", &form).await.status(), 503);
    }
    assert!(app.stop().success());
    let log = app.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(lines.len() == 1 && lines[0].contains("wrote over the data file"), "{log}");
    assert_eq!(fs::read(&copy).unwrap(), fs::read(app.data()).unwrap(), "the copy is whole");
    let said = refused(app.home().path());
    assert!(said.contains("do not belong together"), "{said}");
    restore(app.home().path(), &copy);
    app.start_again();
    assert_eq!(texts(&app).await, numbers(0..20));
}

/// Waits until the newest line of the log, which is written beside what it tells of, has these words.
async fn says_last(app: &App, words: &str) {
    until("it is in the log", async || {
        app.log().lines().last().is_some_and(|line| line.contains(words)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn files_that_are_removed_or_replaced_make_it_unready_until_they_are_back() {
    let app = App::start();
    fill(&app, 0..5).await;
    let away = app.home().path().join("away");
    for ending in ["", "-wal", "-shm", ".lock"] {
        let file = PathBuf::from(format!("{}{ending}", app.data().display()));
        fs::rename(&file, &away).unwrap();
        becomes(&app, 503).await;
        let form = [("username", "ann"), ("text", "lost?"), ("key", "once")];
        assert_eq!(post(&app, "lobby", &form).await.status(), 503, "{ending} is removed");
        assert_eq!(status(&app, "/healthz").await, 200);
        fs::copy(&away, &file).unwrap();
        says_last(&app, "removed or replaced").await;
        fs::rename(&away, &file).unwrap();
        becomes(&app, 200).await;
        says_last(&app, "can be written again").await;
    }
    fill(&app, 5..8).await;
    assert_eq!(texts(&app).await, numbers(0..8));
}

#[tokio::test]
async fn a_journal_is_one_processs_whatever_name_it_is_opened_by() {
    let mut app = App::start();
    fill(&app, 0..3).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let (link, hard) = (elsewhere.path().join("link.db"), elsewhere.path().join("hard.db"));
    symlink(app.data(), &link).unwrap();
    fs::hard_link(app.data(), &hard).unwrap();
    let serve = |data: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hubbub"));
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
        command
    };
    for data in [&link, &hard] {
        let (status, said) = run_to_end(&mut serve(data));
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains("another hubbub has this journal open"), "{said}");
    }
    assert_eq!(names(elsewhere.path()).len(), 2, "nothing was left there");

    // What belongs to the data lies beside the data, not beside a link to it.
    assert!(app.stop().success());
    let mut served = serve(&link).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it serves", async || app.home().path().join("hubbub.db-wal").exists().then_some(()))
        .await;
    let said = refused(app.home().path());
    served.kill().unwrap();
    served.wait().unwrap();
    assert!(said.contains("another hubbub has this journal open"), "{said}");
    assert_eq!(names(elsewhere.path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_everything_that_was_acknowledged_before_it_began() {
    let app = App::with(&["--tab-sends", "0"]);
    let url = app.url("/rooms/lobby/messages");
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                while let Ok(sent) =
                    client().post(&url).form(&[("username", "ann"), ("text", "hi")]).send().await
                {
                    assert_eq!(sent.status(), 201);
                }
            })
        })
        .collect();
    let mut copies = Vec::new();
    for number in 0..5 {
        let before = send(&app, "lobby", "bob", "before").await.seq;
        let home = app.home();
        let copying = tokio::task::spawn_blocking(move || {
            let copy = home.path().join(format!("copy-{number}.db"));
            let done = run(home.path(), &["backup".as_ref(), copy.as_os_str()]);
            assert!(done.0.success(), "{}", done.2);
            copy
        });
        copies.push((before, soon("a copy", copying).await.unwrap()));
    }
    let home = app.home();
    let beside = names(home.path());
    drop(app);
    for sender in senders {
        soon("a sender's end", sender).await.unwrap();
    }
    assert_eq!(beside.iter().filter(|name| name.starts_with("copy")).count(), 5, "{beside:?}");
    for (before, copy) in copies {
        // Elsewhere, and nothing beside it.
        let home = tempfile::tempdir().unwrap();
        fs::rename(&copy, home.path().join("hubbub.db")).unwrap();
        let app = App::over(home, &[]);
        let next = send(&app, "lobby", "ann", "next").await.seq;
        assert!(next > before, "{next} after {before}");
        until("the log says how long the check took", async || {
            app.log().contains("checked_ms=").then_some(())
        })
        .await;
        let data = rusqlite::Connection::open(app.data()).unwrap();
        let count = "SELECT count(*) FROM entries";
        let count: u64 = data.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(count, next, "each message once, and none is missing");
    }
}

#[tokio::test]
async fn a_copy_is_written_over_nothing_and_put_in_the_place_of_nothing_that_is_in_use() {
    let mut app = App::start();
    fill(&app, 0..3).await;
    let home = app.home();
    let copy = backup(&app, "copy.db");
    let made = names(home.path());
    fs::write(home.path().join("diary"), "Dear diary").unwrap();
    for there in ["copy.db", "diary", "hubbub.db"] {
        let file = home.path().join(there);
        let before = fs::read(&file).unwrap();
        let said = fails(home.path(), &["backup".as_ref(), file.as_os_str()]);
        assert!(said.contains(there) && said.contains("is there already"), "{said}");
        assert!(fs::read(&file).unwrap() == before || there == "hubbub.db");
    }
    let said = fails(home.path(), &["restore".as_ref(), copy.as_os_str()]);
    assert!(said.contains("another hubbub has this journal open"), "{said}");
    fill(&app, 3..6).await;
    assert!(app.stop().success());

    let not_whole = |name: &str| {
        let file = home.path().join(name);
        let before = fs::read(app.data()).unwrap();
        let said = fails(home.path(), &["restore".as_ref(), file.as_os_str()]);
        assert!(said.contains(name), "{said}");
        assert_eq!(fs::read(app.data()).unwrap(), before, "the data is as it was");
        said
    };
    assert!(not_whole("missing.db").contains("No such file"));
    assert!(not_whole("diary").contains("not a hubbub journal"));
    let mut torn = fs::read(&copy).unwrap();
    let middle = torn.len() / 2 / 4096 * 4096;
    torn[middle..middle + 4096].fill(7);
    fs::write(home.path().join("torn.db"), torn).unwrap();
    assert!(not_whole("torn.db").contains("no whole copy of a journal"));
    assert!(not_whole("hubbub.db").contains("the data itself"));
    for name in ["diary", "torn.db"] {
        fs::remove_file(home.path().join(name)).unwrap();
    }
    let left: BTreeSet<_> = names(home.path());
    assert!(left.is_subset(&made), "{left:?}");

    app.start_again();
    assert_eq!(texts(&app).await, numbers(0..6), "and is served on");
    // A copy of what is not served is as good.
    assert!(app.stop().success());
    fs::remove_file(&copy).unwrap();
    backup(&app, "copy.db");
    assert_eq!(names(home.path()), left);
    let empty = tempfile::tempdir().unwrap();
    let said = fails(empty.path(), &["backup".as_ref(), "copy.db".as_ref()]);
    assert!(said.contains("No such file"), "{said}");
    assert!(names(empty.path()).is_empty());
    restore(empty.path(), &copy);
    let app = App::over(empty, &[]);
    assert_eq!(texts(&app).await, numbers(0..6));
}
