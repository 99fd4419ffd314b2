//! What a node does with its store before it follows the stream: goes on, or begins anew.

use std::time::{Duration, Instant};

use super::{
    super::local::Mark,
    Prepared,
    engine::{self, Newest, Seen},
    stream::{self, Opened},
};
use crate::{
    journal::{
        Retention,
        store::{OpenError, Standing, WriteError, Writer},
    },
    message::{Epoch, Seq},
    nats::Link,
};

/// How long a start tries to settle which stream it is.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two tries.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// What a store holds, as it was left.
struct Left {
    /// `None` where there is none that can be gone on with.
    epoch: Option<Epoch>,
    last: Seq,
    /// `None` where it is of a node that was alone.
    standing: Option<Standing>,
    newest: Newest,
}

/// Looks at the stream, and has the store begin anew where it is another stream's, or misses what the
/// stream has no more.
///
/// A node that was alone, and now makes the stream, goes on there with its journal. Copies of that
/// journal, and of a node's, go on as well.
pub(crate) async fn prepare(
    link: &Link,
    mut writer: Writer,
    retention: Retention,
) -> Result<Prepared, OpenError> {
    let left = look_back(&mut writer)?;
    let opened = settle(link, retention, &left).await?;
    let path = writer.path().to_owned();
    let sqlite = |why| OpenError::sqlite(&path, why);
    let same = left.epoch.as_ref() == Some(&opened.epoch);
    let standing = match left.standing {
        None if same => {
            writer.put_rules_again().map_err(sqlite)?;
            Standing { filled: left.last, ..Standing::default() }
        }
        Some(standing) if same && !standing.anew && left.last >= standing.filled => standing,
        _ => {
            if !same && left.last > Seq::ZERO {
                let epoch = left.epoch.clone().unwrap_or_else(Epoch::fresh);
                let aside = writer.set_aside(&epoch)?;
                tracing::warn!(
                    aside = %aside.display(),
                    "what is here is of another journal than the stream; it is put aside"
                );
            }
            let begun = writer.begin_anew(opened.last, same);
            begun.map_err(|why| match why {
                WriteError::Sqlite(why) => sqlite(why),
                why @ WriteError::Displaced(_) => OpenError::io(&path, std::io::Error::other(why)),
            })?;
            writer.set_epoch(&opened.epoch).map_err(sqlite)?;
            let standing = Standing { filled: opened.last, ..Standing::default() };
            let (link, newest) = (link.clone(), Newest::default());
            return Ok(Prepared { link, writer, retention, opened, standing, newest });
        }
    };
    writer.set_standing(standing).map_err(sqlite)?;
    let (link, newest) = (link.clone(), left.newest);
    Ok(Prepared { link, writer, retention, opened, standing, newest })
}

/// What the store holds. From now on it vouches for nothing by itself: opened without NATS again, it
/// is another journal.
fn look_back(writer: &mut Writer) -> Result<Left, OpenError> {
    let path = writer.path().to_owned();
    let sqlite = |why| OpenError::sqlite(&path, why);
    let io = |why| OpenError::io(&path, why);
    writer.follow().map_err(sqlite)?;
    let last = writer.last().map_err(sqlite)?;
    let standing = writer.standing().map_err(sqlite)?;
    let mut epoch = writer.epoch().map_err(sqlite)?;
    let mut mark = Mark::new(writer.lock().mark().try_clone().map_err(io)?);
    if standing.is_none() && epoch.as_ref().is_some_and(|epoch| !mark.vouches_for(epoch, last)) {
        let fresh = Epoch::fresh();
        writer.set_epoch(&fresh).map_err(sqlite)?;
        epoch = Some(fresh);
    }
    mark.forget().map_err(io)?;
    let newest = Newest { seq: last, keyed: writer.newest_key().map_err(sqlite)? };
    Ok(Left { epoch, last, standing, newest })
}

/// The stream; with a new epoch, where it is not the one any more that the store has followed.
async fn settle(link: &Link, retention: Retention, left: &Left) -> Result<Opened, OpenError> {
    let alone = left.standing.is_none() && left.last > Seq::ZERO;
    let own = left.epoch.clone().filter(|_| alone).map(|epoch| (epoch, left.last));
    let begun = Instant::now();
    loop {
        let opened = stream::open(link, retention, own.clone()).await?;
        if left.epoch.as_ref() != Some(&opened.epoch) {
            return Ok(opened);
        }
        let (_, newest) = tokio::sync::watch::channel(left.newest.clone());
        match engine::identity(link, &opened, newest).look().await {
            Seen::Same(_) => return Ok(opened),
            Seen::Another(why) => tracing::warn!(why, "the stream is another one"),
            Seen::Missing | Seen::Purged | Seen::Unsure(_) if begun.elapsed() > SETTLE_TIMEOUT => {
                let stream = link.options().stream.clone();
                let why = "it does not answer".to_owned();
                return Err(crate::nats::LinkError::Stream { stream, why }.into());
            }
            Seen::Missing | Seen::Purged | Seen::Unsure(_) => {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }
}
