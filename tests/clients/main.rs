//! Real clients, each in its own language and with its own library, follow a room over a server that
//! stops and one that is killed, and have every message once, in order.
//!
//! They need Python 3.11, Node, Go, curl and jq, and what `python`, `node` and `go` beside this file
//! lock, which is installed under the build directory. Where something is missing, the test says on
//! stderr that it did not run, and passes; with `HUBBUB_CLIENTS=required` it fails instead. `just
//! clients` runs them. A browser's `EventSource` is among the browser tests.
//!
//! The programs that the README shows are run as they stand there; and once more over TLS, by an authority
//! that they are told of by a variable.

#[allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod follower;
mod programs;
mod runtime;

use std::process::Command;

use follower::{Follower, all_have};
use programs::{Source, beside, in_readme};
use runtime::Runtime;
use support::{
    App,
    client::{client, send},
    tls::{Identity, say},
    until,
};

/// How many messages are sent in all.
const MESSAGES: usize = 100;

const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

/// What the message of this number says: nothing that a markup, a shell or an encoding may change.
fn text(number: usize) -> String {
    format!("{number} <b>&amp; \"é\" $HOME 🦀")
}

/// What a client prints of the first messages.
fn printed(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("ann: {}", text(number))).collect()
}

/// Sends the messages of these numbers, each after the one before is on disk.
async fn send_all(
    app: &App,
    identity: Option<&Identity>,
    numbers: std::ops::RangeInclusive<usize>,
) {
    for number in numbers {
        match identity {
            Some(identity) => say(identity, app, &text(number)).await,
            None => drop(send(app, "lobby", "ann", &text(number)).await),
        }
    }
}

/// Waits until so many streams are open.
async fn streams_are_open(app: &App, count: usize) {
    until("the streams are open", async || {
        let metrics = client().get(app.metrics_url()).send().await.ok()?.text().await.ok()?;
        let streams = metrics.lines().filter(|line| line.starts_with("hubbub_streams{"));
        let open: usize =
            streams.map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()).sum();
        (open == count).then_some(())
    })
    .await;
}

/// Starts clients that go on from their last message, and takes them through a stop and a kill,
/// each right after messages that not all of them may have yet, and with more that are sent before
/// they are back.
async fn each_message_is_had_once(runtime: &Runtime, sources: &[Source]) {
    over(runtime, sources, None).await;
}

/// The same over TLS, by an authority that the programs are told of as their users would.
async fn each_message_is_had_once_over_tls(runtime: &Runtime, sources: &[Source]) {
    over(runtime, sources, Some(&Identity::of_an_authority())).await;
}

async fn over(runtime: &Runtime, sources: &[Source], identity: Option<&Identity>) {
    let flags = identity.map_or_else(Vec::new, |identity| identity.flags().to_vec());
    let flags = flags.iter().map(String::as_str).chain(ADMIN);
    let mut app = App::with(&flags.collect::<Vec<_>>());
    let authority = identity.map(Identity::certificate);
    let mut running = runtime.start(sources, &app.url(""), authority.as_deref());
    let followers = &mut running.followers;
    streams_are_open(&app, followers.len()).await;
    // From the first on each has a cursor.
    send_all(&app, identity, 1..=1).await;
    all_have(followers, &printed(1)).await;

    send_all(&app, identity, 2..=25).await;
    assert!(app.stop().success());
    app.start_again();
    send_all(&app, identity, 26..=50).await;
    all_have(followers, &printed(50)).await;

    send_all(&app, identity, 51..=65).await;
    app.kill();
    app.start_again();
    send_all(&app, identity, 66..=80).await;
    all_have(followers, &printed(80)).await;

    send_all(&app, identity, 81..=MESSAGES).await;
    all_have(followers, &printed(MESSAGES)).await;
}

