//! The ways to NATS: an nkey, TLS on both sides, a stream in another domain.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use async_nats::jetstream;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::StatusCode;
use tempfile::TempDir;

use super::becomes;
use crate::{
    client::{Events, Tab, send},
    support::{
        TestApp,
        nats::Nats,
        process::{
            app::{hubbub, run_to_end},
            directory, free_port,
        },
    },
};

/// All that a node does over NATS, seen from the outside.
async fn all_works(flags: &[&str]) {
    let (one, other) = (TestApp::with(flags), TestApp::with(flags));
    let mut events = Events::open(&other, "/rooms/lobby/events", None).await;
    let sent = send(&one, "lobby", "ann", "hi").await;
    assert_eq!(events.message().await, (sent.id, "hi".into()));
    for (app, name) in [(&one, "eve"), (&other, "ida")] {
        Tab::join(app, "lobby", name).await;
        becomes(app, "/readyz/sends", StatusCode::OK).await;
    }
}

/// A start that fails: what it says last.
async fn refused(flags: Vec<String>) -> String {
    let starting = tokio::task::spawn_blocking(move || {
        let home = directory();
        let (status, said) = run_to_end(hubbub(home.path(), "127.0.0.1:0").args(flags));
        assert_eq!(status.code(), Some(2), "{said}");
        said
    });
    let said = starting.await.unwrap();
    said.lines().last().unwrap().to_owned()
}

#[test]
fn a_start_that_finds_no_nats_says_so_at_once_and_again_and_goes_on_when_there_is_one() {
    let Some(mut nats) = Nats::single() else { return };
    nats.kill(0);
    let home = directory();
    let log = home.path().join("log");
    let flags = ["--nats", &nats.urls()];
    let mut start = hubbub(home.path(), "127.0.0.1:0");
    start.args(flags).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
    let mut child = start.spawn().unwrap();
    let said = |count: usize| {
        let begun = Instant::now();
        while fs::read_to_string(&log).unwrap().matches("no NATS server can be used").count()
            < count
        {
            assert!(begun.elapsed() < Duration::from_secs(12), "{count} lines, not in time");
            thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    };
    assert!(said(1) < Duration::from_secs(3), "at once");
    said(2);
    nats.start_again(0);
    let begun = Instant::now();
    while !fs::read_to_string(&log).unwrap().contains("connected to NATS") {
        assert!(begun.elapsed() < Duration::from_secs(12), "it goes on");
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_nkey_a_node_is_let_in_and_with_another_it_is_not() {
    let user = nkeys::KeyPair::new_user();
    let config = format!("authorization {{ users: [{{ nkey: {} }}] }}", user.public_key());
    let Some(nats) = Nats::start(1, &config) else { return };
    let home = directory();
    let seed = |name: &str, user: &nkeys::KeyPair| {
        let file = home.path().join(name);
        fs::write(&file, user.seed().unwrap() + "\n").unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (own, other) = (seed("own", &user), seed("other", &nkeys::KeyPair::new_user()));
    all_works(&["--nats", &nats.urls(), "--nats-nkey", &own]).await;
    let flags = |more: &[&str]| {
        let urls = nats.urls();
        ["--nats", &urls].iter().chain(more).map(ToString::to_string).collect::<Vec<_>>()
    };
    let missing = home.path().join("none");
    let missing = missing.to_str().unwrap();
    for (flags, word) in [
        (flags(&["--nats-nkey", &other]), "authorization violation"),
        (flags(&[]), "authorization violation"),
        (flags(&["--nats-nkey", missing]), "--nats-nkey"),
    ] {
        let said = refused(flags).await;
        assert!(said.starts_with("hubbub: --nats") && said.contains(word), "{said}");
        assert!(!said.contains(&user.seed().unwrap()), "{said}");
    }
}

/// An authority, and what it signed, in files.
struct Signed(TempDir);

impl Signed {
    fn new() -> Self {
        let home = directory();
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().unwrap();
        let signed = Self(home);
        fs::write(signed.file("ca"), root.self_signed(&root_key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(root, root_key);
        for who in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
            let leaf = leaf.signed_by(&key, &issuer).unwrap();
            fs::write(signed.file(who), leaf.pem()).unwrap();
            fs::write(signed.file(&format!("{who}-key")), key.serialize_pem()).unwrap();
        }
        signed
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name).with_extension("pem")
    }

    fn text(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_each_side_shows_the_other_its_certificate() {
    let signed = Signed::new();
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        signed.text("server"),
        signed.text("server-key"),
        signed.text("ca")
    );
    let Some(nats) = Nats::start(1, &config) else { return };
    let url = nats.url(0).replace("nats://", "tls://");
    let (ca, cert, key) = (signed.text("ca"), signed.text("client"), signed.text("client-key"));
    let whole = ["--nats-ca", &ca, "--nats-cert", &cert, "--nats-key", &key];
    let flags = |url| ["--nats", url].into_iter().chain(whole).collect::<Vec<_>>();
    all_works(&flags(&url)).await;
    // TLS is asked for by the flags as well as by the address.
    let app = TestApp::with(&flags(&nats.url(0)));
    send(&app, "lobby", "ann", "hi").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_leaf_node_the_stream_is_had_that_is_in_another_domain() {
    let home = directory();
    let port = free_port().unwrap();
    let store = |domain: &str, more: &str| {
        let store = home.path().join(domain);
        format!(
            "jetstream {{ store_dir: {store:?}, domain: {domain}, sync_interval: always }}\n{more}"
        )
    };
    let leafs = format!("leafnodes {{ listen: \"127.0.0.1:{port}\" }}");
    let Some(hub) = Nats::start(1, &store("hub", &leafs)) else { return };
    let remote = format!("leafnodes {{ remotes: [{{ url: \"nats-leaf://127.0.0.1:{port}\" }}] }}");
    let leaf = Nats::start(1, &store("leaf", &remote)).expect("it was there");
    all_works(&["--nats", &leaf.urls(), "--nats-domain", "hub"]).await;
    let streams = async |nats: &Nats| {
        let client = async_nats::connect(nats.url(0)).await.unwrap();
        jetstream::new(client).get_stream("hubbub").await.is_ok()
    };
    assert!(streams(&hub).await, "it is in the hub");
    assert!(!streams(&leaf).await, "and not in the leaf");
}
