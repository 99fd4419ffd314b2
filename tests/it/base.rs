//! Below a path: what is asked for there is what is served elsewhere at the top, and every address
//! that an answer names is below it.

use reqwest::{StatusCode, header};

use crate::{
    client::{client, send},
    support::{App, Server},
};

/// A server below `/chat`, by the address that its clients know.
struct Below(App);

impl Server for Below {
    fn address(&self) -> &str {
        self.0.address()
    }

    fn metrics_url(&self) -> &str {
        self.0.metrics_url()
    }

    fn url(&self, path: &str) -> String {
        self.0.url(&format!("/chat{path}"))
    }
}

/// How many addresses of ours a page has; all of them must stand below the base.
fn links_below(page: &str) -> usize {
    let mut rest = page;
    let mut seen = 0;
    while let Some(at) = ["href=\"/", "src=\"/", "action=\"/", "hx-post=\"/", "hx-get=\"/"]
        .iter()
        .filter_map(|name| Some(rest.find(name)? + name.len() - 1))
        .min()
    {
        rest = &rest[at..];
        assert!(rest.starts_with("/chat/"), "{}", rest.lines().next().unwrap());
        seen += 1;
    }
    seen
}

#[tokio::test]
async fn below_a_path_pages_cookies_redirects_assets_and_streams_stand_below_it() {
    let app = Below(App::with(&["--base", "/chat/"]));
    for (path, place) in [("", "/chat/rooms/lobby"), ("/", "/chat/rooms/lobby")] {
        let answer = client().get(app.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[header::LOCATION], place);
    }
    let join = client().post(app.url("/rooms/lobby/join")).form(&[("username", "ann")]);
    let joined = join.send().await.unwrap();
    let place = joined.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert!(place.starts_with("/chat/rooms/lobby/tabs/"), "{place}");
    let cookie = joined.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains(&format!("; Path={place}")), "{cookie}");
    let page =
        client().get(app.0.url(&place)).header(header::COOKIE, cookie.split(';').next().unwrap());
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Posting as"), "{page}");
    let seen = links_below(&page);
    assert!(seen > 10, "{page}");
    let script = page.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(client().get(app.0.url(script)).send().await.unwrap().status(), 200);

    let mut stream = client().get(app.url("/rooms/lobby/events?format=text")).send().await.unwrap();
    send(&app, "lobby", "bob", "below").await;
    let mut read = String::new();
    while !read.contains("bob: below") {
        read += &String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("it goes on"));
    }
    let api = client().get(app.url("/api")).send().await.unwrap().text().await.unwrap();
    assert!(api.contains(&app.url("/rooms/")), "lines to copy: {api}");
    assert!(links_below(&api) > 0);
    for path in ["/rooms", "/rooms/lobby", "/nothing"] {
        let page = client().get(app.url(path)).header(header::ACCEPT, "text/html").send();
        assert!(links_below(&page.await.unwrap().text().await.unwrap()) > 0, "{path}");
    }
    for (path, status) in
        [("/rooms/lobby", 404), ("/chatter", 404), ("/healthz", 200), ("/readyz", 200)]
    {
        assert_eq!(client().get(app.0.url(path)).send().await.unwrap().status(), status, "{path}");
    }
}
