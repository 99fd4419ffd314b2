//! TLS and HTTP/2: what is served over them is what is served without, and an open tab outlives a
//! change of the certificate, and whoever floods.

mod flood;
mod refused;

use std::time::{Duration, Instant};

use reqwest::header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::client,
    support::{
        App, Server, TestApp,
        process::{
            app::{hubbub, run_to_end},
            directory,
        },
        shell::Shell,
        soon,
        tls::{Body, Identity, get, say},
        until,
    },
};

const EVENTS: &str = "/rooms/lobby/events";

/// Flags as they are given.
fn with<'a>(identity: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    identity.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

/// A stream of the lobby over HTTP/1.1 and TLS.
struct Stream {
    socket: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    read: String,
}

impl Stream {
    async fn open(identity: &Identity, app: &impl Server) -> Self {
        let mut socket = identity.connect(app, "http/1.1").await;
        let request = format!("GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self { socket, read: String::new() };
        stream.until(": hubbub").await;
        stream
    }

    async fn until(&mut self, end: &str) {
        let mut buffer = [0; 4096];
        while !self.read.contains(end) {
            let count = soon(end, self.socket.read(&mut buffer)).await.unwrap();
            assert!(count > 0, "no {end:?}: {}", self.read);
            self.read += &String::from_utf8_lossy(&buffer[..count]);
        }
    }

    /// To the end, which must be said (close_notify).
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        soon("the end", self.socket.read_to_end(&mut rest)).await.expect("a said end");
        self.read + &String::from_utf8_lossy(&rest)
    }
}

#[tokio::test]
async fn by_either_protocol_over_tls_pages_streams_and_forms_work_and_cookies_are_secure() {
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let identity = Identity::new();
    let flags = identity.flags();
    let app = TestApp::with(&with(&flags, &[]));
    let home = app.url("");
    assert!(home.starts_with("https://"), "{home}");
    for (number, version) in [(1, "--http1.1"), (2, "--http2")] {
        let curl = format!("curl -fsS {version} --cacert {} ", identity.certificate().display());
        let spoken =
            shell.run(&format!("{curl} -o page -w '%{{http_version}}' {home}/rooms/lobby"));
        assert_eq!(spoken, if number == 1 { "1.1" } else { "2" });
        let api = shell.run(&format!("{curl} {home}/api"));
        assert!(api.contains(&format!("{home}/rooms/")), "lines to copy: {api}");
        let joined =
            shell.run(&format!("{curl} -i -d username=ann{number} {home}/rooms/lobby/join"));
        let cookie = joined.lines().find(|line| line.to_lowercase().starts_with("set-cookie:"));
        assert!(cookie.unwrap().contains("; Secure"), "{joined}");
        let stream = shell.start("sh", "-c", &format!("{curl} -N {home}{EVENTS}?format=text"));
        until("it is live", async || {
            let said =
                format!("{curl} -d username=bob -d text=by{number} {home}/rooms/lobby/messages");
            shell.run(&said);
            stream.until("a line", |_| true).contains(&format!("by{number}")).then_some(())
        })
        .await;
        let foreign = format!(
            "{curl} -o /dev/null -w '%{{http_code}}' -H 'Origin: https://evil.example' \
             -d username=eve -d text=no {home}/rooms/lobby/messages || :"
        );
        assert_eq!(shell.run(&foreign), "403");
        let own = format!(
            "{curl} -o /dev/null -w '%{{http_code}}' -H 'Origin: {home}' -d username=eve -d text=yes \
             {home}/rooms/lobby/messages"
        );
        assert_eq!(shell.run(&own), "201");
    }
}

