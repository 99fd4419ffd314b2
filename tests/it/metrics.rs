//! What an operator sees: metrics and logs, and nothing in them that is nobody's business.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_parse::{Scrape, Value};
use reqwest::header;

use crate::{
    client::{Events, Tab, client, post, send},
    support::{App, Server, TestApp, until},
    wire::Wire,
};

pub const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

async fn text(app: &impl Server) -> String {
    client().get(app.metrics_url()).send().await.unwrap().text().await.unwrap()
}

/// Every sample by its name and label, read by a parser that is not ours; of a histogram how much
/// it has seen.
pub async fn samples(app: &impl Server) -> BTreeMap<String, f64> {
    let lines = text(app).await;
    let scrape = Scrape::parse(lines.lines().map(|line| Ok(line.to_owned()))).expect("it parses");
    let named = scrape.samples.into_iter().map(|sample| {
        let label = sample.labels.values().next().map(|value| format!(":{value}"));
        let value = match sample.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
            Value::Histogram(counts) => counts.last().expect("a bucket").count,
            Value::Summary(_) => panic!("there is no summary"),
        };
        (sample.metric + &label.unwrap_or_default(), value)
    });
    named.collect()
}

/// Waits until `name` is `value`.
async fn becomes(app: &impl Server, name: &str, value: f64) {
    until(name, async || {
        let now = samples(app).await.get(name).copied().unwrap_or(0.0);
        #[expect(clippy::float_cmp, reason = "these are whole numbers")]
        (now == value).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_done_is_counted_under_names_that_prometheus_asks_for() {
    let app = TestApp::with(&[&ADMIN[..], &["--tab-sends", "2", "--keep", "5"]].concat());
    let answer = client().get(app.metrics_url()).send().await.unwrap();
    let described = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers()[header::CONTENT_TYPE], described);
    assert!(text(&app).await.contains("\nhubbub_sends_total 0\n"));

    let tab = Tab::join(&app, "lobby", "ann").await;
    let mut events = Events::from(tab.get("/events")).await;
    let mut other = Events::open(&app, "/rooms/kitchen/events?format=sse", None).await;
    let plain = client().get(app.url("/rooms/lobby/events?format=text")).send().await.unwrap();
    becomes(&app, "hubbub_streams:sse", 2.0).await;
    becomes(&app, "hubbub_streams:text", 1.0).await;
    becomes(&app, "hubbub_rooms", 2.0).await;
    becomes(&app, "hubbub_connections", 3.0).await;

    for text in ["one", "two"] {
        tab.post("/send", &[("text", text)]).send().await.unwrap();
        events.message().await;
    }
    send(&app, "kitchen", "bob", "three").await;
    other.message().await;
    becomes(&app, "hubbub_sends_total", 3.0).await;
    becomes(&app, "hubbub_commit_seconds", 3.0).await;
    becomes(&app, "hubbub_fan_out_seconds", 3.0).await;

    let before = samples(&app).await;
    assert_eq!(tab.post("/send", &[("text", "x")]).send().await.unwrap().status(), 429);
    assert_eq!(tab.post("/send", &[("text", "")]).send().await.unwrap().status(), 422);
    assert_eq!(post(&app, "lobby", &[("username", ""), ("text", "x")]).await.status(), 422);
    assert_eq!(client().get(app.url("/nowhere")).send().await.unwrap().status(), 404);
    becomes(&app, "hubbub_refusals_total:too_many", 1.0).await;
    becomes(&app, "hubbub_refusals_total:invalid", 2.0).await;
    becomes(&app, "hubbub_refusals_total:not_found", 1.0).await;
    let after = samples(&app).await;
    for same in ["hubbub_sends_total", "hubbub_replays_total", "hubbub_gaps_total"] {
        assert_eq!(before[same].to_bits(), after[same].to_bits(), "{same}");
    }

    // Nobody read there: it comes from the journal, and no live reader has it handed over. That it
    // went by, a later message shows that did arrive: all go by in one order.
    send(&app, "attic", "bob", "four").await;
    send(&app, "kitchen", "bob", "five").await;
    other.message().await;
    becomes(&app, "hubbub_fan_out_seconds", before["hubbub_fan_out_seconds"] + 1.0).await;
    let before = samples(&app).await;
    let mut lost = Events::open(&app, "/rooms/attic/events", Some("zzzzzzzz-1")).await;
    lost.event("Gap").await;
    lost.message().await;
    becomes(&app, "hubbub_gaps_total", before["hubbub_gaps_total"] + 1.0).await;
    let now = samples(&app).await;
    assert!(now["hubbub_replays_total"] > before["hubbub_replays_total"]);
    assert_eq!(now["hubbub_fan_out_seconds"].to_bits(), before["hubbub_fan_out_seconds"].to_bits());
    let families: Vec<(String, String)> = text(&app)
        .await
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let families: Vec<_> = families.iter().map(|(name, kind)| (&**name, &**kind)).collect();
    assert_eq!(
        families,
        [
            ("process_start_time_seconds", "gauge"),
            ("process_resident_memory_bytes", "gauge"),
            ("hubbub_build", "info"),
            ("hubbub_ready", "gauge"),
            ("hubbub_journal_size_bytes", "gauge"),
            ("hubbub_search_lag", "gauge"),
            ("hubbub_connections", "gauge"),
            ("hubbub_streams", "gauge"),
            ("hubbub_rooms", "gauge"),
            ("hubbub_sends", "counter"),
            ("hubbub_refusals", "counter"),
            ("hubbub_replays", "counter"),
            ("hubbub_gaps", "counter"),
            ("hubbub_evictions", "counter"),
            ("hubbub_log_lines_dropped", "counter"),
            ("hubbub_commit_seconds", "histogram"),
            ("hubbub_fan_out_seconds", "histogram"),
            ("hubbub_request_seconds", "histogram"),
        ]
    );

    drop((events, other, plain, lost));
    for gone in ["hubbub_streams:sse", "hubbub_streams:text", "hubbub_rooms", "hubbub_connections"]
    {
        becomes(&app, gone, 0.0).await;
    }
}

#[tokio::test]
async fn the_memory_that_is_told_is_what_the_kernel_says() {
    let app = App::with(&ADMIN);
    let told = samples(&app).await["process_resident_memory_bytes"];
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let seen = app.memory("VmRSS") as f64 * 1024.0;
    assert!((0.5..2.0).contains(&(told / seen)), "{told} and {seen}");
}

#[tokio::test]
async fn what_runs_since_when_whether_it_is_ready_and_how_long_its_files_are_is_told() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let before = now();
    let app = App::with(&ADMIN);
    send(&app, "lobby", "ann", &"long ".repeat(700)).await;
    let line = format!("\nhubbub_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(text(&app).await.contains(&line), "{line}");
    let told = samples(&app).await;
    let started = told["process_start_time_seconds"];
    assert!(before <= started && started <= now(), "{before} {started}");
    let length = |ending: &str| {
        std::fs::metadata(format!("{}{ending}", app.data().display())).unwrap().len()
    };
    #[expect(clippy::cast_precision_loss, reason = "some kilobytes")]
    let length = (length("") + length("-wal")) as f64;
    assert_eq!(told["hubbub_journal_size_bytes"].to_bits(), length.to_bits());
    becomes(&app, "hubbub_ready", 1.0).await;
    let (data, away) = (app.data(), app.home().path().join("away"));
    std::fs::rename(&data, &away).unwrap();
    until("it is not ready", async || {
        let ready = samples(&app).await["hubbub_ready"];
        (ready.to_bits() == 0.0_f64.to_bits()).then_some(())
    })
    .await;
    std::fs::rename(&away, &data).unwrap();
    becomes(&app, "hubbub_ready", 1.0).await;
}

#[tokio::test]
async fn metrics_are_for_the_operators_address_only_and_pages_for_the_other() {
    let app = TestApp::with(&ADMIN);
    let admin = app.metrics_url().strip_suffix("/metrics").unwrap();
    for (url, status) in [
        (app.url("/metrics"), 404),
        (format!("{admin}/rooms/lobby"), 404),
        (format!("{admin}/healthz"), 200),
        (format!("{admin}/readyz"), 200),
    ] {
        assert_eq!(client().get(&url).send().await.unwrap().status(), status, "{url}");
    }
    let quiet = TestApp::start();
    assert_eq!(client().get(quiet.url("/metrics")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn logs_are_json_where_that_is_asked_for_and_hold_no_text_and_no_cookie() {
    let flags = ["--log-format", "json", "--log", "trace", "--tab-sends", "1"];
    let mut app = App::with(&[&ADMIN[..], &flags].concat());
    let tab = Tab::join(&app, "lobby", "ann").await;
    let mut events = Events::from(tab.get("/events")).await;
    let secret = "between-you-and-me";
    for text in [secret, "", secret, &format!("{secret}\0")] {
        tab.post("/send", &[("text", text), ("key", secret)]).send().await.unwrap();
    }
    events.message().await;
    post(&app, "lobby", &[("username", "bob"), ("text", secret), ("key", "no key")]).await;
    let huge = format!("{secret}{}", "x".repeat(100_000));
    post(&app, "lobby", &[("username", "bob"), ("text", &huge)]).await;
    // What cannot be read at all must not be shown to whoever reads the log either.
    let mut wire = Wire::to(&app).await;
    wire.say(&format!("POST /rooms/lobby/messages HTTP/1.1\r\n{secret}\r\n\r\n")).await.unwrap();
    wire.rest().await;
    let metrics = text(&app).await;
    assert!(app.stop().success());
    let log = app.log();
    let mut levels = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{line}");
        }
        levels.push(line["level"].as_str().unwrap().to_owned());
    }
    assert!(levels.iter().any(|level| level == "INFO"), "{log}");
    let cookie = tab.cookie.split_once('=').unwrap().1;
    for (what, seen) in [("the log", &log), ("metrics", &metrics)] {
        for hidden in [secret, cookie] {
            let line = seen.lines().find(|line| line.contains(hidden));
            assert_eq!(line, None, "{hidden} in {what}");
        }
    }
}

#[tokio::test]
async fn logs_are_lines_for_people_where_nothing_is_said() {
    let mut app = App::start();
    send(&app, "lobby", "ann", "hi").await;
    assert!(app.stop().success());
    let log = app.log();
    assert!(log.contains("INFO hubbub::shutdown: stopping") && !log.contains('{'), "{log}");
}
