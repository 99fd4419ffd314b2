//! `DELETE` and `PATCH /rooms/{room}/messages/{id}`: a message is taken back, or gets another text.

use axum::{
    extract::{FromRequest, Request, State},
    http::header,
};

use super::{
    super::{
        body::{Body, MediaType},
        error::{Error, invalid},
        fields::{Fields, Noun},
        json::Json,
        named::Named,
        state::AppState,
    },
    submit::{LOOKS_LIKE_JSON, header_key, once},
};
use crate::{
    journal::Revision,
    message::{Key, Message, Text},
    rooms::Caller,
};

/// What a script says: in a form, or in JSON, or nothing, where its cookie says it all.
pub(crate) struct Said {
    text: Option<String>,
    key: Option<Key>,
}

impl FromRequest<AppState> for Said {
    type Rejection = Error;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Error> {
        let key = header_key(request.headers())?;
        let fields = if request.headers().contains_key(header::CONTENT_TYPE) {
            let taken = [MediaType::Form, MediaType::Json];
            let body = Body::read(request, state, &taken, state.served.max_body).await?;
            body.check_charset()?;
            match body.media_type {
                MediaType::Json => Fields::json(&body.bytes)?,
                _ if body.bytes.trim_ascii_start().starts_with(b"{") => {
                    return Err(Error::Invalid(LOOKS_LIKE_JSON.into()));
                }
                _ => Fields::urlencoded(Noun::Field, &body.bytes),
            }
        } else {
            Fields::urlencoded(Noun::Field, b"")
        };
        fields.only(&["text", "key"], &[])?;
        let key = once("key", [key.as_deref(), fields.get("key")?])?;
        let key = key.map(|key| Key::parse(&key).map_err(invalid)).transpose()?;
        Ok(Self { text: fields.get("text")?.map(ToOwned::to_owned), key })
    }
}

/// Takes it back, and answers with what is left of it.
pub(crate) async fn remove(
    named: Named,
    caller: Caller,
    State(state): State<AppState>,
    said: Said,
) -> Result<Json<Message>, Error> {
    if said.text.is_some() {
        return Err(Error::Invalid("A removal takes no text.".into()));
    }
    named.revise(&state, &caller, said.key, Revision::Remove).await.map(Json)
}

/// Gives it another text, and answers with the message.
pub(crate) async fn edit(
    named: Named,
    caller: Caller,
    State(state): State<AppState>,
    said: Said,
) -> Result<Json<Message>, Error> {
    let text = said.text.ok_or(Noun::Field.missing("text"))?;
    let text = Text::parse(&text).map_err(invalid)?;
    named.revise(&state, &caller, said.key, Revision::Edit(text)).await.map(Json)
}
