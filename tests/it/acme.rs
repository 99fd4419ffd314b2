//! A certificate from a real authority: Pebble, which Let's Encrypt makes for such tests.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use serde_json::Value;

use crate::support::{
    App,
    nats::Nats,
    pebble::Pebble,
    process::{app::Launch, free_port},
    shell::Shell,
    until,
};

/// How long certificates hold where none is to be renewed.
const LONG_S: u64 = 90 * 24 * 60 * 60;

fn launch(pebble: &Pebble, port: u16, names: &str) -> Launch {
    let flags = pebble.flags();
    let flags = [
        &["--acme", names, "--acme-contact", "a@b.example"][..],
        &flags.each_ref().map(String::as_str),
    ];
    let launch = Launch::new(&flags.concat()).variable("SSL_CERT_FILE", pebble.root());
    launch.at(&format!("127.0.0.1:{port}"))
}

fn kept_in(app: &App) -> PathBuf {
    let mut file = app.data().into_os_string();
    file.push(".acme");
    file.into()
}

fn kept(app: &App) -> Value {
    let bytes = fs::read(kept_in(app)).unwrap_or_else(|_| b"{}".to_vec());
    serde_json::from_slice(&bytes).unwrap()
}

async fn until_it_has_a_certificate(app: &App) -> Value {
    until("a certificate", async || Some(kept(app)["chain"].clone()).filter(Value::is_string)).await
}

/// Asks without a look at who certified it; `None` where there is no handshake.
fn ask(shell: &Shell, app: &App, path: &str) -> Option<String> {
    let answer = shell.run(&format!("curl -sik --max-time 20 {} || :", app.url(path)));
    Some(answer).filter(|answer| !answer.is_empty())
}

#[tokio::test]
async fn a_certificate_is_ordered_at_the_first_start_and_read_from_disk_at_the_next() {
    let port = free_port().unwrap();
    let Some(mut pebble) = Pebble::start(port, LONG_S) else { return };
    let Some(shell) = Shell::with(&["curl", "openssl"]) else { return };
    let mut app = launch(&pebble, port, "chat.example,127.0.0.1").start();
    until_it_has_a_certificate(&app).await;
    let mode = fs::metadata(kept_in(&app)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let answer = ask(&shell, &app, "/rooms/lobby").expect("a handshake");
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=15552000\r\n"), "{answer}");
    let names = format!(
        "openssl s_client -connect {} < /dev/null 2> /dev/null | openssl x509 -noout -ext subjectAltName",
        app.address()
    );
    let names = shell.run(&names);
    assert!(
        names.contains("DNS:chat.example") && names.contains("IP Address:127.0.0.1"),
        "{names}"
    );
    pebble.stop();
    app.kill();
    app.start_again();
    assert!(ask(&shell, &app, "/rooms/lobby").is_some(), "from disk, with no authority");
    assert!(!app.log().contains("ERROR"), "{}", app.log());
}

#[tokio::test]
async fn a_certificate_is_renewed_when_the_authority_says_and_open_streams_stay() {
    const STREAMS: usize = 1000;
    let port = free_port().unwrap();
    // Pebble suggests to renew after two thirds.
    let Some(pebble) = Pebble::start(port, 30) else { return };
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let app = launch(&pebble, port, "chat.example").more(&["--address-streams", "0"]).start();
    let first = until_it_has_a_certificate(&app).await;
    let events = app.url("/rooms/lobby/events?format=text");
    // A program has as many streams as a connection of HTTP/2 can; what stands behind # is its own.
    let each = STREAMS / 4;
    let many = format!("-skN --no-progress-meter -Z --parallel-max {each}");
    let lines = format!(
        "for i in 1 2; do curl {many} -o one.$i.#1 --http1.1 '{events}#[1-{each}]' & \
         curl {many} -o two.$i.#1 --http2 '{events}#[1-{each}]' & done; \
         while sleep 1; do curl -sk -o /dev/null -d username=ann -d text=before {}; done",
        app.url("/rooms/lobby/messages")
    );
    let _streams = shell.start("sh", "-c", &lines);
    let all_have = |text: &str| {
        let found = shell.run(&format!("grep -l {text} one.* two.* 2> /dev/null | wc -l"));
        (found.trim() == STREAMS.to_string()).then_some(())
    };
    until("they are live", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        all_have("before")
    })
    .await;
    until("another certificate", async || (kept(&app)["chain"] != first).then_some(())).await;
    shell.run(&format!(
        "curl -fsk -d username=bob -d text=after {}",
        app.url("/rooms/lobby/messages")
    ));
    until("they are still live", async || all_have("after")).await;
    assert_eq!(kept(&app)["failures"], 0);
}

