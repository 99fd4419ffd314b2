//! A NATS that says that it takes nothing.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::{becomes, status};
use crate::{
    client::{Message, client, send},
    support::{App, nats::Nats},
};

#[tokio::test]
async fn where_nats_says_that_it_is_full_a_send_is_refused_for_certain_and_the_log_says_why() {
    // Some texts fill it.
    let account = "accounts { A { jetstream: { max_memory: 100M, max_file: 20K }
                                  users: [ { user: a, password: a } ] } }
                   no_auth_user: a";
    let Some(nats) = Nats::start(1, account) else { return };
    let app = App::with(&["--nats", &nats.urls()]);
    let text = "x".repeat(3000);
    let refused = loop {
        let form = [("username", "ann"), ("text", &*text)];
        let answer = client().post(app.url("/rooms/full/messages")).form(&form).send().await;
        let answer = answer.unwrap();
        if answer.status() != StatusCode::CREATED {
            break answer;
        }
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = refused.text().await.unwrap();
    assert!(said.contains("The message was not stored."), "{said}");
    assert_eq!(status(&app, "/readyz/sends").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(&app, "/readyz").await, StatusCode::OK, "it reads on");
    let log = app.log();
    assert_eq!(log.matches("NATS takes no messages").count(), 1, "{log}");
    assert!(log.contains("resource limits exceeded"), "{log}");

    // Somebody makes room.
    let nats = async_nats::connect(nats.urls()).await.unwrap();
    let stream = async_nats::jetstream::new(nats).get_stream("hubbub").await.unwrap();
    stream.purge().filter("hubbub.m.full").await.unwrap();
    becomes(&app, "/readyz/sends", StatusCode::OK).await;
    send(&app, "lobby", "ann", "again").await;
    assert!(app.log().contains("NATS takes messages again"));
}

#[tokio::test]
async fn where_nats_says_that_it_takes_nothing_a_removal_and_an_edit_are_refused_for_certain() {
    let Some(nats) = Nats::single() else { return };
    let app = App::with(&["--nats", &nats.urls()]);
    let key = "0123456789abcdef";
    let form = [("username", "ann"), ("text", "hi"), ("key", key)];
    let sent = client().post(app.url("/rooms/lobby/messages")).form(&form).send().await.unwrap();
    let sent: Message = sent.json().await.unwrap();
    let context = async_nats::jetstream::new(async_nats::connect(nats.urls()).await.unwrap());
    let stream = context.get_stream("hubbub").await.unwrap();
    let sealed = async_nats::jetstream::stream::Config {
        sealed: true,
        ..stream.cached_info().config.clone()
    };
    context.update_stream(sealed).await.unwrap();
    let url = app.url(&format!("/rooms/lobby/messages/{}", sent.id));
    let (removal, edit) = (vec![("key", key)], vec![("key", key), ("text", "ho")]);
    for (request, form) in [(client().delete(&url), removal), (client().patch(&url), edit)] {
        let begun = Instant::now();
        let refused = request.form(&form).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(10), "at once, and not by a deadline: {took:?}");
        let said = refused.text().await.unwrap();
        assert!(said.contains("not stored"), "{said}");
        assert_eq!(status(&app, "/readyz/sends").await, StatusCode::SERVICE_UNAVAILABLE);
    }
    let log = app.log();
    assert_eq!(log.matches("NATS takes no messages").count(), 1, "{log}");
    assert!(log.contains("sealed"), "{log}");
}