#[tokio::test]
async fn programs_in_python_have_each_message_once_over_a_stop_and_a_kill() {
    let Some(python) = runtime::python() else { return };
    let sources = [in_readme("python"), beside("python", "py")].concat();
    each_message_is_had_once(&python, &sources).await;
}

#[tokio::test]
async fn programs_in_node_have_each_message_once_over_a_stop_and_a_kill() {
    let Some(node) = runtime::node() else { return };
    let sources = [in_readme("js"), beside("node", "mjs")].concat();
    each_message_is_had_once(&node, &sources).await;
}

#[tokio::test]
async fn programs_in_go_have_each_message_once_over_a_stop_and_a_kill() {
    let Some(go) = runtime::go() else { return };
    let sources = [in_readme("go"), beside("go", "go")].concat();
    each_message_is_had_once(&go, &sources).await;
}

#[tokio::test]
async fn a_loop_around_curl_has_each_message_once_over_a_stop_and_a_kill() {
    let Some(sh) = runtime::sh() else { return };
    let sources = [in_readme("sh"), beside("sh", "sh")].concat();
    each_message_is_had_once(&sh, &sources).await;
}

#[tokio::test]
async fn over_tls_programs_in_python_have_each_message_once_too() {
    let Some(python) = runtime::python() else { return };
    let sources = [in_readme("python"), beside("python", "py")].concat();
    each_message_is_had_once_over_tls(&python, &sources).await;
}

#[tokio::test]
async fn over_tls_programs_in_node_have_each_message_once_too() {
    let Some(node) = runtime::node() else { return };
    let sources = [in_readme("js"), beside("node", "mjs")].concat();
    each_message_is_had_once_over_tls(&node, &sources).await;
}

#[tokio::test]
async fn over_tls_programs_in_go_have_each_message_once_too() {
    let Some(go) = runtime::go() else { return };
    let sources = [in_readme("go"), beside("go", "go")].concat();
    each_message_is_had_once_over_tls(&go, &sources).await;
}

#[tokio::test]
async fn over_tls_a_loop_around_curl_has_each_message_once_by_http_1_1_and_by_http_2() {
    let Some(sh) = runtime::sh() else { return };
    let loops = beside("sh", "sh");
    let by = |protocol: &str| {
        let command = format!("curl --fail --{protocol} -sN");
        loops[0].with(&protocol.replace('.', "_"), "curl -sN", &command)
    };
    each_message_is_had_once_over_tls(&sh, &[by("http1.1"), by("http2")]).await;
}

/// It has no cursor: what is sent while it is away it does not have.
#[tokio::test]
async fn curl_that_retries_comes_back_after_a_stop_and_a_kill_and_has_what_is_sent_then() {
    let Some([curl]) = runtime::programs(["curl"]) else { return };
    let mut app = App::with(&ADMIN);
    let mut command = Command::new(curl);
    command.args(["-sSN", "--retry", "1000", "--retry-delay", "1", "--retry-all-errors"]);
    command.arg(app.url("/rooms/lobby/events?format=text"));
    let stderr = app.home().path().join("curl.stderr");
    let without_time = |line: String| line.split_once(' ').map_or("", |(_, rest)| rest).to_owned();
    let mut followers = [Follower::start("curl".into(), command, stderr, without_time)];

    for (numbers, end) in [(1..=40, "TERM"), (41..=70, "KILL"), (71..=MESSAGES, "none")] {
        streams_are_open(&app, followers.len()).await;
        let last = *numbers.end();
        send_all(&app, None, numbers).await;
        all_have(&mut followers, &printed(last)).await;
        match end {
            "TERM" => assert!(app.stop().success()),
            "KILL" => app.kill(),
            _ => return,
        }
        app.start_again();
    }
}

#[test]
fn the_readme_shows_programs_in_each_language_and_none_that_is_not_run() {
    let languages: Vec<_> = programs::blocks().into_iter().map(|(language, _)| language).collect();
    assert_eq!(languages, ["python", "python", "js", "go"]);
}
