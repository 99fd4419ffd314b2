//! Sockets: what a server meets from thousands of peers, slow ones, silent ones, and none that go.

mod requests;

use requests::half_a_form;

use crate::{
    client::client,
    support::{App, until},
    wire::{Wire, stream},
};

#[tokio::test]
async fn readyz_says_that_it_stops_on_an_open_connection_before_the_port_is_closed() {
    let mut app = App::start();
    let mut probe = Wire::to(&app).await;
    app.signal("TERM");
    loop {
        probe.get("/readyz").await.unwrap();
        let answer = probe.until("\n").await + &probe.until("\r\n\r\n").await;
        if answer.starts_with("HTTP/1.1 503") {
            probe.until("stopping\n").await;
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        probe.until("ready\n").await;
    }
    let mut other = Wire::to(&app).await;
    other.get("/readyz").await.unwrap();
    assert!(other.until("stopping\n").await.starts_with("HTTP/1.1 503"));
    assert!(app.wait().success());
    assert!(!app.log().contains("WARN"), "idle connections held it up: {}", app.log());
    assert_eq!(probe.rest().await, "");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    for (first, second, status) in
        [("TERM", "TERM", 143), ("INT", "TERM", 143), ("TERM", "INT", 130)]
    {
        let mut app = App::start();
        let _held = half_a_form(&app).await;
        let mut probe = stream(&app).await;
        app.signal(first);
        probe.until("event: Closing").await;
        app.signal(second);
        assert_eq!(app.wait().code(), Some(status), "{first}, {second}");
    }
}

#[tokio::test]
async fn a_form_that_is_on_its_way_at_sigterm_is_stored_and_answered() {
    let mut app = App::start();
    let mut form = half_a_form(&app).await;
    let mut probe = stream(&app).await;
    app.signal("TERM");
    probe.until("event: Closing").await;
    form.say("&text=above").await.unwrap();
    assert!(form.until("\r\n").await.starts_with("HTTP/1.1 201"));
    assert!(app.wait().success());
    app.start_again();
    let kept = client().get(app.url("/rooms/lobby/messages")).send().await.unwrap();
    assert!(kept.text().await.unwrap().contains("above"));
}

#[tokio::test]
async fn the_limit_on_file_descriptors_is_raised_as_far_as_it_may_be() {
    let app = App::under("ulimit -S -n 100", &[]);
    until("it is raised", async || {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", app.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let numbers: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
        (numbers[0] == numbers[1] && numbers[0] != "100").then_some(())
    })
    .await;
}
