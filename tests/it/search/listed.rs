//! A search of all rooms in a browser, which has the links of private rooms on its list.

use super::{Found, with};
use crate::{
    client::send,
    support::{
        TestApp,
        browser::Browser,
        host::{ask, give, open, revoke},
        until,
    },
};

/// The rooms in which a browser finds a word, as a script is told and as its page shows it.
async fn rooms(browser: &mut Browser, token: &str) -> Vec<String> {
    let json = with("/search", &[("q", "secret"), ("format", "json")]);
    let found = until("all can be found", async || {
        let request = browser.request(reqwest::Method::GET, &json);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let found: Found = request.send().await.unwrap().json().await.unwrap();
        Some(found).filter(|found| found.complete)
    })
    .await;
    let rooms: Vec<String> = found.messages.into_iter().map(|hit| hit.room).collect();
    if token.is_empty() {
        let page = browser.get("/search?q=secret").await.text().await.unwrap();
        let shown = page.split("translate=\"no\">#").skip(1);
        let shown: Vec<_> = shown.map(|rest| rest.split('<').next().unwrap()).collect();
        assert_eq!(shown, rooms);
        assert!(page.contains("and the private ones on your list"), "{page}");
    }
    rooms
}

#[tokio::test]
async fn a_browser_finds_what_was_said_in_the_private_rooms_on_its_list_while_their_links_hold() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "an open secret").await;
    let mut tokens = Vec::new();
    for room in ["cave", "vault"] {
        let host = open(&app, room).await;
        let sent = ask(&app, "POST", &format!("/rooms/{room}/messages"), &host);
        let sent = sent.form(&[("username", "bob"), ("text", "a closed secret")]).send().await;
        assert_eq!(sent.unwrap().status(), 201);
        let (token, link) = give(&app, room, &host, "write").await;
        tokens.push((host, token, link));
    }
    let [(_, cave, _), (host, vault, link)] = &tokens[..] else { unreachable!() };
    let mut ann = Browser::of(&app);
    assert_eq!(rooms(&mut ann, "").await, ["lobby"]);
    ann.enter("vault", vault).await;
    assert_eq!(rooms(&mut ann, "").await, ["lobby"], "it is not on the list yet");
    let tab = ann.join("vault", "ann").await;
    assert_eq!(ann.get(&tab).await.status(), 200);
    assert_eq!(rooms(&mut ann, "").await, ["vault", "lobby"]);
    // No other site's page can lead there, and learn by the time that it takes what is said in them.
    for (site, found) in [("cross-site", 1), ("same-origin", 2)] {
        let request = ann.request(reqwest::Method::GET, "/search?q=secret&format=json");
        let answer = request.header("sec-fetch-site", site).send().await.unwrap();
        assert_eq!(answer.json::<Found>().await.unwrap().messages.len(), found, "{site}");
    }
    // A program has what its token says, whatever else it sends along.
    assert_eq!(rooms(&mut ann, cave).await, ["cave", "lobby"]);
    // Of what the cookie holds, no list of all rooms says anything.
    let listed = ann.get("/rooms").await.text().await.unwrap();
    assert!(listed.contains("lobby") && !listed.contains("vault"), "{listed}");
    // Nobody else has it, and nobody by a cookie of his own making.
    assert_eq!(rooms(&mut Browser::of(&app), "").await, ["lobby"]);
    assert_eq!(rooms(&mut ann.clone().without("hubbub-read"), "").await, ["lobby"]);

    // Off the list, it is searched from its own page alone; and on it again, from here.
    let lobby = ann.join("lobby", "ann").await;
    ann.post(&format!("{lobby}/rooms"), &[("room", "vault"), ("how", "off")]).await;
    assert_eq!(rooms(&mut ann, "").await, ["lobby"]);
    ann.get(&tab).await;
    assert_eq!(rooms(&mut ann, "").await, ["vault", "lobby"]);
    revoke(&app, "vault", host, link).await;
    assert_eq!(rooms(&mut ann, "").await, ["lobby"], "it is worth nothing at once");
}
