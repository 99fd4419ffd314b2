//! A network of the worst kind between clients and hubbub: each connection has a fate.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{RngExt as _, rngs::StdRng};
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use super::{Drawn, Plan, between};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Nothing.
    Pass,
    /// Every piece is late by this.
    Delay(Duration),
    /// Silence after every so many bytes that way, then on as if nothing had been. A request that
    /// was held back is delivered also when its sender is gone: late, perhaps after its retry.
    Stall { way: Way, every: usize, pause: Duration },
    /// It ends after so many bytes that way. None to the server: it was never reached. None to
    /// the client: a request is served, and its sender never learns of it.
    Cut { way: Way, after: usize, reset: bool },
}

impl Fate {
    /// For one request and its answer.
    fn of_a_sender(dice: &mut StdRng) -> Self {
        match dice.random_range(0..100) {
            0..5 => Self::Delay(between(dice, 1, 20)),
            5..7 => {
                let way = if dice.random() { Way::ToServer } else { Way::ToClient };
                let every = dice.random_range(1..400);
                Self::Stall { way, every, pause: between(dice, 20, 1200) }
            }
            7..11 => Self::cut(dice, Way::ToServer, 0),
            11..15 => Self::cut(dice, Way::ToServer, 600),
            15..19 => Self::cut(dice, Way::ToClient, 0),
            19..22 => Self::cut(dice, Way::ToClient, 400),
            _ => Self::Pass,
        }
    }

    /// For a stream.
    fn of_a_reader(dice: &mut StdRng) -> Self {
        match dice.random_range(0..100) {
            0..10 => Self::Delay(between(dice, 1, 10)),
            10..30 => Self::Stall {
                way: Way::ToClient,
                every: dice.random_range(20_000..400_000),
                pause: between(dice, 50, 3000),
            },
            30..35 => Self::cut(dice, Way::ToServer, 0),
            35..40 => Self::cut(dice, Way::ToClient, 0),
            40..85 => {
                // Each size as likely as the next: within the head, within a page, far on.
                let most = 1 << dice.random_range(7..20);
                Self::cut(dice, Way::ToClient, most)
            }
            _ => Self::Pass,
        }
    }

    fn cut(dice: &mut StdRng, way: Way, most: usize) -> Self {
        Self::Cut { way, after: dice.random_range(0..=most), reset: dice.random() }
    }
}

/// The proxy; it ends with the test.
pub struct Proxy {
    address: SocketAddr,
    struck: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    clear: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of `server`.
    pub async fn start(server: SocketAddr, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let struck = Arc::default();
        let (clear, weather) = watch::channel(false);
        let link = Link { server, struck: Arc::clone(&struck), weather };
        let accepting = tokio::spawn(async move {
            for number in 0.. {
                let (client, _) = listener.accept().await.expect("a connection");
                let dice = plan.dice(Drawn::Connection, number);
                tokio::spawn(link.clone().carry(client, dice));
            }
        });
        Self { address, struck, clear, accepting }
    }

    /// The address of `path` through it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From here on nothing strikes any more.
    pub fn clear_up(&self) {
        self.clear.send_replace(true);
    }

    /// What struck, and how many connections, in words.
    pub fn struck(&self) -> String {
        let struck = self.struck.lock().unwrap();
        struck.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What every connection is carried by.
#[derive(Clone)]
struct Link {
    server: SocketAddr,
    struck: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    /// Whether it cleared up.
    weather: watch::Receiver<bool>,
}

impl Link {
    /// Carries one connection to whichever end it is meant for.
    async fn carry(self, client: TcpStream, mut dice: StdRng) {
        self.count("in all");
        let mut first = [0];
        if !matches!(client.peek(&mut first).await, Ok(1)) {
            return;
        }
        let fate = match (*self.weather.borrow(), first) {
            (true, _) => Fate::Pass,
            (false, [b'G']) => Fate::of_a_reader(&mut dice),
            (false, _) => Fate::of_a_sender(&mut dice),
        };
        let Ok(server) = self.dial().await else {
            return self.count("found no server");
        };
        client.set_nodelay(true).expect("a socket");
        server.set_nodelay(true).expect("a socket");
        if let Fate::Cut { reset: true, .. } = fate {
            client.set_zero_linger().expect("a socket");
            server.set_zero_linger().expect("a socket");
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // Whichever ends first takes the other with it, as a broken line does.
        tokio::select! {
            () = self.copy(from_client, to_server, Way::ToServer, fate) => {}
            () = self.copy(from_server, to_client, Way::ToClient, fate) => {}
        }
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        // Dialling a port where nobody listens can by chance start from that very port and reach
        // itself. Such a connection is none, and must not keep the server from coming back there.
        socket.set_reuseaddr(true)?;
        let server = socket.connect(self.server).await?;
        if server.local_addr()? == server.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(server)
    }

    /// Carries bytes one way until an end closes or the fate cuts.
    async fn copy(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, here: Way, fate: Fate) {
        let mut buffer = vec![0; 4096];
        let (mut carried, mut since_pause, mut held_back) = (0, 0, false);
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let mut piece = &buffer[..count];
            match fate {
                Fate::Delay(pause) => {
                    // Both ways are: counted on one.
                    if here == Way::ToServer && carried == 0 {
                        self.count("delayed");
                    }
                    self.pause(pause).await;
                }
                Fate::Stall { way, every, pause } if way == here => {
                    since_pause += count;
                    if since_pause >= every {
                        since_pause = 0;
                        if !std::mem::replace(&mut held_back, true) {
                            self.count("stalled");
                        }
                        self.pause(pause).await;
                    }
                }
                Fate::Cut { way, after, .. } if way == here && carried + count > after => {
                    piece = &piece[..after - carried];
                    self.count(match (way, after) {
                        (Way::ToServer, 0) => "cut at once",
                        (Way::ToClient, 0) => "cut before the answer",
                        _ => "cut on the way",
                    });
                }
                _ => {}
            }
            carried += piece.len();
            if to.write_all(piece).await.is_err() || piece.len() < count {
                return;
            }
        }
    }

    async fn pause(&self, pause: Duration) {
        let mut weather = self.weather.clone();
        // Clearing up ends the pause as well.
        let _ = tokio::time::timeout(pause, weather.wait_for(|clear| *clear)).await;
    }

    fn count(&self, what: &'static str) {
        *self.struck.lock().unwrap().entry(what).or_default() += 1;
    }
}
