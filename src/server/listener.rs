//! Where connections come from: an address of the network, a socket in the file system, or what a
//! service manager opened.

use std::{
    fmt::{self, Display},
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream as StdUnixStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(feature = "nats")]
use std::os::{fd::AsFd as _, unix::net::UnixListener as StdUnixListener};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::{socket::Socket, tls::Tls};

/// Connections that the kernel completes before they are accepted: what a room of thousands asks
/// for at once after a restart. Linux caps it at its own `somaxconn`, 4,096 by default.
const LISTEN_BACKLOG: u32 = 4096;

/// Who asks through a socket in the file system: it is on this machine, most likely a proxy.
pub(super) const UNIX_PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address of the network; port 0 picks a free one.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that listens, and whether what comes is encrypted.
pub struct Listener {
    socket: Listening,
    tls: Option<Tls>,
}

enum Listening {
    Tcp(TcpListener),
    /// The file goes with the listener, where it made that.
    Unix(UnixListener, Arc<SocketFile>),
}

/// A socket's file; removed when dropped, if it is ours.
struct SocketFile {
    path: PathBuf,
    is_ours: bool,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Listens on an address; a socket's file gets the permissions `mode`.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn bind(address: &Address, mode: u32) -> io::Result<Self> {
        let socket = match address {
            Address::Tcp(address) => Listening::Tcp(bind_tcp(*address)?),
            Address::Unix(path) => bind_unix(path, mode)?,
        };
        Ok(Self { socket, tls: None })
    }

    /// One that a service manager has opened.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn tcp(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Listening::Tcp(TcpListener::from_std(socket)?), tls: None })
    }

    /// One that a service manager has opened, in the file system.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let path = socket.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        let file = Arc::new(SocketFile { path, is_ours: false });
        Ok(Self { socket: Listening::Unix(UnixListener::from_std(socket)?, file), tls: None })
    }

    /// The same socket once more.
    ///
    /// # Errors
    ///
    /// The operating system's.
    #[cfg(feature = "nats")]
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Listening::Tcp(socket) => {
                let socket = std::net::TcpListener::from(socket.as_fd().try_clone_to_owned()?);
                Listening::Tcp(TcpListener::from_std(socket)?)
            }
            Listening::Unix(socket, file) => {
                let socket = StdUnixListener::from(socket.as_fd().try_clone_to_owned()?);
                Listening::Unix(UnixListener::from_std(socket)?, Arc::clone(file))
            }
        };
        Ok(Self { socket, tls: self.tls.clone() })
    }

    /// With TLS on what comes from the network.
    #[must_use]
    pub fn with_tls(self, tls: &Tls) -> Self {
        let tls = matches!(self.socket, Listening::Tcp(_)).then(|| tls.clone());
        Self { tls, ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn address(&self) -> io::Result<Address> {
        match &self.socket {
            Listening::Tcp(socket) => socket.local_addr().map(Address::Tcp),
            Listening::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
        }
    }

    /// Its address in the network, if it has one.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Listening::Tcp(socket) => socket.local_addr().ok(),
            Listening::Unix(..) => None,
        }
    }

    /// Whether only this machine reaches it. A socket of the file system is not known to be so: through
    /// it comes what a proxy brings.
    pub(super) fn is_local(&self) -> bool {
        self.tcp_address().is_some_and(|address| address.ip().to_canonical().is_loopback())
    }

    /// What is encrypted here, and how.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Where it is reached: `https://127.0.0.1:3000` or `unix:/run/hubbub.sock`.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn url(&self) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(match self.address()? {
            Address::Tcp(address) => format!("{scheme}://{address}"),
            path @ Address::Unix(_) => path.to_string(),
        })
    }

    /// The next connection, and who is at its other end.
    pub(super) async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        match &self.socket {
            Listening::Tcp(socket) => {
                let (socket, peer) = socket.accept().await?;
                Ok((Socket::Tcp(socket), peer))
            }
            Listening::Unix(socket, _) => {
                let (socket, _) = socket.accept().await?;
                Ok((Socket::Unix(socket), UNIX_PEER))
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let every = address.ip() == Ipv6Addr::UNSPECIFIED;
    match bind_one(address) {
        // A machine may have no IPv6 at all.
        Err(_) if every && bind_one((Ipv6Addr::LOCALHOST, 0).into()).is_err() => {
            bind_one((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // Whatever the system's default is: who listens everywhere is reached by IPv4 as well.
        SockRef::from(&socket).set_only_v6(false)?;
    }
    // A restart can bind the port while connections of the process before linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<Listening> {
    // A file that a process before left, which nobody listens on, would be in the way for ever.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    if is_socket {
        match StdUnixStream::connect(path) {
            Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let socket = UnixListener::bind(path)?;
    let file = Arc::new(SocketFile { path: path.to_owned(), is_ours: true });
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(Listening::Unix(socket, file))
}

#[cfg(test)]
impl Listener {
    /// On a free port of this machine.
    pub(super) fn here() -> (Self, SocketAddr) {
        let any = Address::Tcp((Ipv4Addr::LOCALHOST, 0).into());
        let listener = Self::bind(&any, 0).unwrap();
        let address = listener.tcp_address().unwrap();
        (listener, address)
    }

    /// What it listens with.
    pub(super) fn tcp_socket(&self) -> &TcpListener {
        match &self.socket {
            Listening::Tcp(socket) => socket,
            Listening::Unix(..) => panic!("it is in the file system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_in_the_file_system_has_its_mode_takes_a_dead_ones_place_and_goes_in_the_end()
    {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("hubbub.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "it was left");
        let address = Address::Unix(path.clone());
        let listener = Listener::bind(&address, 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let other = Listener::bind(&address, 0o600).err().map(|why| why.kind());
        assert_eq!(other, Some(io::ErrorKind::AddrInUse), "it is listened on");
        let _client = StdUnixStream::connect(&path).unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert!(peer.ip().is_loopback());
        assert_eq!(listener.url().unwrap(), format!("unix:{}", path.display()));
        drop(listener);
        assert!(!path.exists());
    }
}
