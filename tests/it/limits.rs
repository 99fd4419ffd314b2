//! How much one tab, one address and all together may ask for, and who an address is.

use reqwest::{RequestBuilder, Response, StatusCode, header};

use crate::{
    client::{Events, Tab, client, fields, ids_on, post, send},
    support::{Server, TestApp, until},
};

/// Trusts this machine to say whom it asks for.
const PROXY: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];

/// The seconds after which to come back, of an answer with this status.
fn wait(answer: &Response, status: StatusCode) -> u64 {
    assert_eq!(answer.status(), status);
    answer.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap()
}

fn from(address: &str, request: RequestBuilder) -> RequestBuilder {
    request.header("x-forwarded-for", address)
}

/// A script's message.
fn message(app: &impl Server) -> RequestBuilder {
    let form = [("username", "ann"), ("text", "hi")];
    client().post(app.url("/rooms/lobby/messages")).form(&form)
}

fn join(app: &impl Server, name: &str) -> RequestBuilder {
    client().post(app.url("/rooms/lobby/join")).form(&[("username", name)])
}

fn events(app: &impl Server, room: &str) -> RequestBuilder {
    client().get(app.url(&format!("/rooms/{room}/events")))
}

#[tokio::test]
async fn a_tab_that_floods_is_told_to_wait_and_its_draft_stays_in_the_form() {
    // Failure 14: flood.
    let app = TestApp::with(&["--tab-sends", "3"]);
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    for text in ["one", "two", "three"] {
        let sent = ann.post("/send", &[("text", text)]).send().await.unwrap();
        assert_eq!(sent.status(), 303, "a minute's allowance may be used at once");
    }
    let form = [("text", "<four> & more"), ("key", "mine")];
    for (path, htmx) in [("/send", false), ("/send", true), ("/send?frame=1", false)] {
        let mut request = ann.post(path, &form);
        if htmx {
            request = request.header("hx-request", "true");
        }
        let answer = request.send().await.unwrap();
        let wait = wait(&answer, StatusCode::TOO_MANY_REQUESTS);
        assert!((1..=21).contains(&wait), "a third of a minute, and not {wait} s");
        assert_eq!(answer.headers().contains_key("hx-reswap"), htmx);
        let page = answer.text().await.unwrap();
        let told = format!("That was too much in a minute. You can try again in {wait} seconds.");
        assert!(page.contains(&told), "{page}");
        assert_eq!(page.starts_with("<form"), htmx);
        let fields = fields(&page);
        assert_eq!(fields["text"], "<four> & more", "{path}");
        assert_eq!(fields["key"], "mine", "{path}");
    }
    let other = bob.post("/send", &[("text", "hi")]).send().await.unwrap();
    assert_eq!(other.status(), 303, "other tabs have their own");
    assert_eq!(ids_on(&bob.page().await).len(), 4);
}

