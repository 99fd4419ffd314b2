//! A tab, as one who sits before it sees and uses it.

use serde::{Deserialize, de::DeserializeOwned};
use thirtyfour::{By, Key, WebDriver, WebElement, WindowHandle};

use crate::support::until;

/// One open page. The driver speaks to one window at a time, so every method turns to its own first.
pub struct Tab {
    driver: WebDriver,
    window: WindowHandle,
}

/// A message as it stands on the page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shown {
    pub id: String,
    pub name: String,
    pub text: String,
}

impl Tab {
    pub fn new(driver: WebDriver, window: WindowHandle) -> Self {
        Self { driver, window }
    }

    /// The driver, turned to this tab.
    pub async fn driver(&self) -> &WebDriver {
        self.driver.switch_to_window(self.window.clone()).await.expect("the tab is open");
        &self.driver
    }

    pub async fn goto(&self, url: &str) {
        self.driver().await.goto(url).await.expect("it loads");
    }

    /// Joins the lobby by its form.
    pub async fn join(&self, home: &str, name: &str) {
        self.goto(&format!("{home}/rooms/lobby")).await;
        self.element("#username").await.send_keys(name + Key::Enter).await.expect("it takes keys");
        self.element("#messages").await;
        self.mark().await;
    }

    /// Marks this load of the page, and keeps an eye on it: see [`Tab::is_marked`], [`Tab::twice`].
    pub async fn mark(&self) {
        let script = r"
            window.twice = []
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
        self.eval(
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
        let outcome = tokio::time::timeout(crate::support::PATIENCE, async {
            loop {
                last = self.shown().await.into_iter().map(|shown| shown.text).collect();
                if last == texts {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        });
        let came = outcome.await.is_ok();
        assert!(came, "the page shows {last:?}, not {texts:?}");
    }

    /// Waits for the element.
    pub async fn element(&self, css: &str) -> WebElement {
        until(css, async || self.driver().await.find(By::Css(css)).await.ok()).await
    }

    /// The value of a script's expression.
    pub async fn eval<T: DeserializeOwned>(&self, expression: &str) -> T {
        let script = format!("return {expression}");
        let ran = self.driver().await.execute(script, vec![]).await;
        ran.and_then(|ran| ran.convert()).unwrap_or_else(|why| panic!("{expression}: {why}"))
    }
}
