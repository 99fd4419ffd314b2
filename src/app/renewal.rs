//! Several nodes: what is opened beside the data, and what is done where the stream becomes another one.

use std::time::Duration;

use super::{End, Hubbub, Listeners, SERVER, StartError, TaskFailed, with_operator};
use crate::{
    config::Config, journal::Journal, metrics::Metrics, nats::Link, shutdown::Shutdown, web::Secret,
};

/// Between two tries to open a journal again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

impl Hubbub {
    /// Opens one node's part of what the nodes share.
    pub(super) async fn open_shared(
        config: &Config,
        metrics: Metrics,
        link: Option<Link>,
    ) -> Result<Self, StartError> {
        let link = match link {
            Some(link) => link,
            None => Link::open(&config.nats.options()?).await?,
        };
        let opening =
            Journal::open_shared(&config.data, config.retention(), &link, metrics.clone());
        let journal = opening.await?;
        let secret = secret(&journal, &link).await;
        match secret.and_then(|secret| with_operator(&journal, secret, config)) {
            Ok((secret, operator)) => {
                let config = config.clone();
                Ok(Self { journal, secret, operator, metrics, config, link: Some(link) })
            }
            Err(why) => {
                journal.close().await;
                Err(why)
            }
        }
    }

    /// Serves; and where the stream becomes another one, ends all streams, opens the journal anew and
    /// serves again, on the same sockets: readers come back with their cursors, and are told of the
    /// gap.
    pub(super) async fn serve_and_renew(
        self,
        listeners: Listeners,
        shutdown: Shutdown,
    ) -> Result<(), TaskFailed> {
        let mut hubbub = self;
        loop {
            let (config, metrics) = (hubbub.config.clone(), hubbub.metrics.clone());
            let link = hubbub.link.clone();
            let again = listeners.try_clone();
            let again = again.map_err(|why| TaskFailed { task: SERVER, why: why.to_string() })?;
            if hubbub.serve_once(again, shutdown.child()).await? == End::Stopped {
                return Ok(());
            }
            hubbub = loop {
                if shutdown.has_begun() {
                    return Ok(());
                }
                let opening = Self::open_shared(&config, metrics.clone(), link.clone());
                tokio::select! {
                    opened = opening => match opened {
                        Ok(hubbub) => break hubbub,
                        Err(why) => tracing::error!(%why, "the journal cannot be opened anew yet"),
                    },
                    () = shutdown.begun() => return Ok(()),
                }
                tokio::time::sleep(RETRY_INTERVAL).await;
            };
        }
    }
}

/// What signs the tabs' cookies on every node: the first node's own.
async fn secret(journal: &Journal, link: &Link) -> Result<Secret, StartError> {
    let own = Secret::load(journal.path())?;
    let shared = link.secret(own.bytes()).await?;
    Ok(own.shared(&shared)?)
}