#[tokio::test]
async fn an_address_that_floods_is_told_to_wait_in_the_language_of_who_asks() {
    let app = TestApp::with(&[&PROXY[..], &["--address-sends", "2"]].concat());
    let tab = Tab::join(&app, "lobby", "bob").await;
    let flood = "203.0.113.7";
    for _ in 0..2 {
        assert_eq!(from(flood, message(&app)).send().await.unwrap().status(), 201);
    }
    let answer = from(flood, message(&app)).send().await.unwrap();
    assert!((1..=31).contains(&wait(&answer, StatusCode::TOO_MANY_REQUESTS)));
    assert_eq!(
        answer.text().await.unwrap(),
        "{\"error\":\"That was too much in a minute. Please wait a moment.\"}\n"
    );
    let by_tab = from(flood, tab.post("/send", &[("text", "draft")])).send().await.unwrap();
    wait(&by_tab, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(fields(&by_tab.text().await.unwrap())["text"], "draft");
    let other = from("203.0.113.8", tab.post("/send", &[("text", "hi")])).send().await.unwrap();
    assert_eq!(other.status(), 303);
}

#[tokio::test]
async fn joins_from_one_address_are_limited_and_the_name_stays_in_the_form() {
    let app = TestApp::with(&[&PROXY[..], &["--address-joins", "2"]].concat());
    for name in ["a", "b"] {
        let joined = from("203.0.113.7", join(&app, name)).send().await.unwrap();
        assert_eq!(joined.status(), 303);
    }
    let answer = from("203.0.113.7", join(&app, "c")).send().await.unwrap();
    let seconds = wait(&answer, StatusCode::TOO_MANY_REQUESTS);
    assert!((2..=31).contains(&seconds));
    assert!(!answer.headers().contains_key(header::SET_COOKIE));
    let page = answer.text().await.unwrap();
    assert_eq!(fields(&page)["username"], "c");
    let told = format!("That was too much in a minute. You can try again in {seconds} seconds.");
    assert!(page.contains(&told), "{told}: {page}");
    assert_eq!(from("203.0.113.8", join(&app, "c")).send().await.unwrap().status(), 303);
    // An address of IPv6 is as good as its network of 64 bits.
    for (address, status) in
        [("2001:db8::1", 303), ("2001:db8::2", 303), ("2001:db8::3", 429), ("2001:db8:0:1::3", 303)]
    {
        let joined = from(address, join(&app, &address.replace(':', "x"))).send().await.unwrap();
        assert_eq!(joined.status(), status, "{address}");
    }
}

#[tokio::test]
async fn a_page_that_refuses_what_is_too_much_says_when_to_come_back() {
    let app = TestApp::start();
    let enter = || client().post(app.url("/rooms/den/enter")).form(&[("key", "x")]).send();
    for _ in 0..10 {
        assert_eq!(enter().await.unwrap().status(), 404);
    }
    let answer = enter().await.unwrap();
    let seconds = wait(&answer, StatusCode::TOO_MANY_REQUESTS);
    let page = answer.text().await.unwrap();
    let told =
        format!("<p>That was too much in a minute. You can try again in {seconds} seconds.</p>");
    assert!(page.contains(&told), "{told}: {page}");
}

#[tokio::test]
async fn streams_from_one_address_are_limited_and_places_come_back() {
    let app = TestApp::with(&[&PROXY[..], &["--address-streams", "2"]].concat());
    let one = Events::from(from("203.0.113.7", events(&app, "lobby"))).await;
    let mut two = Events::from(from("203.0.113.7", events(&app, "lobby"))).await;
    let answer = from("203.0.113.7", events(&app, "lobby")).send().await.unwrap();
    assert!(wait(&answer, StatusCode::SERVICE_UNAVAILABLE) > 0);
    assert!(answer.text().await.unwrap().starts_with("{\"error\":\"There is no room for more"));
    let _other = Events::from(from("203.0.113.8", events(&app, "lobby"))).await;
    let id = send(&app, "lobby", "ann", "hi").await.id;
    assert_eq!(two.ids(1).await, [id], "who is there stays unharmed");
    drop(one);
    until("the place comes back", async || {
        let answer = from("203.0.113.7", events(&app, "lobby")).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn beyond_so_many_rooms_no_other_opens_and_pages_still_load() {
    let app = TestApp::with(&["--max-rooms", "2"]);
    let one = Events::open(&app, "/rooms/a/events", None).await;
    let _two = Events::open(&app, "/rooms/b/events", None).await;
    let answer = events(&app, "c").send().await.unwrap();
    assert!(wait(&answer, StatusCode::SERVICE_UNAVAILABLE) > 0);
    let _more = Events::open(&app, "/rooms/b/events", None).await;
    let tab = Tab::join(&app, "c", "ann").await;
    assert!(tab.page().await.contains("Posting as"));
    let sent = tab.post("/send", &[("text", "hi")]).send().await.unwrap();
    assert_eq!(sent.status(), 303, "to write, a room needs no readers");
    drop(one);
    until("a place comes back", async || {
        (events(&app, "c").send().await.unwrap().status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn beyond_nine_in_ten_connections_no_stream_opens_and_pages_still_load() {
    let app = TestApp::with(&["--max-connections", "20"]);
    let mut streams = Vec::new();
    for _ in 0..18 {
        streams.push(Events::open(&app, "/rooms/lobby/events", None).await);
    }
    let answer = events(&app, "lobby").send().await.unwrap();
    assert!(wait(&answer, StatusCode::SERVICE_UNAVAILABLE) > 0);
    let tab = Tab::join(&app, "lobby", "ann").await;
    let refused = tab.get("/events").send().await.unwrap();
    assert!(wait(&refused, StatusCode::SERVICE_UNAVAILABLE) > 0);
    assert!(tab.page().await.contains("Posting as"));
    let id = send(&app, "lobby", "bob", "hi").await.id;
    for stream in &mut streams {
        assert_eq!(stream.ids(1).await, std::slice::from_ref(&id));
    }
    drop(streams.pop());
    until("a place comes back", async || {
        (tab.get("/events").send().await.unwrap().status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_size_of_a_body_is_a_knob() {
    let app = TestApp::with(&["--max-body", "1000"]);
    let of = |length: usize| [("username", "ann".to_owned()), ("text", "x".repeat(length))];
    for (length, status) in [(900, 201), (1001, 413)] {
        let url = app.url("/rooms/lobby/messages");
        let answer = client().post(url).form(&of(length)).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let app = TestApp::with(&["--max-body", "0"]);
    let answer = post(&app, "lobby", &[("username", "ann"), ("text", &"x".repeat(100_000))]).await;
    assert_eq!(answer.status(), 422, "it is read, and too long for a message");
}

#[tokio::test]
async fn zero_is_without_a_limit() {
    let flags =
        "--tab-sends=0 --address-sends=0 --address-joins=0 --address-streams=0 --max-rooms=0";
    let flags: Vec<_> = PROXY.into_iter().chain(flags.split(' ')).collect();
    let app = TestApp::with(&flags);
    let address = "203.0.113.7";
    let mut streams = Vec::new();
    for n in 0..20 {
        let joined = from(address, join(&app, &format!("n{n}"))).send().await.unwrap();
        assert_eq!(joined.status(), 303);
        assert_eq!(from(address, message(&app)).send().await.unwrap().status(), 201);
        streams.push(Events::from(from(address, events(&app, &format!("r{n}")))).await);
    }
    let tab = Tab::join(&app, "lobby", "bob").await;
    for _ in 0..310 {
        let sent = from(address, tab.post("/send", &[("text", "hi")])).send().await.unwrap();
        assert_eq!(sent.status(), 303, "past the default");
    }
}

#[tokio::test]
async fn who_is_asked_for_is_believed_of_trusted_proxies_only_and_counts_from_the_end() {
    let app = TestApp::with(&["--trusted-proxies", "127.0.0.1,10.0.0.0/8", "--address-sends", "1"]);
    let sent = async |headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(message(&app), |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    let xff = "x-forwarded-for";
    assert_eq!(sent(&[(xff, "203.0.113.1")]).await, 201);
    for same in [
        &[(xff, "198.51.100.9, 203.0.113.1")][..],
        &[(xff, "198.51.100.9"), (xff, "203.0.113.1")],
        &[(xff, "203.0.113.1, 10.1.2.3")],
        &[(xff, "203.0.113.1:4711")],
        &[("forwarded", "for=203.0.113.1;proto=https")],
        &[("forwarded", "for=198.51.100.9, for=\"203.0.113.1:80\", for=10.0.0.1")],
        &[("forwarded", "for=203.0.113.1"), (xff, "203.0.113.1")],
    ] {
        assert_eq!(sent(same).await, 429, "{same:?}");
    }
    assert_eq!(sent(&[(xff, "203.0.113.2")]).await, 201, "another has its own");
    // A header of the client's own beside the proxy's, or one that claims to be this machine:
    // those who try have one limit between them.
    assert_eq!(sent(&[("forwarded", "for=198.51.100.1"), (xff, "203.0.113.3")]).await, 201);
    assert_eq!(sent(&[("forwarded", "for=198.51.100.2"), (xff, "203.0.113.4")]).await, 429);
    assert_eq!(sent(&[(xff, "127.0.0.1")]).await, 429);
    for _ in 0..3 {
        assert_eq!(sent(&[]).await, 201, "this machine itself has no limit");
    }
}

#[tokio::test]
async fn a_peer_that_is_not_trusted_speaks_for_itself_only() {
    // Loopback is without a limit, and a header from there that nobody trusts changes nothing.
    let app = TestApp::with(&["--address-sends", "1"]);
    for _ in 0..3 {
        assert_eq!(from("203.0.113.1", message(&app)).send().await.unwrap().status(), 201);
    }
}
