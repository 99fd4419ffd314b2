//! What a page's form posts.

use axum::extract::{FromRequest, Request};

use super::{
    body::{Body, MediaType},
    error::Error,
    fields::{Fields, Noun},
    state::AppState,
};

/// A posted form of a page. What is wrong with its fields is known when they are asked for, so that
/// the page can be shown again with what was entered.
///
/// Fields that are missing are empty: the same sentence answers both. Others than those asked for
/// are passed over, since browsers' extensions add some.
pub(super) struct PageForm {
    body: Body,
    fields: Fields,
}

impl PageForm {
    fn of(body: Body) -> Self {
        let fields = Fields::urlencoded(Noun::Field, &body.bytes);
        Self { body, fields }
    }

    /// The value of a field.
    ///
    /// # Errors
    ///
    /// Where it is not UTF-8, or came twice.
    pub(super) fn field(&self, name: &str) -> Result<&str, Error> {
        self.body.check_charset()?;
        Ok(self.fields.get(name)?.unwrap_or_default())
    }

    /// What was entered, as far as it can be shown again.
    pub(super) fn entered(&self, name: &str) -> &str {
        self.fields.draft(name)
    }

    /// A form as a browser posts it.
    #[cfg(test)]
    pub(super) fn posted(body: &'static str) -> Self {
        let media_type = MediaType::Form;
        Self::of(Body { media_type, foreign_charset: false, bytes: body.into() })
    }
}

impl FromRequest<AppState> for PageForm {
    type Rejection = Error;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Error> {
        let max_body = state.served.max_body;
        Body::read(request, state, &[MediaType::Form], max_body).await.map(Self::of)
    }
}
