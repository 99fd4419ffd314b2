use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

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

    /// Nothing is stored any more, and whoever ends it says so.
    pub(super) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
