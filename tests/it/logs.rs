//! What the log says, and how often.

use std::{
    fs::{self, File},
    io::Write as _,
    process::{Command, Stdio},
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{client, post, send},
    support::{
        App,
        process::{
            app::{Launch, hubbub, run_to_end},
            directory,
        },
        until,
    },
};

/// The lines of a log in JSON, each of which must be an object.
fn lines(log: &str) -> Vec<serde_json::Value> {
    let lines =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
    lines.collect()
}

#[tokio::test]
async fn one_line_at_the_start_says_what_was_started_and_with_what() {
    let flags = ["--log-format", "json", "--keep", "7", "--ttl", "12h", "--max-body", "9000"];
    let mut app = App::with(&flags);
    let sent = send(&app, "lobby", "ann", "hi").await;
    send(&app, "hall", "ann", "hi").await;
    assert!(app.stop().success());
    app.start_again();
    // The log is written beside what it tells of.
    let started = async |app: &App, times: usize| {
        until("it is said again", async || {
            let all = lines(&app.log()).into_iter();
            let started: Vec<_> = all.filter(|line| line["message"] == "started").collect();
            (started.len() >= times).then_some(started)
        })
        .await
    };
    let lines = started(&app, 2).await;
    assert_eq!(lines.len(), 2, "one each time: {}", app.log());
    let line = &lines[1];
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
    let data = fs::canonicalize(app.data()).unwrap();
    assert_eq!(line["data"], data.to_str().unwrap());
    assert_eq!(line["epoch"], sent.id.split('-').next().unwrap());
    for (field, value) in [
        ("last", 2),
        ("messages", 2),
        ("rooms", 2),
        ("keep", 7),
        ("ttl_s", 12 * 3600),
        ("tab_sends", 300),
        ("address_sends", 3000),
        ("address_joins", 120),
        ("address_streams", 1000),
        ("max_rooms", 10_000),
        ("max_body", 9000),
    ] {
        assert_eq!(line[field].as_f64(), Some(f64::from(value)), "{field} in {line}");
    }
    assert!(line["max_connections"].as_u64() > Some(0), "{line}");
    assert!(line.get("checked_ms").is_none(), "it was as it was left: {line}");

    // Where nothing speaks for the file, it is read, and the line says how long that took.
    assert!(app.stop().success());
    fs::remove_file(format!("{}.lock", app.data().display())).unwrap();
    app.start_again();
    let line = &started(&app, 3).await[2];
    assert!(line["checked_ms"].as_u64().is_some_and(|ms| ms < 10_000), "{line}");
}

#[tokio::test]
async fn at_debug_each_request_is_one_line_with_its_route_its_status_and_its_time() {
    let mut app = App::with(&["--log-format", "json", "--log", "hubbub=debug"]);
    let secret = "between-you-and-me";
    let form = [("username", secret), ("text", secret)];
    assert_eq!(post(&app, "lobby", &form).await.status(), 201);
    for path in ["/", "/rooms/lobby", "/rooms/lobby/nothing", "/rooms/lobby/events?format=text"] {
        client().get(app.url(path)).header("x-mine", secret).send().await.unwrap();
    }
    assert!(app.stop().success());
    let log = app.log();
    assert!(!log.contains(secret), "{log}");
    let answered: Vec<_> =
        lines(&log).into_iter().filter(|line| line["message"] == "answered").collect();
    let seen: Vec<_> = answered
        .iter()
        .map(|line| {
            assert_eq!(line["level"], "DEBUG");
            assert!(line["ms"].as_f64() > Some(0.0), "{line}");
            let text = |field: &str| line[field].as_str().unwrap().to_owned();
            (text("method"), text("route"), line["status"].as_u64().unwrap())
        })
        .collect();
    let seen: Vec<_> = seen.iter().map(|(method, route, it)| (&**method, &**route, *it)).collect();
    assert_eq!(
        seen[..4],
        [
            ("POST", "/rooms/{room}/messages", 201),
            ("GET", "/", 303),
            ("GET", "/rooms/{room}", 200),
            ("GET", "unknown", 404),
        ]
    );
    assert_eq!((seen[4].0, seen[4].1), ("GET", "/rooms/{room}/events"));
    assert_eq!(seen.len(), 5);
}

#[tokio::test]
async fn a_disk_that_fails_is_one_line_and_one_when_it_works_again() {
    let app = App::with(&["--log-format", "json"]);
    send(&app, "lobby", "ann", "before").await;
    let pid = app.id().to_string();
    let limit = |value: &str| {
        // The log is in a file too, and short: what it says must still fit.
        let limit = format!("--fsize={value}");
        let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(done.expect("prlimit(1)").success());
    };
    let ready = async |wanted: u16| {
        until("/readyz changes", async || {
            let ready = client().get(app.url("/readyz")).send().await.unwrap();
            (ready.status() == wanted).then_some(())
        })
        .await;
    };
    for _ in 0..2 {
        limit("8192:unlimited");
        for number in 0..20 {
            let form = [("username", "ann"), ("text", "full"), ("key", &*format!("k{number}"))];
            assert_eq!(post(&app, "lobby", &form).await.status(), 503);
        }
        ready(503).await;
        limit("unlimited:unlimited");
        ready(200).await;
    }
    let said = |log: &str| log.matches("the journal can be written again").count();
    until("the log says it twice", async || (said(&app.log()) == 2).then_some(())).await;
    let log = lines(&app.log());
    let said: Vec<_> = log
        .iter()
        .skip_while(|line| line["message"] == "started")
        .map(|line| (line["level"].as_str().unwrap(), line["message"].as_str().unwrap()))
        // It is on the same disk, and has lines of its own.
        .filter(|(_, message)| !message.contains("search index"))
        .collect();
    let fails = ("ERROR", "the journal cannot be written; sends are refused");
    let works = ("INFO", "the journal can be written again");
    assert_eq!(said, [fails, works, fails, works]);
}

