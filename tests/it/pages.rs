//! Pages, files and their headers.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use reqwest::{Method, header};

use crate::{
    client::{Tab, client, ids_on, send},
    support::{Server, TestApp, browser::Browser, host::operator},
};

#[tokio::test]
async fn the_root_leads_to_the_lobby() {
    let app = TestApp::start();
    let answer = client().get(app.url("/")).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[header::LOCATION], "/rooms/lobby");
}

#[tokio::test]
async fn a_room_name_of_another_shape_is_a_page_that_does_not_exist() {
    let app = TestApp::start();
    let long = "a".repeat(65);
    for name in ["UPPER", "a_b", "-a", "a-", "%20", "é", &long] {
        for path in ["", "/events"] {
            let answer =
                client().get(app.url(&format!("/rooms/{name}{path}"))).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{name}{path}");
        }
        let join =
            client().post(app.url(&format!("/rooms/{name}/join"))).form(&[("username", "a")]);
        assert_eq!(join.send().await.unwrap().status(), 404, "{name}");
    }
    let program = client().get(app.url("/rooms/lobby/message?format=json")).send().await.unwrap();
    assert_eq!(
        (program.status().as_u16(), &program.headers()["content-type"]),
        (404, &"application/json".parse().unwrap())
    );
    let program = client().get(app.url("/nowhere")).header(header::ACCEPT, "application/json");
    let program = program.send().await.unwrap();
    assert_eq!(program.status(), 404);
    assert!(program.text().await.unwrap().starts_with("{\"error\":\"No page has this address."));
    let answer = client().get(app.url("/nowhere")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let page = answer.text().await.unwrap();
    assert!(page.contains("There is nothing here") && page.contains("/static/app."), "{page}");
    let answer = client().put(app.url("/rooms/lobby/join")).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()[header::ALLOW], "GET,HEAD,POST");
}

#[tokio::test]
async fn where_there_is_nothing_the_rooms_are_offered() {
    let app = TestApp::start();
    for path in ["/nowhere", "/rooms/UPPER", "/rooms/lobby/nothing"] {
        let page = client().get(app.url(path)).send().await.unwrap().text().await.unwrap();
        let form = page.split_once("<form").expect("a form").1.split_once("</form>").unwrap().0;
        assert!(form.contains("method=\"get\" action=\"/rooms\"") && form.contains("name=\"q\""));
        for way in ["href=\"/rooms\"", "href=\"/\""] {
            assert!(page.contains(way), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn a_form_that_is_refused_leads_back_to_the_page_that_it_stands_on_and_nowhere_else() {
    let app = TestApp::start();
    let mut browser = Browser::of(&app);
    let token = operator(&app.data());
    assert_eq!(browser.post("/operator", &[("token", &token)]).await.status(), 303);
    let refused = async |method: Method, path: &str, referer: &str| {
        let form =
            [("slow", "soon"), ("role", "x"), ("by", "x"), ("confirm", "x"), ("address", "x")];
        let form = browser.request(method, path).form(&form).header(header::REFERER, referer);
        let answer = form.send().await.unwrap();
        assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
        let page = answer.text().await.unwrap();
        assert!(page.contains("<h1>") && page.contains("href=\"/rooms\""), "{path}: {page}");
        let back = page.split_once("<a class=\"action\" href=\"");
        back.map(|(_, rest)| rest.split('"').next().unwrap().to_owned())
    };
    let moderate = app.url("/rooms/lobby/moderate?before=x#rules");
    for form in ["rules", "links", "bans", "erase", "bans/9/lift", "links/9/revoke"] {
        let path = format!("/rooms/lobby/{form}");
        let back = refused(Method::POST, &path, &moderate).await;
        assert_eq!(back.as_deref(), Some("/rooms/lobby/moderate"), "{form}");
    }
    for (path, from) in [("/operator/bans", "/operator/bans"), ("/operator/erase", "/operator")] {
        let back = refused(Method::POST, path, &app.url(from)).await;
        assert_eq!(back.as_deref(), Some(from));
    }
    // A page that is none of ours, or none, is not led to; nor is one that was only looked at.
    for other in ["https://evil.example/phish", "javascript:alert(1)", "//evil.example", "x", ""] {
        assert_eq!(refused(Method::POST, "/rooms/lobby/rules", other).await, None, "{other}");
    }
    assert_eq!(refused(Method::GET, "/nowhere", &app.url("/rooms")).await, None);
}

#[tokio::test]
async fn where_only_a_form_posts_a_get_leads_to_the_page_that_has_the_form() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let answer = client().get(app.url("/rooms/lobby/join")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &*location(&answer)), (303, "/rooms/lobby"));
    for form in ["/send", "/leave"] {
        let answer = tab.get(form).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), location(&answer)),
            (303, tab.path.clone()),
            "{form}"
        );
        // Who has not joined is led on from there to the join form.
        let answer = client().get(app.url(&format!("{}{form}", tab.path))).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), location(&answer)),
            (303, tab.path.clone()),
            "{form}"
        );
        let strange = format!("/rooms/lobby/tabs/%0D%0Ax{form}");
        let answer = client().get(app.url(&strange)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &*location(&answer)), (303, "/rooms/lobby"));
    }
    let page = tab.page().await;
    assert!(page.contains("Posting as"), "a GET of the form's address is no leaving");
    let leave = page.split("id=\"leave\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(leave.contains(" name=\"leave\""), "a text browser would make a GET of it: {leave}");
}

