//! Where hubbub listens: several addresses, and sockets in the file system.

use std::fs;

use crate::{
    client::{client, send},
    support::{
        App, Server as _, TestApp,
        process::{
            app::{hubbub, run_to_end},
            directory,
        },
        shell::Shell,
    },
};

#[tokio::test]
async fn several_addresses_and_a_socket_of_the_file_system_are_served_at_once() {
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let home = directory();
    let socket = home.path().join("hubbub.sock");
    let listen = format!("127.0.0.1:0,unix:{}", socket.display());
    let app = TestApp::with_listen(&listen, &["--socket-mode", "600"]);
    send(&app, "lobby", "ann", "over TCP").await;
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let curl = format!("curl -fsS --unix-socket {} ", socket.display());
    let read = shell.run(&format!("{curl} http://chat.example/rooms/lobby/messages?format=json"));
    assert!(read.contains("over TCP"), "whatever name a proxy asks for: {read}");
    let sent =
        shell.run(&format!("{curl} -d username=bob -d text=local http://x/rooms/lobby/messages"));
    assert!(sent.contains("\"bob\""), "{sent}");
    drop(app);
}

#[tokio::test]
async fn a_port_of_every_network_is_reached_by_both_families() {
    let app = TestApp::with_listen(":0", &[]);
    let port = app.url("").rsplit_once(':').unwrap().1.to_owned();
    for host in ["127.0.0.1", "[::1]"] {
        let answer = client().get(format!("http://{host}:{port}/healthz")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{host}");
    }
}

#[tokio::test]
async fn a_socket_that_a_killed_process_left_is_no_obstacle_and_one_in_use_is() {
    let home = directory();
    let socket = home.path().join("hubbub.sock");
    let listen = format!("127.0.0.1:0,unix:{}", socket.display());
    let mut app = App::listening(&listen);
    let other = directory();
    let (status, said) = run_to_end(&mut hubbub(other.path(), &listen));
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("--listen unix:/") && said.contains("in use"), "{said}");
    app.kill();
    assert!(socket.exists());
    let mut app = App::listening(&listen);
    assert!(client().get(app.url("/healthz")).send().await.unwrap().status().is_success());
    assert!(app.stop().success());
    assert!(!socket.exists());
}
