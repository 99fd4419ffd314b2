//! HTTP: what is asked for is parsed, handed to [`rooms`](crate::rooms), and the answer rendered.
//!
//! `routes` is the table of URLs; `pages` answers people in HTML, `api` answers scripts; `respond`
//! is what every answer has in common. `redirect` is what plain HTTP is answered with beside HTTPS.

mod api;
mod assets;
mod authorization;
mod base;
mod body;
mod cache;
mod claim;
mod client_ip;
mod credentials;
mod error;
mod extract;
mod fields;
mod form;
mod host;
mod json;
mod listed;
mod named;
mod negotiate;
mod operator;
mod origin;
mod pages;
mod redirect;
mod request_id;
mod respond;
mod route;
mod routes;
mod session;
mod state;
mod user;

pub(crate) use cache::PageCache;
pub(crate) use host::PublicUrls;
pub(crate) use redirect::redirect;
pub(crate) use routes::{admin, router};
pub(crate) use session::{Operator, Secret, SecretError, TokenError};
pub(crate) use state::{AppState, Parts, Served};
