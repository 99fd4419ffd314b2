use std::{collections::BTreeSet, time::Duration};

use axum::http::Method;

use super::*;
use crate::{
    delivery::frame::Representation,
    message::RoomName,
    paths,
    view::{self, api::Api},
    web::Served,
};

#[test]
fn every_address_that_is_built_is_in_the_table() {
    let routes = Routes::of(table().into_iter().map(|entry| entry.route), Audience::Everybody);
    let room = RoomName::parse("kitchen").unwrap();
    let tab = paths::tab(&room, "0123");
    let id = "k3v9x2mq-17".parse().unwrap();
    for (path, template) in [
        (paths::ROOMS.to_string(), "/rooms"),
        (paths::LOBBY.to_string(), "/rooms/{room}"),
        (paths::API.to_string(), "/api"),
        (paths::room(&room).to_string(), "/rooms/{room}"),
        (paths::join(&room).to_string(), "/rooms/{room}/join"),
        (paths::messages(&room).to_string(), "/rooms/{room}/messages"),
        (paths::room(&room).events().to_string(), "/rooms/{room}/events"),
        (tab.to_string(), "/rooms/{room}/tabs/{tab}"),
        (tab.send().to_string(), "/rooms/{room}/tabs/{tab}/send"),
        (tab.leave().to_string(), "/rooms/{room}/tabs/{tab}/leave"),
        (paths::message(&room, &id), "/rooms/{room}/messages/{id}"),
        (tab.own().to_string(), "/rooms/{room}/tabs/{tab}/messages"),
        (tab.live().to_string(), "/rooms/{room}/tabs/{tab}/live"),
        (tab.events().to_string(), "/rooms/{room}/tabs/{tab}/events"),
    ] {
        assert_eq!(routes.find(&path).template, template, "{path}");
    }
    assert_eq!(routes.find("/rooms/kitchen/nothing").template, "unknown");
}

/// The page at `/api`, for a server that is nowhere.
fn documentation() -> String {
    let limits = api::limits(&Served::model());
    let newest = "k3v9x2mq-17".parse().unwrap();
    let api = Api { origin: ORIGIN, newest: &newest, limits };
    view::api::page(&api).into_string()
}

const ORIGIN: &str = "http://chat.example:3000";

/// What stands in each `<code class="{class}">`, without tags, and where.
fn marked<'a>(page: &'a str, class: &str) -> Vec<(usize, String)> {
    let mark = format!("<code class=\"{class}\">");
    let text = |rest: &'a str| rest.split_once("</code>").unwrap().0;
    let found = page
        .match_indices(&mark)
        .map(|(at, _)| (at, text(&page[at + mark.len()..]).replace("<b>", "").replace("</b>", "")));
    found.collect()
}

#[test]
fn the_api_page_documents_every_url_of_the_table_and_no_other() {
    let page = documentation();
    let documented: BTreeSet<String> = marked(&page, "url")
        .into_iter()
        .map(|(_, url)| url.split_once(' ').expect("a method").1.to_owned())
        .collect();
    let there: BTreeSet<String> =
        table().into_iter().map(|entry| entry.route.template.to_owned()).collect();
    assert_eq!(documented, there);
    // What its lines ask for is there, too, by that name.
    let routes = Routes::of(table().into_iter().map(|entry| entry.route), Audience::Everybody);
    let asked: Vec<&str> = page.split(ORIGIN).skip(1).collect();
    assert!(asked.len() > 9, "{}", asked.len());
    for rest in asked {
        let path = rest.split(['?', ' ', '<', ')', '&', '\n']).next().unwrap();
        assert_ne!(routes.find(path).template, "unknown", "{path}");
    }
}

#[test]
fn the_api_page_names_each_parameter_beside_its_url_and_each_is_taken_there() {
    let page = documentation();
    let urls = marked(&page, "url");
    for entry in table() {
        for (method, params) in [
            ("GET", entry.route.params(&Method::GET).unwrap()),
            ("POST", entry.route.params(&Method::POST).unwrap()),
        ] {
            let here = format!("{method} {}", entry.route.template);
            let place = urls.iter().position(|(_, url)| *url == here);
            let Some(place) = place else {
                assert_eq!(params, [""; 0], "{here}");
                continue;
            };
            let end = urls.get(place + 1).map_or(page.len(), |(at, _)| *at);
            let names = marked(&page[urls[place].0..end], "name");
            for param in params {
                assert!(names.iter().any(|(_, name)| name == param), "{here}: {param}");
            }
        }
    }
}

#[test]
fn the_api_page_names_every_format_and_every_status_of_a_refusal() {
    let page = documentation();
    for known in Representation::ALL {
        let row = format!(
            "<dt><code>{}</code></dt><dd><code>{}</code>",
            known.format(),
            known.media_type()
        );
        assert!(page.contains(&row), "{row}");
    }
    for why in [
        Error::NotFound,
        Error::MethodNotAllowed,
        Error::NotJoined,
        Error::NotAcceptable,
        Error::NoSuchFormat,
        Error::NameTaken,
        Error::TooSlow,
        Error::too_large(1),
        Error::Encoded,
        Error::NotABody,
        Error::Invalid(String::new()),
        Error::KeyReused,
        Error::BadToken,
        Error::NotAuthor,
        Error::NoMessage,
        Error::Removed,
        Error::Behind,
        Error::Full(Duration::ZERO),
        Error::internal(&""),
    ] {
        let row = format!("<dt><code>{}</code></dt>", why.status().as_u16());
        assert!(page.contains(&row), "{row}");
    }
}
