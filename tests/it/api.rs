//! The page at `/api`, and what it says.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    client::{Message, client, send, unescape},
    support::{Server, TestApp, nats::Nats, shell::Shell, until},
};

async fn documentation(app: &impl Server) -> String {
    let answer = client().get(app.url("/api")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// What the page has in a terminal's colours.
fn lines(page: &str) -> Vec<String> {
    let blocks = page.split("<pre class=\"shell\"><code>").skip(1);
    blocks.map(|rest| unescape(rest.split_once("</code></pre>").unwrap().0)).collect()
}

#[tokio::test]
async fn each_line_of_the_api_page_is_for_this_server_and_runs_as_it_stands() {
    let app = TestApp::start();
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let first = send(&app, "lobby", "bob", "first").await;
    send(&app, "lobby", "bob", "second").await;
    let lines = lines(&documentation(&app).await);
    let [
        form,
        object_line,
        plain,
        log,
        objects,
        events,
        resumed,
        several,
        newest,
        older,
        people,
        rooms,
        found,
        words,
        words_before,
        words_anywhere,
        removal,
        edit,
        moderated,
        tab,
    ] = &lines[..]
    else {
        panic!("{lines:?}")
    };
    let read = |line| -> Message { serde_json::from_str(&shell.run(line)).unwrap() };
    let sent = [read(form), read(object_line), read(object_line), read(plain)];
    let said = sent.each_ref().map(|it| (it.seq, it.name.as_str(), it.text.as_str()));
    assert_eq!(said[..3], [(3, "ann", "R&D: 1+1 = 2"), (4, "ann", "hi"), (4, "ann", "hi")]);
    assert_eq!((said[3].0, said[3].1), (5, "clock"));

    let page: Vec<Message> = serde_json::from_str(&shell.run(newest)).unwrap();
    assert_eq!((page.len(), &page[0], &page[4]), (5, &first, &sent[3]));
    let page: Vec<Message> = serde_json::from_str(&shell.run(older)).unwrap();
    assert_eq!(page, [first]);

    let log = shell.start("sh", "-c", log);
    log.until("what was said", |log| log.contains("bob: first\n") && log.contains(" clock: "));
    let events = shell.start("sh", "-c", events);
    let object =
        events.until("an event", |read| read.contains("sent_at") && read.ends_with("\n\n"));
    let object = object.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Message>(object).unwrap(), sent[3]);
    let resumed = shell.start("sh", "-c", resumed);
    let missed = resumed.until("what was missed", |read| read.contains(&sent[3].id));
    let ids: Vec<&str> = missed.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, [&*sent[0].id, &sent[1].id, &sent[3].id]);
    let several = shell.start("sh", "-c", several);
    several.until("a number", |read| read == "{\"room\":\"kitchen\",\"unread\":0}\n");
    let objects = shell.start("sh", "-c", objects);
    let object = until("what is said now", async || {
        // It begins now, whenever that is.
        let now = send(&app, "lobby", "bob", "now").await;
        let read = objects.until("a line", |_| true);
        let read = read.lines().find(|line| !line.is_empty()).map(str::to_owned);
        read.map(|read| (read, now))
    })
    .await;
    let (object, now): (Message, Message) = (serde_json::from_str(&object.0).unwrap(), object.1);
    assert_eq!((object.name, object.text), (now.name, now.text));
    drop((log, events, resumed, several, objects));

    until("the readers are gone", async || {
        (shell.run(people) == "{\"count\":0,\"names\":[]}\n").then_some(())
    })
    .await;
    let at = send(&app, "lobby", "bob", "the last").await.sent_at;
    let listed = format!("[{{\"room\":\"lobby\",\"here\":0,\"last_sent_at\":\"{at}\"}}]\n");
    assert_eq!((shell.run(rooms), shell.run(found)), (listed.clone(), listed));
    let found: Value = serde_json::from_str(&shell.run(words)).unwrap();
    let hit = &found["messages"][0];
    assert_eq!((&hit["text"], &hit["marks"]), (&"R&D: 1+1 = 2".into(), &json!([[0, 1]])));
    for line in [words_before, words_anywhere] {
        let nothing: Value = serde_json::from_str(&shell.run(line)).unwrap();
        assert_eq!(nothing["messages"], json!([]), "{line}");
    }
    for (line, change, text) in [(removal, "removed", ""), (edit, "edited", "hello")] {
        let left: Value = serde_json::from_str(&shell.run(line)).unwrap();
        assert_eq!((&left[change], &left["text"]), (&true.into(), &text.into()), "{line}");
    }
    let said = shell.run(moderated);
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [sent, link, rules] = &said[..] else { panic!("{said:?}") };
    assert_eq!((&sent["text"], &link["role"]), (&"only us".into(), &"read".into()));
    assert_eq!((&rules["private"], &rules["slow"]), (&true.into(), &10.into()));
    assert_eq!(shell.run(tab), "");
    let url = app.url("/rooms/lobby/messages?format=json&limit=1");
    let last: Vec<Message> = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!((last[0].name.as_str(), last[0].text.as_str()), ("ann", "from a tab"));
}

