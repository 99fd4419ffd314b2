use axum::{
    body::to_bytes,
    http::{StatusCode, header},
};

use super::*;
use crate::{
    delivery::model::{Tasks, metrics, room},
    message::Name,
    rooms::model,
    shutdown::Shutdown,
    web::{Operator, PageCache, Parts, PublicUrls, Secret, Served},
};

#[tokio::test]
async fn where_a_rooms_readers_are_behind_the_draft_and_its_key_stay_in_the_form() {
    let (home, tasks) = (tempfile::tempdir().unwrap(), Tasks::default());
    let rooms = model::rooms(home.path(), &tasks);
    let _reader = model::reader(&rooms, &room());
    model::publish(&rooms, 0, 200);
    let data = home.path().join("hubbub.db");
    let secret = Secret::load(&data).unwrap();
    let state = AppState::new(Parts {
        rooms,
        cache: PageCache::default(),
        operator: Operator::load(&data, &secret, None).unwrap(),
        secret,
        metrics: metrics(),
        trusted_proxies: Vec::new(),
        user_header: None,
        public_urls: PublicUrls::default(),
        embedders: PublicUrls::default(),
        shutdown: Shutdown::new(),
        served: Served::model(),
    });
    let tab = Tab { room: room(), id: "0".repeat(32), name: Name::parse("ann").unwrap() };
    tokio::time::pause();
    for (frame, htmx) in [(None, false), (None, true), (Some("1"), false)] {
        let mut headers = HeaderMap::new();
        if htmx {
            headers.insert("hx-request", "true".parse().unwrap());
        }
        let place = Params(Place { frame: frame.map(str::to_owned) });
        let fields = PageForm::posted("text=%3Chi%3E+%26+more&key=mine");
        let (state, caller) = (State(state.clone()), Caller::default());
        let visitor = Visitor {
            room: room(),
            id: tab.id.clone(),
            tab: Some(tab.clone()),
            proof: "signed".to_owned(),
            lapsed: None,
        };
        let answer = create(visitor, caller, state, place, headers, fields).await;
        let answer = answer.unwrap_or_else(|why| panic!("{}", why.sentence()));
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        let page = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let page = str::from_utf8(&page).unwrap();
        assert!(page.contains("More is sent here than can be delivered right now."), "{page}");
        assert!(page.contains("&lt;hi&gt; &amp; more"), "{page}");
        assert!(page.contains("name=\"key\" value=\"mine\""), "{page}");
        assert_eq!(page.starts_with("<form"), htmx);
    }
}
