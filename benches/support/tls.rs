//! A load's side of TLS, and the certificate of what is measured: a key of P-256, as authorities
//! certify them, and TLS 1.3.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream as Blocking,
    path::PathBuf,
    sync::Arc,
};

use mio::{event::Source, net::TcpStream};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
    version::TLS13,
};

use super::directory;

/// A certificate for this machine and its key, in files.
pub struct Identity {
    home: TempDir,
    der: CertificateDer<'static>,
}

/// A client that trusts it. It comes back to nobody: each handshake is a full one.
pub struct Client(pub Arc<ClientConfig>);

/// A socket of a load's, which reads without blocking.
pub enum Wire {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Identity {
    pub fn new() -> Self {
        let home = directory();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        // By default a key of P-256.
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names).expect("a certificate");
        fs::write(home.path().join("cert.pem"), cert.pem()).expect("a file");
        fs::write(home.path().join("key.pem"), signing_key.serialize_pem()).expect("a file");
        Self { home, der: cert.der().clone() }
    }

    /// The files of certificate and key.
    pub fn files(&self) -> [PathBuf; 2] {
        ["cert.pem", "key.pem"].map(|name| self.home.path().join(name))
    }

    /// What hubbub is started with.
    pub fn flags(&self) -> [String; 4] {
        let [certificate, key] = self.files().map(|file| file.display().to_string());
        ["--tls-cert".into(), certificate, "--tls-key".into(), key]
    }

    /// A client that speaks this protocol.
    pub fn client(&self, protocol: &str) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[&TLS13]).expect("TLS 1.3");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        config.resumption = Resumption::disabled();
        Client(Arc::new(config))
    }
}

impl Client {
    /// A connection after its handshake.
    pub fn connect(&self, address: &str) -> io::Result<StreamOwned<ClientConnection, Blocking>> {
        let socket = Blocking::connect(address)?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

impl Wire {
    /// Takes a connection over.
    pub fn encrypted(stream: StreamOwned<ClientConnection, Blocking>) -> io::Result<Self> {
        let StreamOwned { conn, sock } = stream;
        sock.set_nonblocking(true)?;
        Ok(Self::Encrypted(Box::new(StreamOwned::new(conn, TcpStream::from_std(sock)))))
    }

    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }

    /// What is waited for.
    pub fn source(&mut self) -> &mut impl Source {
        match self {
            Self::Plain(socket) => socket,
            Self::Encrypted(stream) => &mut stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Encrypted(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}