#[tokio::test]
async fn an_order_that_failed_waits_for_a_quarter_of_an_hour_then_half_over_restarts_too() {
    let port = free_port().unwrap();
    let Some(mut pebble) = Pebble::start(port, LONG_S) else { return };
    let Some(shell) = Shell::with(&["curl"]) else { return };
    pebble.name_service(false);
    let mut app = launch(&pebble, port, "chat.example").start();
    for (failures, minutes) in [(1, 15), (2, 30)] {
        let said = "no certificate was issued";
        until("it is said", async || (app.log().matches(said).count() == failures).then_some(()))
            .await;
        let kept = kept(&app);
        assert_eq!(kept["failures"], failures);
        let now = jiff::Timestamp::now().as_second();
        let wait = kept["not_before"].as_i64().unwrap() - now;
        assert!((minutes * 60 - 40..=minutes * 60).contains(&wait), "{wait} s");
        assert!(app.log().contains("chat.example"), "which name: {}", app.log());
        // A restart is no reason to try again.
        app.kill();
        app.start_again();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(app.log().matches(said).count(), failures, "{}", app.log());
        assert_eq!(ask(&shell, &app, "/healthz"), None, "there is none yet");
        // As if it had waited.
        app.kill();
        let mut kept = kept;
        kept["not_before"] = 0.into();
        fs::write(kept_in(&app), kept.to_string()).unwrap();
        if failures == 2 {
            pebble.name_service(true);
        }
        app.start_again();
    }
    until_it_has_a_certificate(&app).await;
    assert_eq!(kept(&app)["failures"], 0);
    assert!(ask(&shell, &app, "/healthz").is_some());
}

#[tokio::test]
async fn a_certificate_that_has_expired_at_the_start_is_shown_until_there_is_a_new_one() {
    let port = free_port().unwrap();
    let Some(mut pebble) = Pebble::start(port, 3) else { return };
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let mut app = launch(&pebble, port, "chat.example").start();
    let first = until_it_has_a_certificate(&app).await;
    app.kill();
    pebble.name_service(false);
    tokio::time::sleep(Duration::from_secs(5)).await;
    app.start_again();
    until("it is said", async || {
        app.log().contains("the certificate has expired: a new one is ordered").then_some(())
    })
    .await;
    assert!(ask(&shell, &app, "/healthz").is_some(), "a browser can be told to take it");
    assert_eq!(kept(&app)["chain"], first);
    assert!(pebble.orders() < 10, "{}", pebble.orders());
}

async fn until_it_says(app: &App, words: &str) {
    until(words, async || app.log().contains(words).then_some(())).await;
}

/// Two nodes with one port, and an authority that stands still: the first has begun to order, and the
/// second has seen it.
async fn nodes(pebble: &Pebble, nats: &Nats, port: u16) -> (App, App) {
    pebble.signal("STOP");
    let node = |address: &str| {
        let launch = launch(pebble, port, "chat.example");
        launch.at(&format!("{address}:{port}")).more(&["--nats", &nats.urls()]).start()
    };
    let one = node("127.0.0.1");
    until("it orders", async || (!record(nats).await["lease"].is_null()).then_some(())).await;
    (one, node("127.0.0.2"))
}

