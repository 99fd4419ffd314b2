//! A log that nobody reads.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    client::client,
    support::process::{Process, app::hubbub},
};

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_no_request_and_no_shutdown_and_what_is_lost_is_counted() {
    let home = tempfile::tempdir().unwrap();
    let mut command = hubbub(home.path(), "127.0.0.1:0");
    command.args(["--log", "hubbub=debug", "--admin", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _unread = child.stderr.take().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut process = Process::new(child);
    let mut line = || said.next().unwrap().unwrap();
    let base = line().strip_prefix("hubbub listening on ").unwrap().to_owned();
    let metrics = line().strip_prefix("hubbub metrics on ").unwrap().to_owned();

    // A pipe takes 64 KB, the queue 1,024 lines.
    let client = reqwest::Client::new();
    for _ in 0..3000 {
        let asked = client.get(format!("{base}/healthz")).timeout(Duration::from_secs(10)).send();
        assert_eq!(asked.await.expect("an answer in time").status(), 200);
    }
    let sent = client.post(format!("{base}/rooms/lobby/messages"));
    let sent = sent.form(&[("username", "ann"), ("text", "hi")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let metrics = self::client().get(metrics).send().await.unwrap().text().await.unwrap();
    let dropped = metrics.split("\nhubbub_log_lines_dropped_total ").nth(1).unwrap();
    let dropped: u64 = dropped.lines().next().unwrap().parse().unwrap();
    assert!(dropped > 500, "{dropped}");

    let begun = Instant::now();
    assert!(process.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