#[tokio::test]
async fn a_new_certificate_in_the_files_is_shown_at_once_on_sighup_and_soon_without_and_streams_go_on()
 {
    let identity = Identity::new();
    let flags = identity.flags();
    let app = App::with(&with(&flags, &[]));
    let mut one = Stream::open(&identity, &app).await;
    let mut client = identity.http_2(&app).await;
    let mut two: Vec<Body> = Vec::new();
    for _ in 0..20 {
        two.push(get(&mut client, EVENTS).await);
    }
    for (round, hangup) in [("first", true), ("second", false)] {
        identity.replace();
        assert!(identity.try_connect(&app, "h2").await.is_none(), "it shows the one before");
        if hangup {
            app.signal("HUP");
        }
        until("it shows the new one", async || identity.try_connect(&app, "h2").await).await;
        say(&identity, &app, round).await;
        one.until(round).await;
        for stream in &mut two {
            stream.until(round).await;
        }
    }
    identity.put("cert.pem", "no certificate");
    app.signal("HUP");
    until("it is said", async || {
        app.log().contains("it holds no certificate in PEM").then_some(())
    })
    .await;
    two[0].until("second").await;
    let fine = client.clone().ready().await;
    assert!(fine.is_ok(), "and what was open is");
}

// A client that is blocked would not say that it has heard of the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_sigterm_streams_over_either_protocol_end_with_a_word_in_under_two_seconds() {
    let identity = Identity::new();
    let flags = identity.flags();
    let mut app = App::with(&with(&flags, &[]));
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        one.push(Stream::open(&identity, &app).await);
    }
    for _ in 0..2 {
        let mut client = identity.http_2(&app).await;
        for _ in 0..100 {
            let mut stream = get(&mut client, EVENTS).await;
            stream.until(": hubbub").await;
            two.push(stream);
        }
    }
    let begun = Instant::now();
    assert!(app.stop().success());
    let took = begun.elapsed();
    for stream in one {
        let read = stream.rest().await;
        assert!(read.contains("retry:") && read.contains("event: Closing"), "{read}");
    }
    for stream in two {
        let read = stream.rest().await;
        assert!(read.contains("retry:") && read.contains("event: Closing"), "{read}");
    }
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!app.log().contains("WARN"), "{}", app.log());
}

#[tokio::test]
async fn plain_http_is_redirected_for_who_reads_and_refused_for_who_sends() {
    let identity = Identity::new();
    let flags = identity.flags();
    let mut app = App::with(&with(&flags, &["--redirect", "127.0.0.1:0"]));
    let redirect = app.said("hubbub redirecting from ");
    let port = app.address().rsplit_once(':').unwrap().1.to_owned();
    let get = client().get(format!("{redirect}/rooms/lobby?before=1")).send().await.unwrap();
    assert_eq!(get.status(), 308);
    let place = format!("https://127.0.0.1:{port}/rooms/lobby?before=1");
    assert_eq!(get.headers()[header::LOCATION], *place);
    let sent =
        client().post(format!("{redirect}/rooms/lobby/messages")).body("username=ann&text=x");
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.status(), 403);
    assert!(sent.text().await.unwrap().contains("nothing was taken: https://127.0.0.1:"));
    let foreign =
        client().get(&redirect).header(header::HOST, "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 421);
    assert!(app.stop().success());
}

#[test]
fn a_start_without_one_of_the_files_or_with_nothing_to_redirect_to_is_one_line() {
    let home = directory();
    for (flags, line) in [
        (&["--tls-cert", "a.pem"][..], "hubbub: --tls-key: it is missing, beside --tls-cert\n"),
        (&["--tls-key", "a.pem"], "hubbub: --tls-cert: it is missing, beside --tls-key\n"),
        (
            &["--tls-cert", "/none/a.pem", "--tls-key", "/none/b.pem"],
            "hubbub: --tls-cert /none/a.pem: No such file or directory (os error 2)\n",
        ),
        (
            &["--redirect", "127.0.0.1:0"],
            "hubbub: --redirect: there is nothing to redirect to without a certificate\n",
        ),
    ] {
        let (status, said) = run_to_end(hubbub(home.path(), "127.0.0.1:0").args(flags));
        assert_eq!(status.code(), Some(2), "{flags:?}");
        assert_eq!(said, line);
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "it leaves no file behind");
}