/// What the nodes have in common.
async fn record(nats: &Nats) -> Value {
    let client = async_nats::connect(nats.url(0)).await.unwrap();
    let context = async_nats::jetstream::new(client);
    loop {
        let Ok(stream) = context.get_stream("hubbub-acme").await else { return Value::Null };
        let last = stream.cached_info().state.last_sequence;
        if last == 0 {
            return Value::Null;
        }
        // Between the two, another may have come in its place.
        if let Ok(found) = stream.get_raw_message(last).await {
            return serde_json::from_slice(&found.payload).unwrap();
        }
    }
}

/// As if the one that orders had been given up long ago.
async fn let_the_lease_end(nats: &Nats) {
    let client = async_nats::connect(nats.url(0)).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("hubbub-acme").await.unwrap();
    let last = stream.get_raw_message(stream.cached_info().state.last_sequence).await.unwrap();
    let mut record: Value = serde_json::from_slice(&last.payload).unwrap();
    record["lease"]["until"] = 0.into();
    context.publish(last.subject, record.to_string().into()).await.unwrap().await.unwrap();
}

/// The certificate that a node shows.
fn shown(shell: &Shell, app: &App) -> String {
    let certificate = "< /dev/null 2> /dev/null | openssl x509 -noout -fingerprint || :";
    shell.run(&format!("openssl s_client -connect {} {certificate}", app.address()))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_orders_while_the_authority_asks_the_other_which_renews_when_it_is_gone() {
    let port = free_port().unwrap();
    let Some(mut pebble) = Pebble::start(port, 24) else { return };
    let Some(nats) = Nats::single() else { return };
    let Some(shell) = Shell::with(&["openssl"]) else { return };
    pebble.names_at("127.0.0.2", true);
    let (mut one, other) = nodes(&pebble, &nats, port).await;
    assert_eq!(shown(&shell, &other), "", "there is none yet");
    pebble.signal("CONT");
    let first = until_it_has_a_certificate(&one).await;
    assert_eq!(until_it_has_a_certificate(&other).await, first);
    assert_eq!(pebble.orders(), 1);
    assert_eq!(shown(&shell, &one), shown(&shell, &other));
    assert!(shown(&shell, &one).contains("Fingerprint="));
    until_it_says(&one, "there is a new certificate").await;
    until_it_says(&other, "another node has a new certificate").await;
    for app in [&one, &other] {
        let mode = fs::metadata(kept_in(app)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(kept(app)["lease"].is_null() && kept(app)["answers"].is_null());
    }
    one.kill();
    until("another certificate", async || (kept(&other)["chain"] != first).then_some(())).await;
    until_it_says(&other, "there is a new certificate").await;
    // Who was away has what the others have.
    one.start_again();
    let fresh = async || (shown(&shell, &one) == shown(&shell, &other)).then_some(());
    until("it shows the same", fresh).await;
    assert!(!other.log().contains("ERROR"), "{}", other.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_while_it_orders_is_followed_by_another_when_its_lease_has_ended() {
    let port = free_port().unwrap();
    let Some(mut pebble) = Pebble::start(port, LONG_S) else { return };
    let Some(mut nats) = Nats::single() else { return };
    pebble.names_at("127.0.0.2", true);
    let (mut one, other) = nodes(&pebble, &nats, port).await;
    one.kill();
    pebble.signal("CONT");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((kept(&other)["chain"].clone(), pebble.orders()), (Value::Null, 0));
    let_the_lease_end(&nats).await;
    until_it_has_a_certificate(&other).await;
    assert_eq!(pebble.orders(), 1);
    assert_eq!(record(&nats).await["failures"], 0);
    // With what the nodes share gone, what there is on disk is shown, and no more is done.
    let Some(shell) = Shell::with(&["openssl"]) else { return };
    nats.kill(0);
    until_it_says(&other, "none is renewed").await;
    assert!(shown(&shell, &other).contains("Fingerprint="));
}
