//! Handshakes and encrypted streams over sockets in memory.

use std::{future::pending, net::Ipv4Addr, time::Duration};

use axum::{Router, routing::get};
use rcgen::{CertifiedKey as Made, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{PrivateKeyDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream as ClientStream};

use super::{super::*, *};
use crate::{
    server::{live::WRITE_TIMEOUT, progress::Progress, socket::DeadlineSocket},
    sink::Chunk,
};

/// What encrypts, and a client that trusts it.
fn pair() -> (Tls, TlsConnector) {
    let Made { cert, signing_key } = generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = ring::default_provider();
    let tls = Tls::new().unwrap();
    tls.show(CertifiedKey::from_der(vec![cert.der().clone()], key, &provider).unwrap());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(provider));
    let client = client.with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (tls, TlsConnector::from(Arc::new(client)))
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// A stream of frames without a pause over HTTP/1.1 and TLS, on a socket of 64 KB.
async fn flooded() -> (ClientStream<DuplexStream>, JoinHandle<io::Result<()>>, Metrics) {
    let (tls, connector) = pair();
    let (ours, theirs) = duplex(64 * 1024);
    let metrics = Metrics::new();
    let counted = metrics.clone();
    let server = tokio::spawn(async move {
        let frames = get(async || {
            let frames = async_stream::stream! { loop { yield "a frame\n" } };
            live::answer((), live::plain(frames), Chunk::new("\n"), Metrics::new())
        });
        let router = Router::new().route("/", frames);
        let socket = tls.accept(DeadlineSocket::new(theirs, counted)).await?.unwrap();
        let peer = (Ipv4Addr::LOCALHOST, 4711).into();
        let info = ConnectionInfo { peer, is_local: true, tls: true, protocol: Protocol::Http1 };
        let served = http1::serve(socket, info, router, Arc::new(Progress::new()), pending()).await;
        let (socket, live) = served.map_err(io::Error::other)?.expect("it is live");
        live.into_writer(socket).await
    });
    let mut client = connector.connect(name(), ours).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    (client, server, metrics)
}

#[tokio::test(start_paused = true)]
async fn over_tls_who_takes_nothing_is_cut_at_the_deadline_too() {
    let (client, server, metrics) = flooded().await;
    let begun = Instant::now();
    let why = server.await.unwrap().unwrap_err();
    assert_eq!(why.kind(), io::ErrorKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    assert_eq!(metrics.evictions(), 1);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn over_tls_who_takes_a_little_now_and_then_is_not_cut() {
    let (mut client, server, metrics) = flooded().await;
    for _ in 0..10 {
        tokio::time::sleep(WRITE_TIMEOUT.mul_f32(0.9)).await;
        // More than a record: what the client has decrypted before makes no room on the wire.
        client.read_exact(&mut vec![0; 20_000]).await.unwrap();
    }
    assert!(!server.is_finished());
    assert_eq!(metrics.evictions(), 0);
}

#[tokio::test]
async fn without_a_certificate_a_handshake_fails_and_with_one_it_works_though_others_never_finish()
{
    let (tls, connector) = pair();
    let empty = Tls::new().unwrap();
    let (ours, theirs) = duplex(1 << 16);
    let (accepted, connected) = tokio::join!(empty.accept(theirs), connector.connect(name(), ours));
    assert!(accepted.is_err() && connected.is_err());
    // Each has sent its part, and waits for ours without a word.
    let mut unfinished = Vec::new();
    for _ in 0..100 {
        let (ours, theirs) = duplex(1 << 16);
        let tls = tls.clone();
        let server = tokio::spawn(async move { tls.accept(theirs).await.map(drop) });
        let mut hello = connector.connect(name(), ours).into_fallible();
        let said = futures_step(&mut hello).await;
        assert!(said, "it waits for an answer");
        unfinished.push((server, hello));
    }
    let (ours, theirs) = duplex(1 << 16);
    let both = async { tokio::join!(tls.accept(theirs), connector.connect(name(), ours)) };
    let (accepted, connected) = timeout(Duration::from_secs(10), both).await.unwrap();
    assert!(accepted.unwrap().is_some() && connected.is_ok());
}

/// Polls it once; whether it is pending.
async fn futures_step(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending()))
        .await
}
