//! A service manager: the sockets that it opens, and what it is told.

use std::{
    io,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use crate::{
    client::{client, send},
    support::{
        PATIENCE,
        process::{
            app::Launch,
            directory, free_port,
            program::{find, not_run},
        },
        until,
    },
};

/// Opens a socket as systemd does, and becomes the program that is named behind it.
const ACTIVATE: &str = "\
import os, socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
";

#[tokio::test]
async fn a_socket_that_the_manager_opened_is_served_in_the_place_of_what_is_configured() {
    let Some(python) = find("python3") else {
        return not_run("python3 is not installed", "HUBBUB_SHELL");
    };
    let port = free_port().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let before = [python.to_str().unwrap(), "-c", ACTIVATE, &port.to_string()].map(String::from);
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let app = Launch::new(&[]).at(&other.to_string()).behind(&before).start();
    assert_eq!(app.address(), format!("127.0.0.1:{port}"));
    send(&app, "lobby", "ann", "through the manager's socket").await;
    let unused = client().get(format!("http://{other}/healthz")).send().await;
    assert!(unused.is_err(), "what is configured is not listened on");
}

#[tokio::test]
async fn the_manager_is_told_when_it_is_ready_that_it_is_well_and_that_it_stops() {
    let home = directory();
    let path = home.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut buffer = [0; 1000];
        let count = manager.recv(&mut buffer).expect("a word");
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    };
    let launch =
        Launch::new(&[]).variable("NOTIFY_SOCKET", &path).variable("WATCHDOG_USEC", "200000");
    let mut app = launch.start();
    let mut first = [told(), told()];
    first.sort();
    assert_eq!(first, ["READY=1\n", "WATCHDOG=1\n"]);
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(told(), "WATCHDOG=1\n");
    }
    assert!(begun.elapsed() > Duration::from_millis(300), "not more often than asked for");
    // What makes it unready makes it silent.
    std::fs::rename(app.data(), home.path().join("away")).unwrap();
    until("it is unready", async || {
        (client().get(app.url("/readyz")).send().await.ok()?.status() == 503).then_some(())
    })
    .await;
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut [0; 1000]).is_ok() {}
    tokio::time::sleep(Duration::from_millis(500)).await;
    let silent = manager.recv(&mut [0; 1000]).map_err(|why| why.kind());
    assert_eq!(silent, Err(io::ErrorKind::WouldBlock));
    std::fs::rename(home.path().join("away"), app.data()).unwrap();
    manager.set_nonblocking(false).unwrap();
    assert_eq!(told(), "WATCHDOG=1\n");
    assert!(app.stop().success());
    while told() != "STOPPING=1\n" {}
}
