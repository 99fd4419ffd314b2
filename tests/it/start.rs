//! Starting, refusing to start, and stopping.

mod files;

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    client::{Events, client, post, send},
    support::{
        App,
        process::{
            app::{Launch, hubbub, run_to_end},
            program::not_run,
        },
    },
    wire::Wire,
};

/// The one line on stderr of a start that must fail with status 2.
fn refused(command: &mut Command) -> String {
    let (status, said) = run_to_end(command);
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said:?}");
    said
}

#[test]
fn a_bad_knob_is_named_in_one_line_with_status_2() {
    let home = tempfile::tempdir().unwrap();
    for (flag, value) in [
        ("--keep", "0"),
        ("--keep", "many"),
        ("--ttl", "soon"),
        ("--listen", "nowhere"),
        ("--log", "["),
    ] {
        let said = refused(hubbub(home.path(), "127.0.0.1:0").arg(format!("{flag}={value}")));
        assert!(said.contains(flag), "{said}");
        let said = refused(
            Command::new(env!("CARGO_BIN_EXE_hubbub"))
                .current_dir(&home)
                .env(format!("HUBBUB_{}", flag[2..].to_uppercase()), value),
        );
        assert!(said.contains(flag), "{said}");
    }
    for (arguments, named) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["--keep", "-1"], "'-1' for '--keep <N>'"),
        (&["--ttl", "-1h"], "'-1h' for '--ttl <DURATION>'"),
        (&["--address-rooms", "-1"], "'-1' for '--address-rooms <N>'"),
        (&["--base", "-x"], "'-x' for '--base <PATH>'"),
        (&["--public-url", "-x"], "'-x' for '--public-url <URLS>'"),
        (&["--log", "x y z"], "--log x y z: commas part"),
        (&["--kepp", "5"], "did you mean --keep?"),
        (&["restor", "copy.db"], "did you mean restore?"),
        (&["--keep"], "'--keep <N>'"),
        (&["backup"], "<FILE>"),
    ] {
        let said = refused(hubbub(home.path(), "127.0.0.1:0").args(arguments));
        assert!(said.contains(named), "{said}");
    }
    for (listen, hint) in
        [("127.0.0.1:0,unix:", "unix:/run/hubbub/hubbub.sock"), ("127.0.0.1", "127.0.0.1:3000")]
    {
        let said = refused(&mut hubbub(home.path(), listen));
        assert!(said.contains("--listen") && said.contains(hint), "{said}");
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "no file was made");
}

#[test]
fn an_address_is_taken_as_people_write_it() {
    for listen in ["localhost:0", "0", "127.0.0.1:0"] {
        let app = Launch::new(&[]).at(listen).start();
        assert!(app.address().starts_with("127.0.0.1:"), "{}", app.address());
    }
}

#[test]
fn a_start_that_fails_leaves_no_file_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let fails = |home: &Path, listen: &str, flags: &[&str], named: &str| {
        let before = names(home);
        let said = refused(hubbub(home, listen).args(flags));
        assert!(said.contains(named), "{said}");
        assert_eq!(names(home), before, "{said}");
    };
    let home = tempfile::tempdir().unwrap();
    fails(home.path(), &taken, &[], "--listen");
    fails(home.path(), "127.0.0.1:0", &["--admin", &taken], "--admin");
    fails(home.path(), "127.0.0.1:0", &["--log", "["], "--log");
    fs::write(home.path().join("hubbub.db.secret"), "short").unwrap();
    fails(home.path(), "127.0.0.1:0", &[], "hubbub.db.secret");
    fs::write(home.path().join("hubbub.db"), "Dear diary. ".repeat(1000)).unwrap();
    fails(home.path(), "127.0.0.1:0", &[], "not a hubbub journal");

    // What was there stays, whatever fails.
    let mut app = App::start();
    assert!(app.stop().success());
    fails(app.home().path(), &taken, &[], "--listen");
    let left = names(app.home().path());
    assert!(left.contains("hubbub.db") && left.contains("hubbub.db.secret"), "{left:?}");
    fs::remove_file(app.home().path().join("hubbub.db.secret")).unwrap();
    fails(app.home().path(), &taken, &[], "--listen");
}

