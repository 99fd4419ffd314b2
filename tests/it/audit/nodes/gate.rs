//! Gates between nodes and servers, and between servers: where they are shut, the network is parted.
//! Nothing that is sent comes, and nobody is told; what was on its way comes later, as with TCP.

use std::net::{SocketAddr, TcpListener};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        self, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// One way from somebody to somebody.
pub struct Gate {
    pub port: u16,
    shut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// An open one in front of a port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let listener = net::TcpListener::from_std(listener).expect("a socket");
        let (shut, is_shut) = watch::channel(false);
        let own = listener.local_addr().expect("bound").port();
        let accepting = tokio::spawn(async move {
            loop {
                let (from, _) = listener.accept().await.expect("a connection");
                tokio::spawn(carry(from, port, is_shut.clone()));
            }
        });
        Self { port: own, shut, accepting }
    }

    /// From here on nothing gets through.
    pub fn shut(&self) {
        self.shut.send_replace(true);
    }

    /// From here on everything does.
    pub fn open(&self) {
        self.shut.send_replace(false);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(from: TcpStream, port: u16, shut: watch::Receiver<bool>) {
    passes(&mut shut.clone()).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    // As in the people's proxy: it must not keep a server from coming back to its port.
    socket.set_reuseaddr(true).expect("a socket");
    let Ok(to) = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await else { return };
    if to.local_addr().ok() == to.peer_addr().ok() {
        return; // Nobody listens, and it has reached itself.
    }
    from.set_nodelay(true).expect("a socket");
    to.set_nodelay(true).expect("a socket");
    let ((from_one, to_one), (from_other, to_other)) = (from.into_split(), to.into_split());
    tokio::select! {
        () = copy(from_one, to_other, shut.clone()) => {}
        () = copy(from_other, to_one, shut) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut shut: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        passes(&mut shut).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    // That one end has gone is not known to the other before the gate opens.
    passes(&mut shut).await;
}

async fn passes(shut: &mut watch::Receiver<bool>) {
    let _ = shut.wait_for(|shut| !shut).await;
}
