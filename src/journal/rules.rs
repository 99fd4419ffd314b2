//! Rules: put into the journal, and held in memory.

use super::{
    AppendError, Journal, OpenError, ReadError, Rulebook, Ruled, store::Lane, store::Writer,
};
use crate::message::{Logged, Ruling, Seq};

/// The rules that hold in what a writer has open.
pub(super) fn read(writer: &Writer) -> Result<Rulebook, OpenError> {
    let rules = writer.rules().map_err(|why| OpenError::sqlite(writer.path(), why))?;
    Ok(Rulebook::new(rules))
}

impl Journal {
    /// The rules that hold.
    pub(crate) fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// Puts a ruling, and answers once it is durable and holds here; where something is `expected` under
    /// its key (nothing, for [`Seq::ZERO`]), only where that stands there.
    ///
    /// # Errors
    ///
    /// [`AppendError`], and [`AppendError::Busy`] where there are as many rules as there may be.
    pub(crate) async fn rule(
        &self,
        ruling: Ruling,
        expected: Option<Seq>,
    ) -> Result<Ruled, AppendError> {
        if ruling.rule.is_some() && !self.rulebook.has_room_for(&ruling.key) {
            return Err(AppendError::Busy);
        }
        self.sequencer.rule(ruling, expected).await
    }

    /// Up to `limit` lines of what was done, before a place or the newest, newest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn log(
        &self,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Logged>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.log(before, limit)).await
    }
}
