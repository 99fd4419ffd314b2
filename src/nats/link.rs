//! One connection, which finds its way to another server by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, Request, ServerAddr,
    jetstream::{self, Context},
};
use bytes::Bytes;

use super::{
    Ack, LinkError, Options, Refused, ack,
    options::{Login, is_stream_name},
};

/// How long a start looks for a server: the three of a cluster may be started with it.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two lines of the log of a start that finds none.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(5);

/// Between two looks of a start.
const START_INTERVAL: Duration = Duration::from_millis(250);

/// How long a server may take to say anything at all.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a connection is tried whether it lives. A dead one is given up after three.
const PING_INTERVAL: Duration = Duration::from_secs(3);

/// Messages that may wait in one subscription: more than the 32 MB that a server sends ahead of flow
/// control hold of the smallest. Beyond it the client drops what comes.
const SUBSCRIPTION_CAPACITY: usize = 1 << 19;

/// A connection to NATS; clones share it.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    context: Context,
    options: Options,
    addresses: Vec<ServerAddr>,
    /// Where in them the next try begins, where it cannot be told which one is connected.
    next: AtomicUsize,
}

impl Link {
    /// Connects to one of the servers, and waits for one for a while.
    ///
    /// # Errors
    ///
    /// [`LinkError`], in one line for the operator.
    pub(crate) async fn open(options: &Options) -> Result<Self, LinkError> {
        let stream = &options.stream;
        if !is_stream_name(stream) {
            let why = format!(
                "{stream:?} is no name; letters, digits, - and _ make one, that ends in none of -acme, -names and -secret"
            );
            return Err(LinkError::Flag { flag: "--nats-stream", why });
        }
        let parsed = options.servers.parse()?;
        let addresses = parsed.addresses.iter().map(|address| address.parse());
        let addresses: Vec<ServerAddr> =
            addresses.collect::<Result<_, _>>().map_err(|why: std::io::Error| LinkError::Flag {
                flag: "--nats",
                why: why.to_string(),
            })?;
        let begun = Instant::now();
        let mut complained: Option<Instant> = None;
        let client = loop {
            let connecting = connect_options(options, &parsed.login, parsed.tls)?;
            let why = match connecting.connect(&addresses[..]).await {
                Ok(client) => break client,
                Err(why) => why,
            };
            let refused = matches!(
                why.kind(),
                ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
            );
            if refused || begun.elapsed() > START_TIMEOUT {
                let servers = options.servers.to_string();
                let seconds = begun.elapsed().as_secs();
                return Err(LinkError::Unreachable { servers, seconds, why: why.to_string() });
            }
            if complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
                complained = Some(Instant::now());
                let (servers, why) = (options.servers.to_string(), why.to_string());
                let left_s = START_TIMEOUT.saturating_sub(begun.elapsed()).as_secs();
                tracing::warn!(servers, why, left_s, "no NATS server can be used yet");
            }
            tokio::time::sleep(START_INTERVAL).await;
        };
        let info = client.server_info();
        check_version(&info.version)?;
        let context = jetstream::ContextBuilder::new().timeout(ANSWER_TIMEOUT);
        let context = match &options.domain {
            None => context.build(client.clone()),
            Some(domain) => context.domain(domain).timeout(ANSWER_TIMEOUT).build(client.clone()),
        };
        tracing::info!(server = info.server_name, version = info.version, "connected to NATS");
        let (options, next) = (options.clone(), AtomicUsize::new(1));
        Ok(Self(Arc::new(Inner { client, context, options, addresses, next })))
    }

    /// The client, for what is said without being kept.
    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// Streams.
    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// A subject of this installation's.
    pub(crate) fn subject(&self, rest: &str) -> String {
        format!("{}.{rest}", self.0.options.stream)
    }

    /// Whether a server is connected now.
    pub(crate) fn is_connected(&self) -> bool {
        self.0.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Publishes to a stream, and waits for its word, [`ANSWER_TIMEOUT`] at most.
    ///
    /// # Errors
    ///
    /// [`Refused`]. Whatever its reason, the stream may have it, unless the reason is the stream's.
    pub(crate) async fn put(
        &self,
        stream: &str,
        subject: String,
        mut headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Ack, Refused> {
        headers.insert(async_nats::header::NATS_EXPECTED_STREAM, stream);
        let request =
            Request::new().headers(headers).payload(payload).timeout(Some(ANSWER_TIMEOUT));
        let answer = self.0.client.send_request(subject, request).await;
        let answer = answer.map_err(|why| Refused::own(&why))?;
        ack::parse(&answer.payload, stream, self.0.options.domain.as_deref())
    }

    /// Says something that nothing keeps.
    ///
    /// # Errors
    ///
    /// Where it cannot even be queued.
    pub(crate) async fn say(&self, subject: String, payload: Bytes) -> Result<(), Refused> {
        self.0.client.publish(subject, payload).await.map_err(|why| Refused::own(&why))
    }

    /// Waits until all that was said is on its way.
    ///
    /// # Errors
    ///
    /// Where it cannot be.
    pub(crate) async fn flush(&self) -> Result<(), Refused> {
        self.0.client.flush().await.map_err(|why| Refused::own(&why))
    }

    /// Leaves this server for another of the list: it may be cut off from the others.
    pub(crate) async fn try_another(&self) {
        let connected = self.0.client.server_info();
        let (host, port) = (connected.host, connected.port);
        tracing::warn!(
            server = connected.server_name,
            "no answer from the stream; trying another server"
        );
        let mut pool = self.0.addresses.clone();
        if let Some(at) = pool.iter().position(|one| one.host() == host && one.port() == port) {
            pool.rotate_left(at + 1);
        } else {
            // It calls itself otherwise than we call it. By turns, each is come to.
            let at = self.0.next.fetch_add(1, Ordering::Relaxed) % pool.len();
            pool.rotate_left(at);
        }
        let _ = self.0.client.set_server_pool(&pool[..]).await;
        let _ = self.0.client.force_reconnect().await;
    }
}

fn connect_options(
    options: &Options,
    login: &Login,
    tls: bool,
) -> Result<ConnectOptions, LinkError> {
    let flag = |flag| move |why: std::io::Error| LinkError::Flag { flag, why: why.to_string() };
    let mut connect = ConnectOptions::new()
        .name("hubbub")
        .retain_servers_order()
        .ping_interval(PING_INTERVAL)
        .connection_timeout(ANSWER_TIMEOUT)
        .request_timeout(Some(ANSWER_TIMEOUT))
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .custom_inbox_prefix(format!("_INBOX.{}", options.stream))
        .max_reconnects(None)
        .reconnect_delay_callback(|tries| Duration::from_millis(50 * tries.min(10) as u64))
        .event_callback(|event| async move { log(&event) });
    connect = match login {
        Login::None => connect,
        Login::Password { user, password } => {
            connect.user_and_password(user.clone(), password.clone())
        }
        Login::Token(token) => connect.token(token.clone()),
    };
    if let Some(file) = &options.creds {
        let creds = std::fs::read_to_string(file).map_err(flag("--nats-creds"))?;
        connect = connect.credentials(&creds).map_err(flag("--nats-creds"))?;
    }
    if let Some(file) = &options.nkey {
        let seed = std::fs::read_to_string(file).map_err(flag("--nats-nkey"))?;
        connect = connect.nkey(seed.trim().to_owned());
    }
    if let Some(file) = &options.ca {
        std::fs::metadata(file).map_err(flag("--nats-ca"))?;
        connect = connect.add_root_certificates(file.clone());
    }
    if let Some((cert, key)) = &options.identity {
        std::fs::metadata(cert).map_err(flag("--nats-cert"))?;
        std::fs::metadata(key).map_err(flag("--nats-key"))?;
        connect = connect.add_client_certificate(cert.clone(), key.clone());
    }
    if tls || options.ca.is_some() || options.identity.is_some() {
        connect = connect.require_tls(true);
    }
    Ok(connect)
}

fn log(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => tracing::warn!("disconnected from NATS"),
        Event::ServerError(why) => tracing::warn!(%why, "NATS says"),
        Event::ClientError(why) => tracing::warn!(%why, "the NATS client says"),
        event => tracing::debug!(%event, "NATS"),
    }
}

/// Refuses what lacks a message's time to live, and warns of what syncs slowly.
fn check_version(version: &str) -> Result<(), LinkError> {
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u64>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < (2, 11) {
        return Err(LinkError::TooOld { found: version.to_owned() });
    }
    if found < (2, 15) {
        tracing::warn!(
            version,
            "before nats-server 2.15, sync_interval: always is nine times slower"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_named_by_its_version() {
        for version in ["2.11.0", "2.15.1", "2.12.0-RC.1", "3.0.0"] {
            assert!(check_version(version).is_ok(), "{version}");
        }
        for version in ["2.9.10", "2.10.29", "1.4.1", "", "what"] {
            let why = check_version(version).unwrap_err().to_string();
            assert!(why.contains(version) && why.contains("too old"), "{why}");
        }
    }
}