#[tokio::test]
async fn each_url_of_the_api_page_answers_to_the_methods_that_stand_there_and_to_no_other() {
    let app = TestApp::start();
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let page = documentation(&app).await;
    for rest in page.split("<code class=\"url\"><b>").skip(1) {
        let (method, rest) = rest.split_once("</b> ").unwrap();
        let path = rest.split_once("</code>").unwrap().0;
        documented.entry(path.to_owned()).or_default().insert(method.to_owned());
    }
    assert_eq!(documented.len(), 43);
    let sent = send(&app, "lobby", "ann", "hi").await;
    for (path, methods) in documented {
        let path = path.replace("{room}", "lobby").replace("{tab}", "1").replace("{file}", "x");
        let asked = client().request(Method::OPTIONS, app.url(&path)).send().await.unwrap();
        assert_eq!(asked.status(), 405, "{path}");
        let allowed = asked.headers()[header::ALLOW].to_str().unwrap().split(',');
        let mut allowed: BTreeSet<String> =
            allowed.filter(|method| *method != "HEAD").map(str::to_owned).collect();
        if !methods.contains("GET") && allowed.remove("GET") {
            // As the page says of all of them.
            let path = path.replace("{id}", &sent.id);
            let form = client().get(app.url(&path)).send().await.unwrap();
            assert_eq!(form.status(), 303, "{path}");
        }
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test]
async fn the_api_page_is_in_the_products_own_look_and_is_led_to() {
    let app = TestApp::start();
    for path in ["/rooms", "/rooms/lobby"] {
        let page = client().get(app.url(path)).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("<a href=\"/api\">API</a>"), "{page}");
    }
    let page = documentation(&app).await;
    assert!(page.contains("<link rel=\"stylesheet\" href=\"/static/app."), "{page}");
    assert!(!page.contains("<script") && !page.contains("style=\""), "nothing inline, no script");
}

#[tokio::test]
async fn the_api_page_says_the_numbers_of_this_server() {
    let app = TestApp::with(&[
        "--keep",
        "77",
        "--ttl",
        "12h",
        "--tab-sends",
        "41",
        "--address-sends",
        "42",
        "--address-joins",
        "43",
        "--address-streams",
        "0",
        "--max-body",
        "4444",
    ]);
    let page = documentation(&app).await;
    for said in [
        "the newest 77 messages, for 12 hours.",
        "41 messages from a tab, 42 from an address; 43 joins from an address, and 60 rooms that it makes by sending there.",
        "any number of streams from an address.",
        "A body: 4444 bytes, in 10 seconds, and one more for each KB that has come.",
        "1 to 32 characters.",
        "1 to 4000 characters",
        "1 to 255 visible ASCII characters",
        "1 to 64 of",
        "1 to 200; 50 without it.",
        "0 to 10000.",
        "Up to 200 rooms",
        "every 15 seconds",
        "until 10000 more messages are no longer kept.",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(documentation(&TestApp::with(&["--ttl", "0"])).await.contains("however old."));
    if let Some(nats) = Nats::single() {
        let page = documentation(&TestApp::with(&["--nats", &nats.urls()])).await;
        assert!(page.contains("and for 2 minutes after the send at least."), "{page}");
    }
}

#[tokio::test]
async fn a_host_that_would_run_in_a_shell_does_not_stand_on_the_api_page() {
    // On a loopback address, no other host is answered at all.
    let app = TestApp::listening("0.0.0.0:0");
    let port = app.address().rsplit_once(':').expect("a port").1;
    let here = format!("curl -N 'http://127.0.0.1:{port}/rooms/");
    for (host, expected) in
        [("chat.example", "curl -N 'http://chat.example/rooms/"), ("a'$(touch${IFS}eve)'", &*here)]
    {
        let asked = client().get(app.url("/api")).header(header::HOST, host);
        let page = asked.send().await.unwrap().text().await.unwrap();
        assert!(lines(&page)[3].starts_with(expected) && !page.contains("touch"), "{page}");
    }
    let asked = client().get(app.url("/api")).header(header::HOST, "chat.example");
    let page = asked.header("x-forwarded-proto", "https").send().await.unwrap();
    assert!(page.text().await.unwrap().contains("curl -N 'https://chat.example/rooms/"));
}
