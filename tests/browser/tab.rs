//! A tab, as one who sits before it sees and uses it.

use std::time::{Duration, Instant};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use thirtyfour::{By, Key, WebDriver, WebElement, WindowHandle, error::WebDriverResult};

use crate::{
    engine::Engine,
    screen::Colours,
    support::{PATIENCE, until},
};

/// One open page, or a frame in it. The driver speaks to one at a time, so every method turns to
/// its own first.
pub struct Tab {
    pub engine: Engine,
    /// Those that it can be turned to.
    pub colours: &'static [Colours],
    driver: WebDriver,
    window: WindowHandle,
    frame: Option<&'static str>,
}

/// A message as it stands on the page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shown {
    pub id: String,
    pub name: String,
    pub text: String,
}

impl Tab {
    pub fn new(engine: Engine, driver: WebDriver, window: WindowHandle) -> Self {
        Self { engine, colours: engine.sessions()[0], driver, window, frame: None }
    }

    /// The same tab by the eyes of one frame in its page.
    pub fn frame(&self, css: &'static str) -> Self {
        let (driver, window) = (self.driver.clone(), self.window.clone());
        Self { driver, window, frame: Some(css), ..*self }
    }

    /// The driver, turned to this tab, and there to its frame.
    pub async fn driver(&self) -> &WebDriver {
        let window = &self.window;
        self.driver.switch_to_window(window.clone()).await.expect("the tab is open");
        if let Some(css) = self.frame {
            until(css, async || {
                let frame = self.driver.find(By::Css(css)).await.ok()?;
                frame.enter_frame().await.ok()
            })
            .await;
        }
        &self.driver
    }

    pub async fn goto(&self, url: &str) {
        self.driver().await.goto(url).await.expect("it loads");
    }

    /// Does what leads to another page, and waits for that: where pages run no script, the driver does
    /// not.
    pub async fn arrive(&self, go: impl Future<Output = ()>) {
        self.run("document.documentElement.dataset.left = ''").await;
        go.await;
        let is_new = "document.documentElement.dataset.left === undefined";
        self.until(&format!("{is_new} && document.readyState !== 'loading'")).await;
    }

    /// Joins the lobby by its form.
    pub async fn join(&self, home: &str, name: &str) {
        self.goto(&format!("{home}/rooms/lobby")).await;
        self.join_here(name).await;
    }

    /// Joins by the form that it shows.
    pub async fn join_here(&self, name: &str) {
        self.element("#username").await;
        self.until("document.readyState === 'complete'").await;
        let field = self.element("#username").await;
        // Without the page's script, what is filled in does not give way to what is typed.
        if self
            .eval("username.value !== '' && username.selectionStart === username.selectionEnd")
            .await
        {
            field.clear().await.expect("it can be cleared");
        }
        field.send_keys(name + Key::Enter).await.expect("it takes keys");
        self.element("#leave").await;
        self.mark().await;
    }

    /// Leaves, by the menu in the header.
    pub async fn leave(&self) {
        self.open("#menu").await;
        self.element("#leave button").await.click().await.expect("it can be clicked");
    }

    /// Opens what a click on its summary opens.
    pub async fn open(&self, details: &str) {
        if !self.eval::<bool>(&format!("document.querySelector('{details}').open")).await {
            let summary = self.element(&format!("{details} summary")).await;
            summary.click().await.expect("it can be clicked");
        }
    }

    /// Marks this load of the page, and keeps an eye on it: see [`Tab::is_marked`], [`Tab::twice`].
    pub async fn mark(&self) {
        let script = r"
            window.twice = []
            window.complaints = []
            for (const kind of ['error', 'unhandledrejection', 'securitypolicyviolation'])
                addEventListener(kind, (event) => complaints.push(
                    `${kind}: ${event.reason ?? event.message ?? event.blockedURI}`))
            const look = () => {
                const ids = [...document.querySelectorAll('.message')].map(({ id }) => id)
                window.twice.push(...ids.filter((id, at) => ids.indexOf(id) !== at))
                requestAnimationFrame(look)
            }
            look()";
        self.driver().await.execute(script, vec![]).await.expect("it runs");
    }

    /// Whether the page is still the one that was marked: it was not loaded anew.
    pub async fn is_marked(&self) -> bool {
        self.eval("Array.isArray(window.twice)").await
    }

    /// Ids that stood on the marked page twice in any frame that was painted.
    pub async fn twice(&self) -> Vec<String> {
        self.eval("window.twice").await
    }

    /// Types where the keyboard is, as hands do, and presses Enter.
    pub async fn type_blindly(&self, text: &str) {
        let keys = self.driver().await.action_chain().send_keys(text + Key::Enter);
        keys.perform().await.expect("it takes keys");
    }

    /// Presses a key where the keyboard is, with Shift to go back.
    pub async fn press(&self, key: Key, back: bool) {
        let keys = self.driver().await.action_chain();
        let keys = if back {
            keys.key_down(Key::Shift).send_keys(key + "").key_up(Key::Shift)
        } else {
            keys.send_keys(key + "")
        };
        keys.perform().await.expect("it takes keys");
    }

