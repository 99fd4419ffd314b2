//! A NATS that says that it takes nothing.

use reqwest::StatusCode;

use super::{becomes, status};
use crate::{
    client::{client, send},
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
