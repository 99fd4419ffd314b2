use std::{fmt, str::FromStr, sync::Arc};

/// A sequence number: where an entry stands in the journal. One rising number over all rooms, starting at 1.
/// [`Seq::ZERO`] is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// Before every message.
    pub const ZERO: Self = Self(0);

    /// The seq with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A short random id born with a journal. A restored or replaced journal has the same numbers for
/// other messages; the epoch keeps their ids apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// The epoch of a new journal: 8 characters, 40 random bits.
    #[must_use]
    pub fn fresh() -> Self {
        // Crockford's base 32: no i, l, o or u, which are mistaken for others when read aloud.
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let random: [u8; 8] = rand::random();
        let epoch: String =
            random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
        Self(epoch.into())
    }

    /// The epoch in this string, when it is one: 1 to 32 of `[a-z0-9]`.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let fits = (1..=32).contains(&raw.len())
            && raw.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        fits.then(|| Self(raw.into()))
    }

    /// The epoch's characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The public id of a message, `{epoch}-{seq}`: what `id:` carries on the stream and what a
/// reader comes back with as its cursor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId {
    epoch: Epoch,
    seq: Seq,
}

/// A string that is no [`MessageId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("That is not a message id.")]
pub struct NotAnId;

impl MessageId {
    /// The id of the message at `seq` in the journal that bears `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch, seq: Seq) -> Self {
        Self { epoch, seq }
    }

    /// Whose journal it is from.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Its seq there.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch.0, self.seq)
    }
}

impl FromStr for MessageId {
    type Err = NotAnId;

    /// A number too large to be a seq is taken as the largest: it is from the future either way.
    fn from_str(raw: &str) -> Result<Self, NotAnId> {
        let (epoch, seq) = raw.split_once('-').ok_or(NotAnId)?;
        let epoch = Epoch::parse(epoch).ok_or(NotAnId)?;
        // 32 digits hold any number that anybody means, and bound the work on what nobody does.
        if seq.is_empty() || seq.len() > 32 || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnId);
        }
        Ok(Self { epoch, seq: Seq(seq.parse().unwrap_or(u64::MAX)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself(number: u64) {
            let id = MessageId::new(Epoch::fresh(), Seq::new(number));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn whatever_else_comes_is_refused_or_has_the_shape(raw in "\\PC{0,40}|[a-z0-9]{0,9}-[0-9]{0,40}") {
            if let Ok(id) = raw.parse::<MessageId>() {
                prop_assert_eq!(raw.split_once('-').unwrap().0, id.epoch().as_str());
            }
        }
    }

    #[test]
    fn a_huge_number_is_an_id_from_the_future() {
        let id: MessageId = "k3v9x2mq-99999999999999999999999".parse().unwrap();
        assert_eq!(id.seq(), Seq::new(u64::MAX));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for raw in ["", "-", "abc", "abc-", "-1", "abc--1", "abc-1x", "ABC-1", "a b-1", "abc-+1"] {
            assert_eq!(raw.parse::<MessageId>(), Err(NotAnId), "{raw:?}");
        }
    }
}
