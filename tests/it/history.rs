//! The past: page by page, within what is kept, and told where it is not.

use reqwest::header;

use crate::{
    client::{Events, Message, Tab, client, ids_on, send, unescape},
    support::{App, Server, TestApp},
};

const LOBBY: &str = "/rooms/lobby/events";

async fn page_of(app: &impl Server, query: &str) -> Vec<Message> {
    let url = app.url(&format!("/rooms/lobby/messages{query}"));
    let request = client().get(url).header(header::ACCEPT, "application/json");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    answer.json().await.unwrap()
}

async fn fill(app: &impl Server, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(send(app, "lobby", "ann", &number.to_string()).await.id);
    }
    ids
}

#[tokio::test]
async fn older_messages_come_page_by_page_as_json_oldest_first() {
    let app = TestApp::start();
    assert!(page_of(&app, "").await.is_empty());
    let sent = fill(&app, 120).await;
    let ids = |page: &[Message]| page.iter().map(|message| message.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&page_of(&app, "").await), sent[70..], "the newest 50 without more words");
    let mut all = Vec::new();
    let mut query = "?limit=50".to_owned();
    loop {
        let page = page_of(&app, &query).await;
        let Some(first) = page.first() else { break };
        query = format!("?limit=50&before={}", first.id);
        all.splice(0..0, ids(&page));
    }
    assert_eq!(all, sent);
    assert_eq!(page_of(&app, "?limit=1").await[0].id, sent[119]);
    assert_eq!(page_of(&app, "?limit=200").await.len(), 120);
}

#[tokio::test]
async fn the_fragment_has_the_same_bytes_as_the_stream_and_leads_on_to_older_ones() {
    let app = TestApp::start();
    let mut events = Events::open(&app, LOBBY, None).await;
    let sent = fill(&app, 12).await;
    let mut fragments = String::new();
    for (place, id) in sent.iter().enumerate() {
        let event = events.next().await.unwrap();
        assert_eq!(event.id.as_ref(), Some(id));
        if place >= 7 {
            fragments.push_str(&event.data.unwrap());
        }
    }
    let url = app.url("/rooms/lobby/messages?limit=5");
    let answer = client().get(url).header(header::ACCEPT, "text/html").send().await.unwrap();
    assert!(answer.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    let page = answer.text().await.unwrap();
    assert!(page.ends_with(&fragments), "{page}");
    let older = page.split("hx-get=\"").nth(1).expect("a way on").split_once('"').unwrap().0;
    assert_eq!(unescape(older), format!("/rooms/lobby/messages?before={}", sent[7]));
    let rest = client().get(app.url(older)).send().await.unwrap().text().await.unwrap();
    assert_eq!(ids_on(&rest), sent[..7]);
    assert!(!rest.contains("Older messages"), "the start of the room");
}

#[tokio::test]
async fn without_script_a_link_leads_through_the_past_and_back() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "bob").await;
    let sent = fill(&app, 120).await;
    let mut page = tab.page().await;
    let mut all = ids_on(&page);
    assert_eq!(all, sent[70..]);
    while let Some(link) = page.split("class=\"older\"><a href=\"").nth(1) {
        let link = unescape(link.split_once('"').unwrap().0);
        assert!(link.starts_with(&tab.path));
        let request = client().get(app.url(&link)).header(header::COOKIE, &tab.cookie);
        page = request.send().await.unwrap().text().await.unwrap();
        assert!(!page.contains("hx-sse:connect"), "the past stands still");
        assert!(page.contains(&format!("<a href=\"{}\">Newest messages</a>", tab.path)));
        all.splice(0..0, ids_on(&page));
    }
    assert_eq!(all, sent);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_with_a_sentence() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "hi").await;
    for query in ["limit=0", "limit=201", "limit=x", "limit=-1", "before=x", "before=zzzzzzzz-3"] {
        let url = app.url(&format!("/rooms/lobby/messages?{query}"));
        let answer = client().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{query}");
        assert!(answer.text().await.unwrap().starts_with("{\"error\":"), "{query}");
    }
}