fn location(answer: &reqwest::Response) -> String {
    answer.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_answer_is_marked_as_ours_with_the_reason_where_it_refuses() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let stranger = format!("{}x", tab.path);
    for (path, mark) in [
        ("/rooms/lobby", "1"),
        ("/rooms/lobby/events", "1"),
        ("/rooms/lobby/messages", "1"),
        ("/healthz", "1"),
        ("/nowhere", "not_found"),
        ("/rooms/lobby?x=1", "invalid"),
        (&*format!("{stranger}/events"), "not_joined"),
        (&*format!("{stranger}/send?frame=1"), "not_joined"),
    ] {
        let answer = client().get(app.url(path)).send().await.unwrap();
        assert_eq!(answer.headers()["hubbub"], mark, "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_scripts_and_sniffing_out() {
    let app = TestApp::start();
    for path in ["/rooms/lobby", "/nowhere", "/rooms/lobby/events", "/healthz"] {
        let answer = client().get(app.url(path)).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["referrer-policy"], "same-origin");
    }
}

#[tokio::test]
async fn every_file_that_a_page_names_is_there_for_good_and_compressed() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let page = tab.page().await;
    let files: Vec<_> = page.split('"').filter(|part| part.starts_with("/static/")).collect();
    assert!(files.len() >= 5, "{files:?}");
    // What a page weighs beside its messages, as a proxy in front compresses it.
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(page.as_bytes()).unwrap();
    let mut weight = packed.finish().unwrap().len();
    for file in files {
        let ask = async |encoding: &str| {
            let request = client().get(app.url(file)).header(header::ACCEPT_ENCODING, encoding);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{file}");
            assert!(
                answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable")
            );
            let encoding = answer.headers().get(header::CONTENT_ENCODING).cloned();
            (encoding, answer.bytes().await.unwrap().len())
        };
        let (plain, length) = ask("identity").await;
        assert_eq!(plain, None);
        let (gzip, by_gzip) = ask("gzip").await;
        assert_eq!(gzip.unwrap(), "gzip");
        let (brotli, by_brotli) = ask("gzip, br").await;
        assert_eq!(brotli.unwrap(), "br");
        assert!(by_brotli <= by_gzip && by_gzip < length, "{file}");
        let (refused, _) = ask("br;q=0").await;
        assert_eq!(refused, None);
        weight += by_brotli;
    }
    assert!(weight <= 45 * 1024, "{weight} bytes");
    let old = client().get(app.url("/static/app.0000000000000000.css")).send().await.unwrap();
    assert_eq!(old.status(), 404);
    assert!(!page.contains("<script>") && !page.contains("onclick"), "nothing inline");
}

#[tokio::test]
async fn a_page_shows_the_newest_messages_oldest_first() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "bob").await;
    let mut sent = Vec::new();
    for number in 0..60 {
        sent.push(send(&app, "lobby", "ann", &number.to_string()).await.id);
    }
    assert_eq!(ids_on(&tab.page().await), sent[10..]);
}

#[tokio::test]
async fn health_says_alive_and_ready() {
    let app = TestApp::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(client().get(app.url(path)).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_browser_that_knows_no_stylesheets_is_given_line_breaks() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "ann").await;
    send(&app, "lobby", "bob", "one\ntwo").await;
    for (agent, breaks) in [
        ("Lynx/2.9.0", true),
        ("w3m/0.5.3", true),
        ("Emacs-w3m/1.4 w3m/0.5.3", true),
        ("URL/Emacs Emacs/29.1 (X11; x86_64-pc-linux-gnu)", true),
        ("edbrowse/3.8.0", true),
        ("Mozilla/5.0 (X11; Linux x86_64) w3mail/1", false),
    ] {
        for path in ["", "/live?still=1"] {
            let page = ann.get(path).header(reqwest::header::USER_AGENT, agent).send();
            let page = page.await.unwrap().text().await.unwrap();
            assert!(page.contains("one"), "{page}");
            assert_eq!(page.contains("one<br>"), breaks, "{agent} {path}");
        }
    }
}