/// The names in a directory.
fn names(home: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(home).unwrap().map(|file| file.unwrap().file_name());
    files.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_disk_that_is_full_at_the_start_is_named_as_that_and_left_as_it_was() {
    // In a mount namespace of its own, which ends with the shell.
    let small = "mount -t tmpfs -o size=$0 tmpfs \"$1\" || exit 77; \
         \"$2\" --listen 127.0.0.1:0 --data \"$1/hubbub.db\"; echo $?; ls -A \"$1\"";
    for size in ["4k", "16k", "32k", "48k", "64k", "80k"] {
        let home = tempfile::tempdir().unwrap();
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", small, size]).arg(home.path());
        let Ok(done) = shell.arg(env!("CARGO_BIN_EXE_hubbub")).output() else {
            return not_run("unshare(1) is not there", "HUBBUB_NETWORK");
        };
        if !done.status.success() {
            return not_run("nothing can be mounted here", "HUBBUB_NETWORK");
        }
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(said.contains("the disk is full") && said.contains("--data"), "{size}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(
            String::from_utf8(done.stdout).unwrap(),
            "2\n",
            "{size}: the status, and no file"
        );
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for flag in ["--help", "--version"] {
        let done = Command::new(env!("CARGO_BIN_EXE_hubbub")).arg(flag).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty());
        assert!(String::from_utf8(done.stdout).unwrap().contains("hubbub"));
    }
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("hubbub.db");

    fs::write(&data, "Dear diary, this is not a database. ".repeat(100)).unwrap();
    let said = refused(&mut hubbub(home.path(), "127.0.0.1:0"));
    assert!(said.contains("--data") && said.contains("not a hubbub journal"), "{said}");
    assert!(fs::read_to_string(&data).unwrap().starts_with("Dear diary"));

    fs::remove_file(&data).unwrap();
    let other = rusqlite::Connection::open(&data).unwrap();
    other
        .execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')")
        .unwrap();
    drop(other);
    let said = refused(&mut hubbub(home.path(), "127.0.0.1:0"));
    assert!(said.contains("not a hubbub journal"), "{said}");
    let other = rusqlite::Connection::open(&data).unwrap();
    let soup: String = other.query_row("SELECT name FROM recipes", [], |row| row.get(0)).unwrap();
    assert_eq!(soup, "soup");
}

#[tokio::test]
async fn a_journal_of_a_newer_schema_is_refused_and_kept() {
    let mut app = App::start();
    send(&app, "lobby", "ann", "hi").await;
    app.kill();
    let home = app.home();
    let data = rusqlite::Connection::open(home.path().join("hubbub.db")).unwrap();
    data.pragma_update(None, "user_version", 99).unwrap();
    drop(data);
    let said = refused(&mut hubbub(home.path(), "127.0.0.1:0"));
    assert!(said.contains("schema version 99") && said.contains("newer hubbub"), "{said}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("missing");
    let said = refused(&mut hubbub(&missing, "127.0.0.1:0"));
    assert!(said.contains("--data") && said.contains("missing/hubbub.db"), "{said}");
}

#[test]
fn a_journal_that_another_process_has_open_is_not_opened_twice() {
    let app = App::start();
    let home = app.data().parent().unwrap().to_owned();
    let said = refused(&mut hubbub(&home, "127.0.0.1:0"));
    assert!(said.contains("another hubbub"), "{said}");
    let said = {
        let elsewhere = tempfile::tempdir().unwrap();
        refused(&mut hubbub(elsewhere.path(), app.address()))
    };
    assert!(said.contains("--listen"), "{said}");
}

#[tokio::test]
async fn the_signing_secret_is_made_once_and_readable_by_nobody_else() {
    let mut app = App::start();
    let path = app.data().with_extension("db.secret");
    let secret = fs::read(&path).unwrap();
    assert_eq!(secret.len(), 64);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(app.stop().success());
    app.start_again();
    assert_eq!(fs::read(&path).unwrap(), secret);

    assert!(app.stop().success());
    fs::write(&path, "short").unwrap();
    let said = refused(&mut hubbub(app.data().parent().unwrap(), "127.0.0.1:0"));
    assert!(said.contains("hubbub.db.secret"), "{said}");
    fs::write(&path, secret).unwrap();
    app.start_again();
}

/// A real limit of the operating system on the size of files: what a full disk is to SQLite.
#[tokio::test]
async fn a_full_disk_is_a_503_that_stores_nothing_and_sending_works_again_after_it() {
    // The log is on the full disk too: what cannot be logged must not end a request.
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("hubbub.log"), " ".repeat(8192)).unwrap();
    let app = App::over(home, &[]);
    let before = send(&app, "lobby", "ann", "before").await;
    let pid = app.id().to_string();
    let limit = |value: &str| {
        let done =
            Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={value}")]).status();
        assert!(done.expect("prlimit(1)").success());
    };
    let mut events = Events::open(&app, "/rooms/lobby/events", Some(&before.id)).await;
    limit("4096:unlimited");
    let form = [("username", "ann"), ("text", "while full"), ("key", "full")];
    let answer = post(&app, "lobby", &form).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let said = answer.text().await.unwrap();
    assert!(said.starts_with("{\"error\":\"The message was not stored."), "{said}");
    let ready = client().get(app.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(client().get(app.url("/healthz")).send().await.unwrap().status(), 200);

    limit("unlimited:unlimited");
    crate::support::until("the journal notices by itself", async || {
        let ready = client().get(app.url("/readyz")).send().await.unwrap();
        (ready.status() == 200).then_some(())
    })
    .await;
    let stored = post(&app, "lobby", &form).await;
    assert_eq!(stored.status(), 201, "the same key, now stored");
    let stored: crate::client::Message = stored.json().await.unwrap();
    assert_eq!(events.ids(1).await, [stored.id], "and nothing half-written before it");
}

#[tokio::test]
async fn sigterm_tells_each_reader_when_to_come_back() {
    // Failure 8: everybody reconnects at once.
    let mut app = App::start();
    let mut streams = Vec::new();
    for format in ["sse", "sse", "sse", "sse", "html", "ndjson"] {
        let mut stream = Wire::to(&app).await;
        stream.open(&format!("/rooms/lobby/events?format={format}")).await;
        streams.push(stream);
    }
    assert!(app.stop().success());
    let mut pauses = std::collections::BTreeSet::new();
    for (place, stream) in streams.into_iter().enumerate() {
        let said = stream.rest().await;
        match place {
            0..4 => {
                let pause = said.rsplit("event: Closing\nretry: ").next().unwrap().trim();
                let pause: u64 = pause.parse().unwrap_or_else(|_| panic!("{said}"));
                assert!((500..3000).contains(&pause), "{pause}");
                pauses.insert(pause);
            }
            4 => assert!(said.contains("http-equiv=\"refresh\""), "{said}"),
            _ => assert_eq!(said, ""),
        }
    }
    assert!(pauses.len() > 1, "not all at once: {pauses:?}");
}

#[tokio::test]
async fn sigterm_ends_open_streams_and_the_process() {
    let mut app = App::start();
    let mut events = Events::open(&app, "/rooms/lobby/events", None).await;
    send(&app, "lobby", "ann", "hi").await;
    events.message().await;
    assert!(app.stop().success(), "a clean end");
    assert!(events.next().await.is_none());
    let left: Vec<_> = fs::read_dir(app.data().parent().unwrap()).unwrap().collect();
    let names: Vec<_> = left.into_iter().map(|file| file.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name == "hubbub.db-wal"), "the log was put away: {names:?}");
}

#[tokio::test]
async fn a_journal_that_may_not_be_written_is_refused_at_the_start() {
    use std::os::unix::process::CommandExt as _;

    let mut app = App::start();
    send(&app, "lobby", "ann", "hi").await;
    app.kill();
    let home = app.home();
    let bin = home.path().join("hubbub");
    fs::copy(env!("CARGO_BIN_EXE_hubbub"), &bin).unwrap();
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let data = home.path().join("hubbub.db");
    mode(&data, 0o444);
    mode(home.path(), 0o555);
    let mut command = Command::new(&bin);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(&data);
    // Root may write everywhere; then the same is tried as nobody.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root {
        command.uid(65534).gid(65534);
    }
    let said = refused(&mut command);
    assert!(said.contains("--data") && said.contains("ermission denied"), "{said}");
    mode(home.path(), 0o755);
}

#[tokio::test]
async fn a_lock_of_another_program_holds_up_neither_the_end_nor_the_answer_of_who_waits_for_it() {
    let mut app = App::start();
    send(&app, "lobby", "ann", "before").await;
    let other = rusqlite::Connection::open(app.data()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut waiting = Wire::to(&app).await;
    let form = "username=ann&text=meanwhile";
    waiting
        .say(&format!(
            "POST /rooms/lobby/messages HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
            app.address(),
            form.len()
        ))
        .await
        .unwrap();
    // There is no word of one that waits.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    assert!(app.stop().success(), "a clean end");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let said = waiting.rest().await;
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
}