#[tokio::test]
async fn away_while_more_was_sent_than_is_kept_a_reader_is_told_how_many_are_gone() {
    // Failure 5: keep 100, send 200 while away.
    let app = TestApp::with(&["--keep", "100"]);
    let before = fill(&app, 10).await;
    let while_away = fill(&app, 200).await;
    let mut events = Events::open(&app, LOBBY, before.last().map(String::as_str)).await;
    let gap = events.next().await.unwrap();
    assert_eq!((gap.event.as_deref(), gap.id), (Some("Gap"), None));
    assert!(gap.data.unwrap().contains(">100 earlier messages are no longer kept.<"));
    assert_eq!(events.ids(100).await, while_away[100..]);
    let next = send(&app, "lobby", "ann", "next").await;
    assert_eq!(events.ids(1).await, [next.id], "and live from there");
}

#[tokio::test]
async fn after_the_data_was_deleted_an_old_cursor_gets_a_gap_that_names_the_new_epoch() {
    let mut app = App::start();
    let old = send(&app, "lobby", "ann", "old").await;
    assert!(app.stop().success());
    std::fs::remove_file(app.data()).unwrap();
    app.start_again();
    let new = send(&app, "lobby", "ann", "new").await;
    assert_eq!(new.seq, old.seq, "the numbers come again");
    assert_ne!(new.id, old.id, "the ids do not");
    let mut events = Events::open(&app, LOBBY, Some(&old.id)).await;
    let gap = events.next().await.unwrap().data.unwrap();
    let epoch = new.id.split_once('-').unwrap().0;
    assert!(gap.contains(&format!("data-epoch=\"{epoch}\"")), "{gap}");
    assert_eq!(events.ids(1).await, [new.id]);
}

#[tokio::test]
async fn a_copy_taken_while_it_runs_is_whole_and_can_be_started_from() {
    let mut app = App::start();
    let before = fill(&app, 50).await;
    // What README says: SQLite's own means, while hubbub runs and somebody sends.
    let copy = app.data().with_file_name("copy.db");
    let ((), after) = tokio::join!(
        async {
            let (data, copy) = (app.data(), copy.clone());
            let vacuum = move || {
                let live = rusqlite::Connection::open(data).unwrap();
                live.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
            };
            tokio::task::spawn_blocking(vacuum).await.unwrap();
        },
        fill(&app, 50)
    );
    assert!(app.stop().success());
    std::fs::rename(&copy, app.data()).unwrap();
    app.start_again();
    let mut events = Events::open(&app, LOBBY, Some(&after[49])).await;
    assert_eq!(
        events.next().await.unwrap().event.as_deref(),
        Some("Gap"),
        "what came after it is gone"
    );
    let restored = page_of(&app, "?limit=200").await;
    let texts: Vec<_> =
        restored.iter().map(|message| message.text.parse::<usize>().unwrap()).collect();
    assert!(texts.len() >= before.len());
    assert!(texts.iter().enumerate().all(|(place, text)| *text == place % 50), "a prefix, whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_trimmed_at_once_still_reaches_who_is_live() {
    let app = TestApp::with(&["--keep", "1"]);
    let mut events = Events::open(&app, LOBBY, None).await;
    for _ in 0..20 {
        let burst: Vec<_> = (0..50)
            .map(|_| {
                let url = app.url("/rooms/lobby/messages");
                tokio::spawn(async move {
                    let form = [("username", "ann"), ("text", "x")];
                    let answer = client().post(url).form(&form).send().await.unwrap();
                    answer.json::<Message>().await.unwrap().seq
                })
            })
            .collect();
        let mut sent = Vec::new();
        for sender in burst {
            sent.push(sender.await.unwrap());
        }
        sent.sort_unstable();
        let got = events.ids(50).await;
        let got = got.iter().map(|id| id.split_once('-').unwrap().1.parse::<u64>().unwrap());
        assert_eq!(got.collect::<Vec<_>>(), sent);
    }
}