    /// Types into the field and clicks Send, as it is done where no script is.
    pub async fn send_by_button(&self, text: &str) {
        self.field().await.send_keys(text).await.expect("it takes keys");
        self.element("#send button").await.click().await.expect("it is there");
    }

    /// Types into the field and presses Enter.
    pub async fn send(&self, text: &str) {
        self.field().await.send_keys(text + Key::Enter).await.expect("it takes keys");
    }

    /// Types, presses Enter, and waits for the server's word: the field is empty again.
    pub async fn say(&self, text: &str) {
        self.send(text).await;
        until("the field is empty again", async || self.draft().await.is_empty().then_some(()))
            .await;
    }

    pub async fn field(&self) -> WebElement {
        self.element("#text").await
    }

    /// What stands in the field.
    pub async fn draft(&self) -> String {
        self.eval("document.getElementById('text').value").await
    }

    /// What the line below the field says.
    pub async fn note(&self) -> String {
        self.eval("document.getElementById('send-note').textContent").await
    }

    /// The id of the element that has the keyboard.
    pub async fn focus(&self) -> String {
        self.eval("document.activeElement.id").await
    }

    /// Every message on the page, wherever it stands on it.
    pub async fn shown(&self) -> Vec<Shown> {
        self.try_shown().await.expect("a page")
    }

    async fn try_shown(&self) -> WebDriverResult<Vec<Shown>> {
        self.try_eval(
            r"[...document.querySelectorAll('.message')].map((message) => ({
                id: message.dataset.key,
                name: message.querySelector('strong').textContent.replace(/:$/, ''),
                text: message.querySelector('span').textContent,
            }))",
        )
        .await
    }

    /// Waits until the page shows exactly these texts, in this order.
    pub async fn shows(&self, texts: &[&str]) {
        let mut last = Vec::new();
        let begun = Instant::now();
        while last != texts {
            assert!(begun.elapsed() < PATIENCE, "the page shows {last:?}, not {texts:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
            // A frame may be going on to its next document just now.
            let shown = self.try_shown().await.unwrap_or_default();
            last = shown.into_iter().map(|shown| shown.text).collect();
        }
    }

    /// Waits for the element.
    pub async fn element(&self, css: &str) -> WebElement {
        until(css, async || self.driver().await.find(By::Css(css)).await.ok()).await
    }

    /// The value of a script's expression.
    pub async fn eval<T: DeserializeOwned>(&self, expression: &str) -> T {
        let value = self.try_eval(expression).await;
        value.unwrap_or_else(|why| panic!("{expression}: {why}"))
    }

    async fn try_eval<T: DeserializeOwned>(&self, expression: &str) -> WebDriverResult<T> {
        let script = format!("return {expression}");
        self.driver().await.execute(script, vec![]).await?.convert()
    }

    /// Waits until an expression is true.
    pub async fn until(&self, expression: &str) {
        until(expression, async || self.try_eval::<bool>(expression).await.ok()?.then_some(()))
            .await;
    }

    /// What DevTools know it by.
    pub fn id(&self) -> String {
        self.window.to_string()
    }

    /// Closes it without turning to it.
    pub async fn close_unseen(self) {
        let id = json!({ "targetId": self.id() });
        let cdp = self.driver.cdp();
        cdp.send_raw("Target.closeTarget", id).await.expect("it closes");
    }

    /// Sends a DevTools command.
    pub async fn cdp(&self, command: &'static str, parameters: serde_json::Value) {
        let cdp = self.driver().await.cdp();
        cdp.send_raw(command, parameters).await.unwrap_or_else(|why| panic!("{command}: {why}"));
    }

    /// Runs a script for what it does.
    pub async fn run(&self, script: &str) {
        self.driver().await.execute(script, vec![]).await.expect("it runs");
    }

    /// Waits until the list is live again: the page has caught up.
    pub async fn caught_up(&self) {
        self.until("document.getElementById('messages')._htmx?.sse != null").await;
        self.until("document.querySelector('.log').ariaLive === 'polite'").await;
        self.until("document.getElementById('connection').textContent === ''").await;
    }

    /// Where the message with this text begins, from the top of the view, in CSS pixels.
    pub async fn place(&self, text: &str) -> f64 {
        let find = r"[...document.querySelectorAll('.message')]
            .find((message) => message.querySelector('span').textContent === ";
        self.eval(&format!("{find} {text:?}).getBoundingClientRect().top")).await
    }

    /// Lets the list be scrolled by so many pixels, up where negative, and waits until that is
    /// painted, as for everybody who scrolls by hand.
    pub async fn scroll(&self, by: i32) {
        let scroll = r"
            const [by, done] = arguments
            document.querySelector('.scroller').scrollBy(0, by)
            requestAnimationFrame(() => requestAnimationFrame(() => done()))";
        self.driver().await.execute_async(scroll, vec![by.into()]).await.expect("it runs");
    }
}
