//! A real nginx in front, with its defaults and with everything compressed: streams come through
//! as they go out (FAILURES 10: a proxy or a compression layer holds the stream back).

use std::{io::Write as _, time::Duration};

use flate2::write::GzDecoder;
use tokio_stream::StreamExt as _;

use crate::support::{
    App, Server, TestApp,
    nginx::{Nginx, in_readme},
    shell::Shell,
    soon,
};

/// What compresses all that it may.
const GZIP: &str = "gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;";

#[tokio::test]
async fn through_nginx_each_representation_is_live() {
    for settings in ["", GZIP] {
        let app = TestApp::start();
        let Some(nginx) = Nginx::before(app.address(), settings, false) else { return };
        let room = format!("{}/rooms/lobby", nginx.home("http"));
        let client = reqwest::Client::new();
        for format in ["sse", "sse-json", "ndjson", "text", "html"] {
            let asked = client.get(format!("{room}/events?format={format}"));
            let asked = asked.header("accept-encoding", "gzip").send();
            let answer = soon("the stream opens", asked).await.unwrap();
            // nginx compresses what it is told to; live it must be all the same.
            let encoding = answer.headers().get("content-encoding");
            let packed = encoding.is_some_and(|encoding| encoding != "identity");
            assert!(!packed || !settings.is_empty() || format == "html", "{format}");
            let mut bytes = answer.bytes_stream();
            let text = format!("hello in {format}");
            let form = [("username", "bob"), ("text", &text)];
            let sent = client.post(format!("{room}/messages")).form(&form).send().await.unwrap();
            assert_eq!(sent.status(), 201);
            let mut unpacked = GzDecoder::new(Vec::new());
            let mut read = String::new();
            // Held back, it would come with the keep-alive, or when much more has gathered.
            let came = tokio::time::timeout(Duration::from_secs(10), async {
                while !read.contains(&text) {
                    let part = bytes.next().await.expect("it goes on").unwrap();
                    let part = if packed {
                        unpacked.write_all(&part).unwrap();
                        unpacked.flush().unwrap();
                        std::mem::take(unpacked.get_mut())
                    } else {
                        part.to_vec()
                    };
                    read.push_str(&String::from_utf8_lossy(&part));
                }
            });
            assert!(came.await.is_ok(), "{format} with {settings:?}: {read:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_looks_cut_behind_nginx_where_it_speaks_http_1_1() {
    for (version, end) in [("1.0", "complete"), ("1.1", "cut")] {
        let mut app = App::start();
        let settings = format!("proxy_http_version {version};");
        let Some(nginx) = Nginx::before(app.address(), &settings, false) else { return };
        let mut streams = Vec::new();
        for format in ["sse", "ndjson", "html"] {
            let url = format!("{}/rooms/lobby/events?format={format}", nginx.home("http"));
            let answer = soon("the stream opens", reqwest::get(url)).await.unwrap();
            assert_eq!(answer.status(), 200);
            streams.push((format, answer));
        }
        assert!(app.stop().success());
        for (format, mut answer) in streams {
            let ended = loop {
                match soon("the end", answer.chunk()).await {
                    Ok(Some(_)) => {}
                    Ok(None) => break "complete",
                    Err(_) => break "cut",
                }
            };
            // The endless document ends with the last chunk.
            assert_eq!(
                ended,
                if format == "html" { "complete" } else { end },
                "{format} {version}"
            );
        }
        let told = nginx.log().matches("upstream prematurely closed connection").count();
        assert_eq!(told, if end == "cut" { 2 } else { 0 }, "a line for each: {}", nginx.log());
    }
}

#[tokio::test]
async fn through_nginx_pages_are_compressed_and_forms_are_taken() {
    let app = TestApp::start();
    let Some(nginx) = Nginx::before(app.address(), GZIP, false) else { return };
    let home = nginx.home("http");
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    let asked = client.get(format!("{home}/rooms/lobby")).header("accept-encoding", "gzip");
    assert_eq!(asked.send().await.unwrap().headers()["content-encoding"], "gzip");
    let join = client.post(format!("{home}/rooms/lobby/join")).form(&[("username", "ann")]);
    let joined = join.header("origin", &home).send().await.unwrap();
    assert_eq!(joined.status(), 303);
    let place = joined.headers()["location"].to_str().unwrap();
    assert!(place.starts_with("/rooms/lobby/tabs/"), "{place}");
}

#[tokio::test]
async fn behind_the_nginx_of_the_readme_lines_and_cookies_are_for_the_scheme_that_was_asked_for() {
    let app = TestApp::with(&["--trusted-proxies", "127.0.0.1"]);
    for (scheme, secure) in [("http", false), ("https", true)] {
        let Some(shell) = Shell::with(&["curl", "openssl"]) else { return };
        let Some(nginx) = Nginx::before(app.address(), &in_readme(), secure) else { return };
        let home = nginx.home(scheme);
        let page = shell.run(&format!("curl -fsSk {home}/api"));
        assert!(
            page.contains(&format!("curl -N &#39;{home}/rooms/"))
                || page.contains(&format!("curl -N '{home}/rooms/")),
            "{page}"
        );
        let joined =
            shell.run(&format!("curl -sSki -d username=ann-{scheme} {home}/rooms/lobby/join"));
        let cookie = joined.lines().find(|line| line.to_lowercase().starts_with("set-cookie:"));
        let cookie = cookie.unwrap_or_else(|| panic!("{joined}"));
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        let stream = format!("curl -sSkN --max-time 30 {home}/rooms/lobby/events?format=text");
        let stream = shell.start("sh", "-c", &stream);
        let text = format!("over {scheme}");
        crate::support::until("it is live", async || {
            crate::client::send(&app, "lobby", "bob", &text).await;
            stream.until("a line", |_| true).contains(&text).then_some(())
        })
        .await;
    }
}
