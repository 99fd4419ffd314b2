//! Under which name somebody joins or sends, and whether it is proven.

use super::{
    error::{Error, invalid},
    session::{NameSecret, Secret},
    user::User,
};
use crate::message::{InvalidName, Name};

/// A script, or a form, says another name than the proxy does.
const OTHER_NAME: &str = "Your name comes from the proxy that signed you in, and this is another. \
     Leave the name out.";

/// A secret where names need none.
const NO_SECRET: &str = "Your name comes from the proxy that signed you in, and a secret adds nothing to it. Leave the \
     secret out.";

/// The name of who asks: what the proxy says, or else `username`, with the mark that `secret` gives it.
///
/// # Errors
///
/// A sentence on what cannot be taken, which repeats none of it; `missing` where there is no name.
pub(super) fn name(
    server: &Secret,
    user: &User,
    username: Option<&str>,
    secret: &str,
    missing: impl FnOnce() -> Error,
) -> Result<Name, Error> {
    let secret = NameSecret::parse(secret).map_err(invalid)?;
    if let Some(user) = &user.0 {
        let said = username.map(Name::parse).transpose().map_err(invalid)?;
        return match said {
            Some(other) if other.as_str() != user.as_str() => {
                Err(Error::Invalid(OTHER_NAME.into()))
            }
            _ if secret.is_some() => Err(Error::Invalid(NO_SECRET.into())),
            _ => Ok(user.clone()),
        };
    }
    let name = Name::parse(username.ok_or_else(missing)?).map_err(invalid)?;
    Ok(match secret {
        Some(secret) => name.marked(&server.mark(&name, &secret)),
        None => name,
    })
}

/// What of an entered name may stand in a form again: of one with a secret behind a `#`, what stands
/// before that.
pub(super) fn shown_again(entered: &str) -> &str {
    match Name::parse(entered) {
        Err(InvalidName::Secret) => Name::before_hash(entered),
        _ => entered,
    }
}
