//! Certificates of a test's own, and a client's side of TLS and HTTP/2.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, generate_simple_self_signed,
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::{Server, process::directory, soon};

/// An authority's certificate, one that it signed, and the key of that.
const FILES: [&str; 3] = ["root.pem", "cert.pem", "key.pem"];

/// A certificate for this machine and its key, in files.
pub struct Identity {
    home: TempDir,
}

impl Identity {
    /// A new one.
    pub fn new() -> Self {
        let identity = Self { home: directory() };
        identity.replace();
        identity
    }

    /// One that an authority has signed which nobody knows who was not told.
    pub fn of_an_authority() -> Self {
        let identity = Self { home: directory() };
        for (name, text) in FILES.into_iter().zip(certified()) {
            identity.put(name, &text);
        }
        identity
    }

    /// Puts a new certificate and a new key in the place of the ones before, each in one step.
    pub fn replace(&self) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        self.put("key.pem", &signing_key.serialize_pem());
        self.put("cert.pem", &cert.pem());
    }

    /// Writes one of the files.
    pub fn put(&self, name: &str, text: &str) {
        let new = self.home.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.home.path().join(name)).unwrap();
    }

    /// The file of the certificate, or of its authority's, for clients that trust it.
    pub fn certificate(&self) -> PathBuf {
        let [root, certificate, _] = FILES.map(|name| self.home.path().join(name));
        if root.exists() { root } else { certificate }
    }

    /// What hubbub is started with.
    pub fn flags(&self) -> [String; 4] {
        let path = |name: &str| self.home.path().join(name).to_str().unwrap().to_owned();
        ["--tls-cert".into(), path("cert.pem"), "--tls-key".into(), path("key.pem")]
    }

    /// As it is in the file.
    pub fn shown(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.certificate()).unwrap()
    }

    /// A client that trusts it and speaks this protocol.
    fn connector(&self, protocol: &str) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.shown()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        TlsConnector::from(Arc::new(config))
    }

    /// A connection on which `protocol` is spoken, where the server shows this certificate.
    pub async fn try_connect(
        &self,
        app: &impl Server,
        protocol: &str,
    ) -> Option<TlsStream<TcpStream>> {
        let address: SocketAddr = app.address().parse().unwrap();
        let socket = TcpStream::connect(address).await.ok()?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = soon("a handshake", self.connector(protocol).connect(name, socket));
        let stream = stream.await.ok()?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        Some(stream)
    }

    /// The same; fails the test where there is none.
    pub async fn connect(&self, app: &impl Server, protocol: &str) -> TlsStream<TcpStream> {
        self.try_connect(app, protocol).await.expect("a connection")
    }

    /// A connection of HTTP/2.
    pub async fn http_2(&self, app: &impl Server) -> SendRequest<Bytes> {
        let socket = self.connect(app, "h2").await;
        let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        tokio::spawn(connection);
        client
    }
}

/// Says something in the lobby over HTTP/2.
pub async fn say(identity: &Identity, app: &impl Server, text: &str) {
    let mut client = identity.http_2(app).await;
    let request = axum::http::Request::post("https://localhost/rooms/lobby/messages")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(())
        .unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    let text = utf8_percent_encode(text, NON_ALPHANUMERIC);
    body.send_data(format!("username=ann&text={text}").into(), true).unwrap();
    assert_eq!(soon("an answer", answer).await.unwrap().status(), 201);
}

/// The certificate of an authority, one for this machine that it signed, and the key of that, in PEM.
pub fn certified() -> [String; 3] {
    let mut root = CertificateParams::default();
    root.distinguished_name = DistinguishedName::new();
    root.distinguished_name.push(DnType::CommonName, "an authority of a test's");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root_key = KeyPair::generate().unwrap();
    let root_text = root.self_signed(&root_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let mut leaf =
        CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    // Python takes none without.
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &Issuer::new(root, root_key)).unwrap();
    [root_text, leaf.pem(), key.serialize_pem()]
}

/// The body of an answer over HTTP/2, which must be a success.
pub async fn get(client: &mut SendRequest<Bytes>, path: &str) -> Body {
    let request = axum::http::Request::get(format!("https://localhost{path}")).body(()).unwrap();
    let mut ready = client.clone().ready().await.expect("it is open");
    let (answer, _) = ready.send_request(request, true).expect("it is open");
    let answer = soon("an answer", answer).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    Body { body: answer.into_body(), read: String::new() }
}

/// A body that is read as it comes.
pub struct Body {
    body: RecvStream,
    pub read: String,
}

impl Body {
    /// Reads until `end` has come; fails where the stream ends before.
    pub async fn until(&mut self, end: &str) {
        while !self.read.contains(end) {
            assert!(soon(end, self.next()).await, "no {end:?}: {}", self.read);
        }
    }

    /// Reads to the end, clean or not.
    pub async fn rest(mut self) -> String {
        while soon("the end", self.next()).await {}
        self.read
    }

    /// Reads on; `false` where it has ended.
    pub async fn next(&mut self) -> bool {
        let Some(Ok(piece)) = self.body.data().await else { return false };
        let _ = self.body.flow_control().release_capacity(piece.len());
        self.read.push_str(str::from_utf8(&piece).expect("whole frames"));
        true
    }
}
