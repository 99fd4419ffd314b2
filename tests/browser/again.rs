//! Coming back: to a name, to a room that one left, to a page whose cookie is gone.

use serde_json::json;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
    tab::Tab,
};

async fn posting_as(tab: &Tab, name: &str) {
    // Asked of the page at once: an element of it may be the page's before.
    let header = "document.querySelector('main.room > header')?.innerText";
    tab.until(&format!("{header}.includes('Posting as {name}')")).await;
}

pub async fn who_joins_goes_back_and_joins_again_is_not_in_ones_own_way(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let ann = browser.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    for _ in 0..3 {
        ann.driver().await.back().await.unwrap();
        ann.element("#username").await;
        ann.until("document.getElementById('username').value === 'ann'").await;
        ann.element("#join button").await.click().await.unwrap();
        posting_as(&ann, "ann").await;
        ann.caught_up().await;
    }
    // From another page, at once, under the name that is remembered.
    ann.goto(&app.url("/rooms/lobby")).await;
    ann.until("document.getElementById('username').value === 'ann'").await;
    ann.element("#join button").await.click().await.unwrap();
    posting_as(&ann, "ann").await;
    // What is typed there takes its place.
    let bob = browser.join(&app.url(""), "bob").await;
    posting_as(&bob, "bob").await;
}

#[tokio::test]
async fn a_double_click_on_join_joins() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for scripted in [true, false] {
        let proxy = Proxy::before(app.address(), Streams::Pass).await;
        let tab = chromium.open().await;
        tab.goto(&format!("{}/rooms/lobby", proxy.home())).await;
        let name = if scripted { "ann" } else { "bob" };
        tab.element("#username").await.send_keys(name).await.unwrap();
        if scripted {
            let twice = tab.driver().await.action_chain();
            let button = tab.element("#join button").await;
            twice.double_click_element(&button).perform().await.unwrap();
        } else {
            // Without the page's script both are posted.
            tab.run(
                "const form = document.getElementById('join')
                fetch(form.action, { method: 'POST', body: new URLSearchParams({ username: 'bob' }), redirect: 'manual' })
                    .then(() => form.submit())",
            )
            .await;
        }
        posting_as(&tab, name).await;
    }
}

pub async fn a_tab_whose_cookie_is_gone_says_so_and_joins_again_under_its_name_with_its_draft(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    // Noticed by a send, and by the stream.
    for by_send in [true, false] {
        let proxy = Proxy::before(app.address(), Streams::Pass).await;
        let ann = browser.join(&proxy.home(), "ann").await;
        ann.caught_up().await;
        ann.field().await.send_keys("my draft").await.unwrap();
        ann.driver().await.delete_all_cookies().await.unwrap();
        if by_send {
            ann.send("").await;
        } else {
            proxy.set(Streams::Refuse);
            until("it is cut", async || (proxy.open() == 0).then_some(())).await;
            proxy.set(Streams::Pass);
        }
        ann.until("!document.getElementById('again').hidden").await;
        let again = ann.element("#again").await;
        let sentence = again.text().await.unwrap();
        assert!(sentence.contains("no longer in the room"), "{sentence}");
        assert!(sentence.contains("Join again as ann"), "{sentence}");
        assert!(!ann.element("#send").await.is_displayed().await.unwrap());
        ann.until("document.getElementById('connection').textContent === ''").await;
        let seen = proxy.seen();
        ann.element("#again button").await.click().await.unwrap();
        posting_as(&ann, "ann").await;
        assert_eq!(ann.draft().await, "my draft");
        ann.caught_up().await;
        assert_eq!(proxy.seen(), seen + 1, "it knocked no more where it had not joined");
        ann.say("").await;
        ann.leave().await;
        ann.element("#username").await;
    }
}

pub async fn back_after_leave_offers_to_join_again_and_no_composer_and_so_does_a_twin(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let ann = browser.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    let url: String = ann.eval("location.href").await;
    let twin = browser.open().await;
    twin.goto(&url).await;
    twin.caught_up().await;
    ann.leave().await;
    ann.element("#username").await;
    twin.until("!document.getElementById('again').hidden").await;
    ann.run("window.before = true").await;
    ann.driver().await.back().await.unwrap();
    ann.until("!window.before && (document.getElementById('again')?.hidden === false || document.getElementById('join') != null)").await;
    if ann.eval::<bool>("document.getElementById('again') != null").await {
        assert!(!ann.element("#send").await.is_displayed().await.unwrap());
        ann.element("#again button").await.click().await.unwrap();
        posting_as(&ann, "ann").await;
        ann.caught_up().await;
    }
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookies_is_told_at_the_door() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let tab = chromium.open().await;
    // As blocked: they are sent to it, and it sends none.
    tab.goto(&app.url("/rooms/lobby")).await;
    tab.cdp("Network.clearBrowserCookies", json!({})).await;
    tab.element("#username").await.send_keys("ann").await.unwrap();
    tab.element("#join button").await.click().await.unwrap();
    let problem = tab.element("#username-problem").await.text().await.unwrap();
    assert!(problem.contains("keeps no cookies"), "{problem}");
    // Where they are kept it works the next time.
    tab.element("#join button").await.click().await.unwrap();
    posting_as(&tab, "ann").await;
}

#[tokio::test]
async fn two_hundred_joins_of_one_browser_leave_its_first_tab_joined() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::with(&["--address-joins", "0"]);
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    let other = chromium.open().await;
    other.goto(&app.url("/rooms/attic")).await;
    let join = r"
        const [done] = arguments
        const post = (path, body) => fetch(path, { method: 'POST', body: new URLSearchParams(body) })
        const all = async () => {
            for (let n = 0; n < 200; n++) {
                const { url } = await post('/rooms/attic/join', { username: `n${n}` })
                if (!url.includes('/tabs/')) return `${n}: ${url}`
            }
            return ''
        }
        all().then(done)";
    let failed = other.driver().await.execute_async(join, vec![]).await.unwrap();
    assert_eq!(failed.json().as_str(), Some(""));
    ann.driver().await.refresh().await.unwrap();
    posting_as(&ann, "ann").await;
    ann.say("still here").await;
}
