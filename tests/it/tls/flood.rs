//! Who floods a connection over TLS: with handshakes, and with frames of HTTP/2 by hand.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{EVENTS, say, with};
use crate::support::{
    App, soon,
    tls::{Identity, get},
};

/// A frame's head (RFC 9113, section 4.1) and what is in it.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

/// GET / of localhost over https, by the static table (RFC 7541, appendix A).
fn request() -> Vec<u8> {
    let mut block = vec![0x82, 0x84, 0x87, 0x41, 9];
    block.extend(b"localhost");
    block
}

#[tokio::test]
async fn what_floods_a_connection_with_resets_settings_or_pings_harms_no_open_tab() {
    let identity = Identity::new();
    let flags = identity.flags();
    let app = App::with(&with(&flags, &[]));
    let mut client = identity.http_2(&app).await;
    let mut tab = get(&mut client, EVENTS).await;
    let before = app.memory("VmRSS");
    let resets = (0..20_000_u32).flat_map(|number| {
        let stream = 2 * number + 1;
        let mut both = frame(HEADERS, 0x5, stream, &request());
        both.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
        both
    });
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]).repeat(20_000);
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(20_000);
    let floods =
        [("resets", resets.collect::<Vec<u8>>()), ("settings", settings), ("pings", pings)];
    for (name, flood) in floods {
        let mut socket = identity.connect(&app, "h2").await;
        socket.write_all(PREFACE).await.unwrap();
        socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        // It may be refused, or be held up since nobody reads the answers: either is an end to it.
        let _ = timeout(Duration::from_secs(5), socket.write_all(&flood)).await;
        say(&identity, &app, name).await;
        tab.until(name).await;
    }
    let grown = app.memory("VmRSS").saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KB more");
}

#[tokio::test]
async fn a_flood_of_handshakes_harms_no_open_tab_and_those_that_are_not_finished_are_closed() {
    let identity = Identity::new();
    let flags = identity.flags();
    let app = App::with(&with(&flags, &[]));
    let mut client = identity.http_2(&app).await;
    let mut tab = get(&mut client, EVENTS).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        // The head of a record, whose rest never comes.
        let mut socket = TcpStream::connect(app.address()).await.unwrap();
        socket.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        silent.push(socket);
    }
    let complete = (0..200).map(|_| identity.try_connect(&app, "h2"));
    let complete = tokio_stream::iter(complete);
    tokio::pin!(complete);
    while let Some(connect) = tokio_stream::StreamExt::next(&mut complete).await {
        assert!(connect.await.is_some());
    }
    say(&identity, &app, "meanwhile").await;
    tab.until("meanwhile").await;
    for mut socket in silent {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = soon("the end", socket.read_to_end(&mut rest)).await;
    }
}
