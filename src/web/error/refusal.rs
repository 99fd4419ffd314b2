//! What the rules refuse, as an error.

use super::Error;
use crate::{
    journal::AppendError,
    rooms::{Denied, Refusal},
    view,
};

impl From<Refusal> for Error {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::TooMany(wait) => Self::TooMany(wait),
            Refusal::Full(wait) => Self::Full(wait),
            Refusal::NameTaken(_) => Self::NameTaken,
            Refusal::Behind => Self::Behind,
            Refusal::Apart(why) => Self::Apart(why.to_string().into()),
            Refusal::Lapsed(_) => Self::NotJoined,
            Refusal::Denied(why) => denied(&why),
            Refusal::Exists => {
                Self::Conflict("There is such a room already. Choose another name.".to_owned())
            }
            Refusal::TooManyLinks => Self::Conflict(
                "This room has 100 links. Take one back before you give another.".to_owned(),
            ),
            Refusal::NoSuchLink => {
                Self::Nothing("This room has no such link; it may have been taken back.".to_owned())
            }
            Refusal::NoSuchBan => Self::Nothing("There is no such ban; it may be over.".to_owned()),
            Refusal::TooWide => Self::Invalid(
                "A moderator bans for 720 hours at most, and no network beyond a /24, or a /48 of IPv6: \
                 the operator can ban more."
                    .to_owned(),
            ),
            Refusal::TooManyBans => Self::Conflict(
                "This room has 1000 bans. Lift one before you make another.".to_owned(),
            ),
            Refusal::NotProven => Self::Conflict(
                "This name is not proven: anybody can take another. Ban the browser or the address."
                    .to_owned(),
            ),
            Refusal::NotKnown => Self::Conflict(
                "Who sent this cannot be told any more: a program did, or it is too long ago. An \
                 address can be named instead."
                    .to_owned(),
            ),
            Refusal::NotAuthor => Self::NotAuthor,
            Refusal::TooLate => Self::TooLate,
            Refusal::NoMessage => Self::NoMessage,
            Refusal::Removed => Self::Removed,
            Refusal::Append(AppendError::KeyReused) => Self::KeyReused,
            Refusal::NotYet => Self::NotYet,
            Refusal::Append(why) if why.is_unsure() => Self::Unsure(why.to_string().into()),
            Refusal::Append(why) => Self::Unavailable(why.to_string().into()),
            Refusal::Read(why) => Self::internal(&why),
        }
    }
}

/// What a rule forbids, in words for whom it does.
fn denied(why: &Denied) -> Error {
    let (sentence, wait) = match why {
        // As for every address that is none.
        Denied::Hidden => return Error::NotFound,
        Denied::NotModerator => ("Only who moderates this room may do that.".to_owned(), None),
        Denied::NotHost => ("Only a host of this room may do that.".to_owned(), None),
        Denied::NotOperator => ("Only the operator may do that.".to_owned(), None),
        Denied::Banned(ban) => {
            let until = view::when::whole(ban.until);
            let place = if ban.room.is_some() { "this room" } else { "all rooms" };
            let reason = if ban.reason.is_empty() { "no reason was given" } else { &ban.reason };
            (format!("You are banned from {place} until {until}: {reason}"), None)
        }
        Denied::ReadOnly => ("Your link is for reading only.".to_owned(), None),
        Denied::Locked => ("Only moderators can send here right now.".to_owned(), None),
        Denied::Slow { wait, every } => (
            format!(
                "Slow mode: one message in {} s. You can send again in {} s.",
                every.as_secs(),
                wait.as_secs() + 1
            ),
            Some(*wait),
        ),
        Denied::TooNew { wait, after } => (
            format!(
                "Newcomers can send {} min after joining: you in {} min.",
                after.as_secs() / 60,
                wait.as_secs().div_ceil(60).max(1)
            ),
            Some(*wait),
        ),
        Denied::NotJoined => {
            ("Newcomers wait here, so only who has joined in a browser can send.".to_owned(), None)
        }
    };
    Error::Denied(sentence, wait)
}
