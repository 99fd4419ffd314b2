//! Plain HTTP where HTTPS is served: who reads is sent there, and who sends is told.

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header, uri::Authority},
    response::{IntoResponse as _, Response},
};

use super::host::{PublicUrls, is_plain, parted};
use crate::server::HttpService;

/// Answers everything with the way to HTTPS on `port`, for what is called by a name of ours.
pub(crate) fn redirect(public: PublicUrls, port: u16) -> impl HttpService {
    Router::new().fallback(answer).with_state((public, port))
}

async fn answer(State((public, port)): State<(PublicUrls, u16)>, request: Request) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    let said = uri.authority().map(Authority::as_str);
    let said = said.or_else(|| headers.get(header::HOST)?.to_str().ok());
    // By its host alone: this is another port than the one that people are to come by.
    let known = said.and_then(|said| public.secure_origin_of(parted(said).0));
    if known.is_none() && !public.answer(&request) {
        // A name that is not ours would make this a redirect to anywhere.
        return (StatusCode::MISDIRECTED_REQUEST, "This server has another name.\n")
            .into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let origin = known.map(ToOwned::to_owned);
    let origin = origin.or_else(|| Some(secure(said.filter(|said| is_plain(said))?, port)));
    let Some(place) = origin.map(|origin| origin + path) else {
        return (StatusCode::BAD_REQUEST, "This is served over HTTPS.\n").into_response();
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)]).into_response();
    }
    // What it sends has been in the clear: it must not go unnoticed that the address is wrong.
    let sentence = format!("This is served over HTTPS only, and nothing was taken: {place}\n");
    (StatusCode::FORBIDDEN, sentence).into_response()
}

/// The same host over HTTPS.
fn secure(authority: &str, port: u16) -> String {
    let (host, _) = parted(authority);
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    format!("https://{host}{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_named_where_it_is_not_the_usual_one() {
        assert_eq!(secure("a.example:80", 443), "https://a.example");
        assert_eq!(secure("[::1]:80", 3000), "https://[::1]:3000");
    }
}
