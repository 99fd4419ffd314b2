//! The cookie of a redirect: which message its page is to show. With several nodes, another of them may
//! answer for the page, and have the message a moment later.

use axum::http::HeaderMap;
use cookie::time::Duration;

use super::{cookie, cookies};
use crate::{message::MessageId, paths, rooms::Tab};

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub-sent";

/// How long a browser has it: longer than a redirect takes.
const MAX_AGE: Duration = Duration::seconds(10);

/// The cookie that names what `tab` sent. It is not signed: all that it does is to have its own page
/// wait.
pub(in crate::web) fn give(tab: &Tab, id: &MessageId) -> String {
    // It says nothing that a path without TLS may not see.
    let mut cookie = cookie(COOKIE_NAME, id.to_string(), &paths::tab(&tab.room, &tab.id), false);
    cookie.set_max_age(MAX_AGE);
    cookie.to_string()
}

/// What a request's page is to show.
pub(in crate::web) fn named(headers: &HeaderMap) -> Option<MessageId> {
    let mut ours = cookies(headers).filter(|cookie| cookie.name() == COOKIE_NAME);
    ours.find_map(|cookie| cookie.value().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Name, RoomName};
    use axum::http::{HeaderValue, header};

    #[test]
    fn it_names_the_message_and_is_gone_soon() {
        let (room, name) = (RoomName::stored("lobby"), Name::stored("ann"));
        let tab = Tab { room, id: "7".into(), name };
        let id: MessageId = "k3v9x2mq-17".parse().unwrap();
        let cookie = give(&tab, &id);
        assert!(cookie.contains("Max-Age=10") && cookie.contains("Path=/rooms/lobby/tabs/7"));
        let mut headers = HeaderMap::new();
        let value = cookie.split(';').next().unwrap();
        headers.insert(header::COOKIE, HeaderValue::from_str(value).unwrap());
        assert_eq!(named(&headers), Some(id));
        headers.insert(header::COOKIE, HeaderValue::from_static("hubbub-sent=what"));
        assert_eq!(named(&headers), None);
    }
}
