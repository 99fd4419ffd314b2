//! The operator's log: who did what, where and when; and nothing else.

use serde_json::Value;

use crate::{
    client::{Message, client, send},
    support::{
        App, Server,
        host::{ask, ban, done, give, open, operator, put, revoke, rule},
    },
};

/// Lines of the log, as a program reads them.
async fn lines(app: &impl Server, token: &str, query: &str) -> Vec<Value> {
    let path = format!("/operator/log?format=ndjson{query}");
    let answer = ask(app, "GET", &path, token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let body = answer.text().await.unwrap();
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_log_says_who_did_what_where_and_when_and_no_text_address_or_token() {
    let mut app = App::start();
    let token = operator(&app.data());
    let host = open(&app, "den").await;
    let (moderator, link) = give(&app, "den", &host, "moderate").await;
    let sent = ask(&app, "POST", "/rooms/den/messages", &host);
    let sent = sent.form(&[("username", "eve"), ("text", "saltpetre")]).send().await.unwrap();
    let id = sent.json::<Message>().await.unwrap().id;
    let removed = ask(&app, "DELETE", &format!("/rooms/den/messages/{id}"), &moderator);
    assert_eq!(removed.send().await.unwrap().status(), 200);
    rule(&app, "den", &moderator, &[("slow", "9")]).await;
    let form = [("by", "address"), ("address", "198.51.100.77"), ("reason", "saltpetre")];
    let banned = ban(&app, "den", &moderator, &form).await;
    done(&app, &format!("/rooms/den/bans/{banned}/lift"), &host, &[]).await;
    revoke(&app, "den", &host, &link).await;
    done(&app, "/operator/rooms", &token, &[("room", "hall")]).await;
    let own = send(&app, "hall", "ann", "by its author").await;
    done(&app, "/rooms/den/erase", &host, &[("confirm", "den")]).await;

    let all = lines(&app, &token, "").await;
    let host_id = host.split('.').nth(3).unwrap();
    let (hosts, mods) = (format!("host {host_id}"), format!("moderate {link}"));
    let wanted = [
        (&*hosts, "erase", "den", None),
        (&hosts, "remove", "den", Some(&id)),
        ("operator", "open", "hall", None),
        (&hosts, "revoke", "den", Some(&link)),
        (&hosts, "lift", "den", Some(&banned)),
        (&mods, "ban an address", "den", Some(&banned)),
        (&mods, "rules", "den", None),
        (&mods, "remove", "den", Some(&id)),
        (&hosts, "link", "den", Some(&link)),
        (&hosts, "open", "den", None),
    ];
    let seen: Vec<_> = all
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str();
            (text("by").unwrap(), text("what").unwrap(), text("room").unwrap(), text("target"))
        })
        .collect();
    let wanted: Vec<_> =
        wanted.iter().map(|(by, what, room, id)| (*by, *what, *room, id.map(|id| &**id))).collect();
    assert_eq!(seen, wanted);
    for line in &all {
        let at: jiff::Timestamp = line["at"].as_str().unwrap().parse().expect("RFC 3339");
        assert!(at.duration_until(jiff::Timestamp::now()).as_secs() < 60, "{line}");
        let said = line.to_string();
        for secret in ["saltpetre", "198.51.100.77", "eve", &own.id] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
        for token in [&token, &host, &moderator] {
            assert!(!said.contains(token.rsplit('.').next().unwrap()), "{said}");
        }
    }
    // In pages, from the newest on.
    let seqs: Vec<u64> = all.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|one, other| one > other), "{seqs:?}");
    let rest = lines(&app, &token, &format!("&before={}", seqs[3])).await;
    assert_eq!(rest, all[4..]);
    let page = ask(&app, "GET", "/operator/log?format=html", &token).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("ban an address") && page.contains(&banned), "{page}");
    assert!(!page.contains("saltpetre") && !page.contains("198.51"), "{page}");

    assert!(app.stop().success());
    app.start_again();
    assert_eq!(lines(&app, &token, "").await, all);
}

#[tokio::test]
async fn a_program_with_a_token_is_refused_in_json_and_a_browser_on_a_page() {
    let app = App::start();
    let host = open(&app, "den").await;
    for (path, status) in
        [("/operator/log", 403), ("/operator/bans", 403), ("/rooms/attic/moderate", 403)]
    {
        let by_bearer = ask(&app, "GET", path, &host);
        let by_curl = client().get(app.url(path)).basic_auth("", Some(&host));
        for request in [by_bearer, by_curl] {
            let refused = request.send().await.unwrap();
            assert_eq!(refused.status(), status, "{path}");
            let said: Value = refused.json().await.expect("JSON");
            assert!(said["error"].as_str().unwrap().starts_with("Only "), "{said}");
        }
    }
    let refused = put(&app, "/rooms/den/erase", &host, &[("confirm", "lobby")]).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.json::<Value>().await.unwrap()["error"].is_string());
    // A proxy before us asks for a name and a password of its own.
    let browser = client().get(app.url("/rooms/attic/moderate")).basic_auth("ann", Some("pw"));
    let refused = browser.header("accept", "text/html").send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    let query = ask(&app, "GET", "/operator/log?before=x", &operator(&app.data()));
    assert_eq!(query.send().await.unwrap().status(), 422);
}
