//! What a host, or the operator, does as a program, so that a browser can show what comes of it; and
//! how somebody comes into a private room by a browser.

use serde_json::Value;

use crate::{
    support::{TestApp, host},
    tab::Tab,
};

/// Posts a form with a token, and gives what it is answered; it must be taken.
pub use host::done as put;

/// The room that these are about.
pub const ROOM: &str = "/rooms/attic";

/// Its name.
const NAME: &str = "attic";

/// The operator's token.
pub fn operator(app: &TestApp) -> String {
    host::operator(&app.data())
}

/// Opens the room as a private one, and gives its host's token.
pub async fn open(app: &TestApp) -> String {
    host::open(app, NAME).await
}

/// Makes a link into the room: its token, and its id.
pub async fn give(app: &TestApp, token: &str, role: &str) -> (String, String) {
    host::give(app, NAME, token, role).await
}

/// Sets rules of the room.
pub async fn rule(app: &TestApp, token: &str, rules: &[(&str, &str)]) {
    host::rule(app, NAME, token, rules).await;
}

/// A text in an object.
pub fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}")).to_owned()
}

/// Follows a link into the room, and joins there.
pub async fn enter(tab: &Tab, home: &str, token: &str, name: &str) {
    tab.goto(&format!("{home}{ROOM}?key={token}")).await;
    tab.element("main button").await.click().await.unwrap();
    tab.join_here(name).await;
}

/// Joins by a link, live, in a browser that runs no script.
pub async fn enter_without_script(tab: &Tab, home: &str, token: &str, name: &str) {
    enter(tab, home, token, name).await;
    tab.frame("iframe.live").until("location.search.includes('format=html')").await;
}

/// Waits until the page says that one may not be here any more, and gives its words. It offers to join
/// no more, and has let go of its stream for good.
pub async fn put_out(tab: &Tab) -> String {
    tab.until("!document.getElementById('again').hidden").await;
    for hidden in ["#send", "#again button"] {
        assert!(!tab.element(hidden).await.is_displayed().await.unwrap(), "{hidden}");
    }
    tab.until("document.getElementById('messages')._htmx?.sse == null").await;
    // What brings back a page that waits brings nothing here.
    let asked = r"(async () => {
        const before = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/events')).length
        dispatchEvent(new Event('online'))
        document.dispatchEvent(new Event('visibilitychange'))
        await (await fetch('/healthz')).text()
        return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/events')).length - before
    })()";
    assert_eq!(tab.eval::<u32>(asked).await, 0, "it asks for no stream");
    tab.until("document.getElementById('connection').textContent === ''").await;
    tab.element("#again").await.text().await.unwrap()
}
