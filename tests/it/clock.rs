//! Clocks that are wrong, with libfaketime (Debian: faketime).

use crate::{
    client::{Events, client, send},
    support::{
        App,
        process::{
            app::Launch,
            program::{self, not_run},
        },
        until,
    },
};

/// By how much a clock is wrong that shows some seconds after a time now.
pub fn with_clock(at: jiff::Timestamp, seconds: i64) -> String {
    let off = at.as_second() + seconds - jiff::Timestamp::now().as_second();
    format!("{off:+}s")
}

/// A hubbub whose clock is wrong, by such as `+10y`; `None` where that cannot be had.
pub fn wrong_by(launch: &Launch, by: &str) -> Option<App> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64"];
    let library = folders.map(|folder| format!("{folder}/faketime/libfaketimeMT.so.1"));
    let library = library.into_iter().find(|library| std::path::Path::new(library).is_file());
    let (Some(library), Some(_)) = (library, program::find("env")) else {
        not_run("libfaketime is not installed", "HUBBUB_FAKETIME");
        return None;
    };
    let (preload, by) = (format!("LD_PRELOAD={library}"), format!("FAKETIME={by}"));
    Some(launch.clone().behind(&["env", &preload, &by, "FAKETIME_DONT_FAKE_MONOTONIC=1"]).start())
}

async fn texts(app: &App, room: &str) -> Vec<String> {
    let url = app.url(&format!("/rooms/{room}/messages?limit=100"));
    let answer = client().get(url).header("accept", "application/json").send().await.unwrap();
    let messages: Vec<crate::client::Message> = answer.json().await.unwrap();
    messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn a_message_from_a_clock_that_was_ahead_keeps_none_from_being_trimmed_by_age() {
    let launch = Launch::new(&["--ttl", "2s"]);
    let Some(mut app) = wrong_by(&launch, "+10y") else { return };
    let year = |message: &crate::client::Message| message.sent_at[..4].parse::<u32>().unwrap();
    let ahead = send(&app, "ahead", "ann", "ahead").await;
    send(&app, "alone", "ann", "ahead").await;
    assert!(app.stop().success());
    let app = launch.start();
    let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
    let now = send(&app, "lobby", "ann", "now").await;
    assert!(year(&ahead) >= year(&now) + 9, "{} and {}", ahead.sent_at, now.sent_at);
    send(&app, "ahead", "ann", "now").await;
    reader.message().await;
    for room in ["lobby", "ahead", "alone"] {
        until(room, async || texts(&app, room).await.is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn by_a_clock_that_was_ahead_or_behind_the_order_and_the_list_of_rooms_are_the_same() {
    let launch = Launch::new(&[]);
    let mut app = launch.clone().start();
    send(&app, "first", "ann", "1").await;
    for (by, room) in [("+10y", "second"), ("-10y", "third"), ("+1d", "first")] {
        assert!(app.stop().success());
        let Some(wrong) = wrong_by(&launch, by) else { return };
        app = wrong;
        send(&app, room, "ann", "2").await;
    }
    assert!(app.stop().success());
    let app = launch.start();
    send(&app, "fourth", "ann", "1").await;
    send(&app, "first", "ann", "3").await;
    assert_eq!(texts(&app, "first").await, ["1", "2", "3"]);
    let page = client().get(app.url("/rooms")).send().await.unwrap().text().await.unwrap();
    let listed = page.split("href=\"/rooms/").skip(1).filter_map(|rest| rest.split('"').next());
    let listed: Vec<_> = listed.filter(|room| !room.is_empty()).collect();
    assert_eq!(listed, ["first", "fourth", "third", "second"], "{page}");
}

#[tokio::test]
async fn on_the_last_day_that_the_calendar_has_all_is_answered() {
    // The time of a message ends some hours before; hyper gives up with the year (httpdate).
    for at in ["@9999-12-31 12:00:00", "@9999-12-30 23:59:59", "@1970-01-01 00:00:01"] {
        let Some(app) = wrong_by(&Launch::new(&[]), at) else { return };
        let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
        for text in ["1", "2"] {
            let sent = send(&app, "lobby", "ann", text).await;
            assert_eq!(reader.message().await, (sent.id, text.to_owned()), "{at}");
            assert!(sent.sent_at.starts_with(&at[1..9]), "{at}: {}", sent.sent_at);
        }
        assert_eq!(texts(&app, "lobby").await, ["1", "2"], "{at}");
        for path in ["/rooms", "/rooms/lobby", "/rooms/lobby/messages", "/healthz", "/nothing"] {
            let answer = client().get(app.url(path)).send().await.unwrap();
            assert!(!answer.status().is_server_error(), "{at} {path}");
        }
        assert!(!app.log().contains("panic"), "{}", app.log());
    }
}
