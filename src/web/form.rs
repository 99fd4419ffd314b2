//! Reading what was posted.

use std::time::Duration;

use axum::{
    Form,
    extract::{FromRequest, Request, rejection::FormRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::Error;

/// How long a body may take: the largest one is 2 KB a second, and who trickles it holds no
/// connection for ever.
const TIME: Duration = Duration::from_secs(30);

/// A posted form, with errors that are ours. Fields that are missing are empty: the same sentence
/// answers both.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let form = timeout(TIME, Form::from_request(request, state));
        match form.await.map_err(|_| Error::TooSlow)? {
            Ok(Form(form)) => Ok(Self(form)),
            Err(FormRejection::InvalidFormContentType(_)) => Err(Error::NotAForm),
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Error::TooLarge),
            Err(_) => Err(Error::Invalid("This form cannot be read.".into())),
        }
    }
}