#[tokio::test]
async fn a_log_in_json_has_panics_too_as_objects() {
    let fault = ["env", "HUBBUB_FAULT=journal:1"];
    let mut app = Launch::new(&["--log-format", "json"]).behind(&fault).start();
    let form = [("username", "ann"), ("text", "hi")];
    let url = app.url("/rooms/lobby/messages");
    let _ = client().post(url).form(&form).send().await;
    assert_eq!(app.wait().code(), Some(1));
    let log = app.log();
    let panics: Vec<_> =
        lines(&log).into_iter().filter(|line| line["message"] == "a panic").collect();
    assert_eq!(panics.len(), 1, "{log}");
    assert_eq!(panics[0]["thread"], "journal");
    assert!(panics[0]["at"].as_str().unwrap().contains("fault.rs"));
}

#[tokio::test]
async fn sighup_reads_the_filter_again_and_ends_nothing() {
    let home = tempfile::tempdir().unwrap();
    let filter = home.path().join("filter");
    fs::write(&filter, "hubbub=info\n").unwrap();
    let from_file = format!("@{}", filter.display());
    let mut app = App::over(home, &["--log", &from_file]);
    let answered = |app: &App| app.log().lines().filter(|line| line.contains("answered")).count();
    // A request's line is written beside its answer: it may come a moment later.
    let logged = async |app: &App, wanted: usize| {
        until("a request's line", async || (answered(app) == wanted).then_some(())).await;
    };
    let hang_up = async |app: &App, said: &str| {
        let before = app.log().len();
        app.signal("HUP");
        until(said, async || app.log()[before..].contains(said).then_some(())).await;
    };
    send(&app, "lobby", "ann", "at info").await;
    fs::write(&filter, "hubbub=debug\n").unwrap();
    send(&app, "lobby", "ann", "not before it is told").await;
    hang_up(&app, ": read again").await;
    send(&app, "lobby", "ann", "at debug").await;
    logged(&app, 1).await;
    fs::write(&filter, "[").unwrap();
    hang_up(&app, ": not read again").await;
    send(&app, "lobby", "ann", "what makes no sense changes nothing").await;
    logged(&app, 2).await;
    fs::write(&filter, "hubbub=info").unwrap();
    hang_up(&app, ": read again").await;
    send(&app, "lobby", "ann", "at info").await;
    assert!(app.stop().success());
    assert_eq!(answered(&app), 2, "{}", app.log());

    let mut app = App::start();
    app.signal("HUP");
    until("it says so", async || app.log().contains("nothing to read again").then_some(())).await;
    send(&app, "lobby", "ann", "still here").await;
    assert!(app.stop().success(), "SIGTERM is the end");
}

#[test]
fn a_filters_file_that_is_not_there_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (status, said) =
        run_to_end(hubbub(home.path(), "127.0.0.1:0").args(["--log", "@missing/filter"]));
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("--log @missing/filter: No such file"), "{said}");
}

/// A pipe that nobody reads, and that takes nothing more.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    const CAPACITY: usize = 65_536; // pipe(7)
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'\n'; CAPACITY]).unwrap();
    (reader, writer)
}

#[tokio::test]
async fn a_server_is_served_and_stopped_whatever_becomes_of_its_output() {
    let (reader, writer) = full_pipe();
    let (closed, broken) = std::io::pipe().unwrap();
    drop(closed);
    for (stuck, output) in [
        ("a full disk", Stdio::from(File::options().write(true).open("/dev/full").unwrap())),
        ("a pipe that is full", Stdio::from(writer)),
        ("a pipe without a reader", Stdio::from(broken)),
    ] {
        let home = directory();
        let socket = home.path().join("hubbub.sock");
        let listen = format!("unix:{}", socket.display());
        let mut child =
            hubbub(home.path(), &listen).stdout(output).stderr(Stdio::null()).spawn().unwrap();
        until(stuck, async || {
            let mut stream = tokio::net::UnixStream::connect(&socket).await.ok()?;
            let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        })
        .await;
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = until(stuck, async || child.try_wait().unwrap()).await;
        assert!(status.success(), "{stuck}: {status}");
    }
    drop(reader);
}

#[tokio::test]
async fn a_start_that_is_refused_ends_though_nobody_reads_why() {
    let (reader, writer) = full_pipe();
    let home = directory();
    let mut child = hubbub(home.path(), "nowhere").stderr(writer).spawn().unwrap();
    let status = until("it ends", async || child.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(2));
    drop(reader);
}
