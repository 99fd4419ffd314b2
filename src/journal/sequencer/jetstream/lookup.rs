//! Keys are looked for in the store together: what has gathered while one reading runs is in the next.

use tokio::sync::{mpsc, oneshot};

use crate::journal::store::{Applied, Lane, Store, Wanted};

/// Keys that are looked for in one reading.
const MAX_BATCH: usize = 256;

/// Where keys are looked for; clones share it.
#[derive(Clone)]
pub(super) struct Lookups(mpsc::Sender<Asked>);

struct Asked {
    wanted: Wanted,
    answer: oneshot::Sender<Option<Applied>>,
}

impl Lookups {
    /// It, and what is to be run for it.
    pub(super) fn new(store: Store) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (sender, asked) = mpsc::channel(super::MAX_PENDING);
        (Self(sender), run(store, asked))
    }

    /// What the store has under a key; `None` where it cannot be read.
    pub(super) async fn find(&self, wanted: Wanted) -> Option<Option<Applied>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Asked { wanted, answer }).await.ok()?;
        answered.await.ok()
    }
}

async fn run(store: Store, mut asked: mpsc::Receiver<Asked>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while asked.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (wanted, answers): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|Asked { wanted, answer }| (wanted, answer)).unzip();
        match store.read(Lane::Keys, move |reader| reader.find(&wanted)).await {
            Ok(found) => {
                for (answer, found) in answers.into_iter().zip(found) {
                    let _ = answer.send(found);
                }
            }
            // Who asked sees its answer dropped.
            Err(why) => tracing::error!(%why, "keys cannot be looked up"),
        }
    }
}
