//! What is refused at a start or on the wire, and in which words.

use std::{fs, path::Path};

use axum::http::Request;
use reqwest::{StatusCode, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::with;
use crate::{
    client::client,
    support::{
        App, TestApp,
        process::{
            app::{hubbub, run_to_end},
            directory,
        },
        shell::Shell,
        soon,
        tls::Identity,
    },
};

/// What a start says that fails.
fn refused(listen: &str, flags: &[&str]) -> String {
    let home = directory();
    let (status, said) = run_to_end(hubbub(home.path(), listen).args(flags));
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_key_that_cannot_be_used_and_what_is_no_file_is_refused_in_words_that_say_why() {
    let Some(shell) = Shell::with(&["openssl", "mkfifo"]) else { return };
    let make = |kind: &str, certificate: &str| {
        shell.run(&format!(
            "openssl req -x509 -newkey {kind} -nodes -days 2 -subj /CN=a -keyout {certificate}.key \
             -out {certificate}.pem 2> /dev/null; pwd"
        ))
    };
    let home = make("ec -pkeyopt ec_paramgen_curve:P-256", "good");
    let at = |name: &str| Path::new(home.trim()).join(name).display().to_string();
    make("rsa:1024", "short");
    make("ec -pkeyopt ec_paramgen_curve:secp256k1", "rare");
    make("ec -pkeyopt ec_paramgen_curve:P-256", "other");
    shell.run(
        "openssl pkcs8 -topk8 -in good.key -out encrypted.key -passout pass:x; mkfifo pipe; \
         openssl ec -in good.key -aes128 -passout pass:x -out older.key 2> /dev/null",
    );
    for (certificate, key, words) in [
        ("good.pem", "encrypted.key", "--tls-key KEY: the key is encrypted"),
        ("good.pem", "older.key", "--tls-key KEY: the key is encrypted"),
        ("good.pem", "other.key", "--tls-key KEY: it is not the key of the certificate"),
        ("short.pem", "short.key", "--tls-key KEY: it is too short, with 1024 bits"),
        ("rare.pem", "rare.key", "--tls-key KEY: its kind is not supported"),
        ("pipe", "good.key", "--tls-cert CERT: it is no regular file"),
        ("good.pem", "pipe", "--tls-key KEY: it is no regular file"),
        (".", "good.key", "--tls-cert CERT: it is no regular file"),
    ] {
        let (certificate, key) = (at(certificate), at(key));
        let said = refused("127.0.0.1:0", &["--tls-cert", &certificate, "--tls-key", &key]);
        let words = words.replace("CERT", &certificate).replace("KEY", &key);
        assert!(said.starts_with(&format!("hubbub: {words}")), "{said}");
    }
}

/// As some editors write it, and two of such files put together.
#[test]
fn byte_order_marks_in_files_of_a_certificate_and_a_key_are_passed_over() {
    let Some(shell) = Shell::with(&["openssl"]) else { return };
    let home = shell.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a \
         -keyout plain.key -out plain.pem 2> /dev/null; for of in key pem; do printf '\\357\\273\\277' \
         | cat - plain.$of > marked.$of; done; cat marked.pem marked.pem > chain.pem; pwd",
    );
    let at = |name: &str| Path::new(home.trim()).join(name).display().to_string();
    for certificate in ["marked.pem", "chain.pem"] {
        let flags = ["--tls-cert", &at(certificate), "--tls-key", &at("marked.key")];
        assert!(App::with(&flags).url("/").starts_with("https://"), "it serves with it");
    }
}

#[test]
fn a_certificate_for_sockets_of_the_file_system_alone_is_refused() {
    let (identity, home) = (Identity::new(), directory());
    let listen = format!("unix:{}", home.path().join("hubbub.sock").display());
    for more in [&[][..], &["--redirect", "127.0.0.1:0"]] {
        let said = refused(&listen, &with(&identity.flags(), more));
        assert!(said.starts_with("hubbub: --tls-cert: nothing would be encrypted"), "{said}");
    }
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_warned_about() {
    let Some(shell) = Shell::with(&["openssl"]) else { return };
    let home = shell.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a \
         -not_before 20990101000000Z -not_after 20990201000000Z -keyout k -out c 2> /dev/null \
         || openssl version >&2; pwd",
    );
    let at = |name: &str| Path::new(home.trim()).join(name).display().to_string();
    if !fs::exists(at("c")).unwrap() {
        return; // Before OpenSSL 3.4 it cannot make one.
    }
    let app = App::with(&["--tls-cert", &at("c"), "--tls-key", &at("k")]);
    let log = app.log();
    assert!(log.contains("not valid yet") && log.contains("2099-01-01T00:00:00Z"), "{log}");
}

#[tokio::test]
async fn plain_http_on_the_port_of_https_is_told_so_in_words_and_other_noise_by_an_alert() {
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let identity = Identity::new();
    let app = App::with(&with(&identity.flags(), &[]));
    for ask in ["", "-d username=ann -d text=hi"] {
        let plain = app.url("/rooms/lobby/messages").replace("https://", "http://");
        let answer = shell.run(&format!("curl -sSi --max-time 10 {ask} {plain} 2>&1 || :"));
        assert!(answer.contains("This port speaks HTTPS"), "{ask}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("location:"), "{answer}");
    }
    let mut socket = TcpStream::connect(app.address()).await.unwrap();
    socket.write_all(&[1, 2, 3, 4, 5, 6]).await.unwrap();
    let mut said = Vec::new();
    soon("an end", socket.read_to_end(&mut said)).await.unwrap();
    assert_eq!(said[..2], [0x15, 3], "an alert");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_a_head_that_is_too_large_is_refused_in_words_and_its_connection_goes_on() {
    let identity = Identity::new();
    let app = TestApp::with(&with(&identity.flags(), &[]));
    let mut client = identity.http_2(&app).await;
    for (size, status) in [
        (20_000, StatusCode::OK),
        (40_000, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (20_000, StatusCode::OK),
    ] {
        let mut ready = client.clone().ready().await.unwrap();
        let request = Request::get("https://localhost/healthz");
        let request = request.header("cookie", "x".repeat(size)).body(()).unwrap();
        let (answer, _) = ready.send_request(request, true).unwrap();
        let answer = soon("an answer", answer).await.unwrap();
        assert_eq!(answer.status(), status, "{size}");
        let mut body = answer.into_body();
        let said = soon("a body", body.data()).await.unwrap().unwrap();
        let has_words = said.starts_with(b"The request's head is larger than 32 KB. Cookies");
        assert_eq!(has_words, status != StatusCode::OK);
        client = ready;
    }
}

#[tokio::test]
async fn the_public_url_is_where_plain_http_is_redirected_whatever_its_port_and_the_ones_here() {
    let identity = Identity::new();
    let public = ["--public-url", "https://Chat.example:8443", "--redirect", "127.0.0.1:0"];
    let mut app = App::with(&with(&identity.flags(), &public));
    let redirect = app.said("hubbub redirecting from ");
    let port = app.address().rsplit_once(':').unwrap().1.to_owned();
    for (host, place) in [
        ("chat.example", Some("https://chat.example:8443/rooms/lobby?before=1".to_owned())),
        ("CHAT.example:80", Some("https://chat.example:8443/rooms/lobby?before=1".to_owned())),
        ("127.0.0.1", Some(format!("https://127.0.0.1:{port}/rooms/lobby?before=1"))),
        ("evil.example", None),
        ("chat.example.evil:8443", None),
    ] {
        let get = client().get(format!("{redirect}/rooms/lobby?before=1"));
        let got = get.header(header::HOST, host).send().await.unwrap();
        let said = got.headers().get(header::LOCATION).map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(said, place, "{host}");
        assert_eq!(got.status(), if place.is_some() { 308 } else { 421 }, "{host}");
    }
}
