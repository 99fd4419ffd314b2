use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use super::super::store::Writer;
use crate::message;

/// Whether drafts can be stored. The log has one line each time that this changes, however many
/// drafts were refused in between.
#[derive(Clone)]
pub(super) struct Health(Arc<AtomicBool>);

impl Health {
    /// They can.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(super) fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Something was stored, or could have been.
    pub(super) fn recover(&self) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::info!("the journal can be written again");
        }
    }

    /// Something could not.
    pub(super) fn fail(&self, why: &dyn Display) {
        if self.0.swap(false, Ordering::Relaxed) {
            tracing::error!(%why, "the journal cannot be written; sends are refused");
        }
    }

    /// Does a little of what is to be done beside the sends, or tries a disk that had failed; answers
    /// whether there is more of it.
    pub(super) fn tend(&self, writer: &mut Writer) -> bool {
        let outcome = if self.is_good() {
            writer.tend(message::now(), Instant::now())
        } else {
            writer.probe().map(|()| false)
        };
        match outcome {
            Ok(more) => {
                self.recover();
                more
            }
            Err(why) => {
                self.fail(&why);
                false
            }
        }
    }

    /// Nothing is stored any more, and whoever ends it says so.
    fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Dropped, also by a panic, it says that nothing is written any more.
pub(super) struct Running(pub(super) Health);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end();
    }
}
