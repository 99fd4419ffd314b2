//! One address that wants everything: connections, memory, rooms.

use std::{net::SocketAddr, time::Duration};

use tokio::{io::AsyncWriteExt as _, net::TcpSocket};

use crate::{
    client::{Message, client, ids_on, send},
    support::{App, Server, TestApp, until},
    wire::Wire,
};

/// The text that takes most where it is shown.
fn swelling() -> String {
    format!("http://a/{}", "&".repeat(3990))
}

/// A connection from another address of this machine.
async fn from(address: &str, app: &impl Server) -> Wire {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    let socket = socket.connect(app.address().parse().unwrap()).await.expect("it listens");
    Wire::on(socket)
}

#[tokio::test]
async fn who_takes_all_connections_with_slow_heads_bodies_and_pages_makes_room_for_others() {
    let app = App::with(&["--max-connections", "40"]);
    for _ in 0..10 {
        send(&app, "lobby", "ann", &swelling()).await;
    }
    let greedy = "127.0.0.66";
    let mut held = Vec::new();
    for number in 0..90 {
        let mut wire = from(greedy, &app).await;
        let said = match number % 3 {
            0 => {
                "POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\
                  Content-Type: application/x-www-form-urlencoded\r\n\r\nusername=e"
            }
            1 => "GET /rooms/lobby HTTP/1.1\r\nHost: loc",
            _ => "GET /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\n\r\n",
        };
        // The accept loop may wait for room by now.
        let _ = wire.socket.write_all(said.as_bytes()).await;
        held.push(wire);
    }
    for _ in 0..5 {
        let asked = client().get(app.url("/rooms/lobby")).timeout(Duration::from_secs(8)).send();
        assert_eq!(asked.await.expect("a page in time").status(), 200);
    }
    let _ = send(&app, "lobby", "bob", "past the greedy").await;
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes_and_who_asks_on_gets_everything() {
    let app = TestApp::start();
    let mut sent = Vec::new();
    for _ in 0..40 {
        sent.push(send(&app, "lobby", "ann", &swelling()).await.id);
    }
    for html in [false, true] {
        let (mut got, mut before) = (Vec::new(), String::new());
        loop {
            let format = if html { "html" } else { "json" };
            let path = format!("/rooms/lobby/messages?limit=200&format={format}{before}");
            let answer = client().get(app.url(&path)).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let body = answer.text().await.unwrap();
            assert!(body.len() < 320 * 1024, "{} bytes", body.len());
            let ids: Vec<String> = if html {
                ids_on(&body)
            } else {
                let messages: Vec<Message> = serde_json::from_str(&body).unwrap();
                messages.into_iter().map(|message| message.id).collect()
            };
            let Some(oldest) = ids.first() else { break };
            before = format!("&before={oldest}");
            assert_eq!(!html || body.contains("?before="), !html || got.len() + ids.len() < 40);
            got.splice(0..0, ids);
        }
        assert_eq!(got, sent);
    }
}

#[tokio::test]
async fn answers_that_nobody_reads_are_a_503_beyond_an_addresss_share_and_room_comes_back() {
    let app = TestApp::with(&["--trusted-proxies", "127.0.0.1"]);
    for _ in 0..10 {
        send(&app, "lobby", "ann", &swelling()).await;
    }
    let path = "/rooms/lobby/messages?limit=200";
    let mut unread = Vec::new();
    let refused = loop {
        let mut wire = Wire::narrow(&app);
        let line = "X-Forwarded-For: 192.0.2.7";
        wire.say(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"))
            .await
            .unwrap();
        let head = wire.until("\r\n\r\n").await;
        if !head.starts_with("HTTP/1.1 200 ") {
            break head;
        }
        unread.push(wire);
        assert!(unread.len() < 60, "no share is as large");
    };
    assert!(
        refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nretry-after: "),
        "{refused}"
    );
    assert!(unread.len() > 20, "{}", unread.len());
    let status = async |address: &str| {
        let asked = client().get(app.url(path)).header("x-forwarded-for", address);
        asked.send().await.unwrap()
    };
    assert_eq!(status("192.0.2.8").await.status(), 200, "others have theirs");
    let small = client().get(app.url("/rooms/hall")).header("x-forwarded-for", "192.0.2.7");
    assert_eq!(small.send().await.unwrap().status(), 200, "what is small is not counted");
    drop(unread);
    until("room comes back", async || (status("192.0.2.7").await.status() == 200).then_some(()))
        .await;
}

#[tokio::test]
async fn rooms_that_one_address_makes_are_limited_and_those_that_are_there_are_not() {
    let app = TestApp::with(&["--trusted-proxies", "127.0.0.1", "--address-rooms", "2"]);
    let sent = async |address: &str, room: &str| {
        let form = [("username", "ann"), ("text", "hi")];
        let request = client().post(app.url(&format!("/rooms/{room}/messages"))).form(&form);
        let request = request.header("x-forwarded-for", address);
        request.send().await.unwrap().status().as_u16()
    };
    for (room, status) in [("a", 201), ("b", 201), ("c", 429), ("a", 201), ("b", 201), ("d", 429)] {
        assert_eq!(sent("203.0.113.7", room).await, status, "{room}");
    }
    for (room, status) in [("c", 201), ("a", 201), ("d", 201), ("e", 429)] {
        assert_eq!(sent("203.0.113.8", room).await, status, "{room}");
    }
    assert_eq!(sent("203.0.113.7", "c").await, 201, "somebody else made it");
}
