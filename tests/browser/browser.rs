//! A browser of its own for each test, driven through a driver of its own; both gone with the test.

use std::cell::Cell;

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::{WebDriver, WindowHandle};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{driver::Driver, engine::Engine, screen::Colours, tab::Tab};

/// One browser: all its tabs share its cookies.
pub struct Browser {
    pub engine: Engine,
    pub driver: WebDriver,
    kind: Kind,
    colours: &'static [Colours],
    first: Option<WindowHandle>,
    /// What [`Browser::hide`] turns to.
    cover: Option<Tab>,
    // In this order: the browser ends before its profile goes.
    _process: Driver,
    pub profile: TempDir,
    _turn: Option<Turn>,
}

/// Turns that there are: two tests have a Chromium at a time, or one has a Firefox or WebKit, which keep
/// two processors busy while they start. Pages that wait for those would miss their deadlines.
const ALL_TURNS: u32 = 2;
static TURNS: Semaphore = Semaphore::const_new(ALL_TURNS as usize);

thread_local! {
    /// Whether the test on this thread has its turn: it may start a second browser.
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
}

/// A test's turn, until this is dropped.
struct Turn(#[expect(dead_code, reason = "it is held")] SemaphorePermit<'static>);

impl Turn {
    /// `None` where the test has it already.
    async fn take(engine: Engine) -> Option<Self> {
        if HAS_TURN.get() {
            return None;
        }
        let turns = if engine == Engine::Chromium { 1 } else { ALL_TURNS };
        let permit = TURNS.acquire_many(turns).await.expect("it is never closed");
        HAS_TURN.set(true);
        Some(Self(permit))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        HAS_TURN.set(false);
    }
}

/// How its tabs are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each in a window of its own, as if somebody sat before each.
    Windows,
    /// The same, and their pages run no script; the driver's own still do.
    WithoutScripts,
    /// All in one window: the driver turns to one, and the others are hidden.
    OneWindow,
}

impl Browser {
    /// Starts one, or says why the test cannot run.
    pub async fn start(engine: Engine) -> Option<Self> {
        Self::with(engine, Kind::Windows).await
    }

    /// Starts one whose pages run no script; the driver's own still do.
    pub async fn without_scripts(engine: Engine) -> Option<Self> {
        Self::with(engine, Kind::WithoutScripts).await
    }

    /// Starts one whose tabs share a window: all but the one that the driver turned to last are
    /// hidden. (In WebKit, whose driver does not turn to tabs, use one only.)
    pub async fn with_one_window(engine: Engine) -> Option<Self> {
        Self::with(engine, Kind::OneWindow).await
    }

    /// Lets `look` have one for each part of the colours that pages can be turned to: see
    /// [`Engine::sessions`].
    pub async fn in_all_colours(engine: Engine, look: impl AsyncFn(Self)) {
        for colours in engine.sessions() {
            let browser = Self::wished(engine, Kind::Windows, colours, None).await;
            let Some(browser) = browser else { return };
            look(browser).await;
        }
    }

    /// Starts one where it is as late as in this zone.
    pub async fn in_zone(engine: Engine, zone: &str) -> Option<Self> {
        Self::wished(engine, Kind::Windows, engine.sessions()[0], Some(zone)).await
    }

    async fn with(engine: Engine, kind: Kind) -> Option<Self> {
        Self::wished(engine, kind, engine.sessions()[0], None).await
    }

    async fn wished(
        engine: Engine,
        kind: Kind,
        colours: &'static [Colours],
        zone: Option<&str>,
    ) -> Option<Self> {
        let programs = engine.programs()?;
        let turn = Turn::take(engine).await;
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let mut process = Driver::start(engine, &programs, profile.path(), zone).await;
        let wanted = engine.wanted(kind, colours, &programs.other, profile.path());
        let driver = WebDriver::new(process.url(), wanted).await.expect("the browser starts");
        if engine != Engine::Chromium {
            process.end_with(&driver.session_id().to_string());
        }
        // The driver ends the browser; the client would do it on drop, and would block there.
        driver.clone().leak().expect("it runs");
        let first = driver.window().await.expect("it opens with a window");
        Some(Self {
            engine,
            driver,
            kind,
            colours,
            first: Some(first),
            cover: None,
            _process: process,
            profile,
            _turn: turn,
        })
    }

    /// An empty tab.
    pub async fn open(&mut self) -> Tab {
        let window = match (self.first.take(), self.kind) {
            (Some(first), _) => first,
            (None, Kind::OneWindow) => self.driver.new_tab().await.expect("a tab"),
            (None, _) => self.driver.new_window().await.expect("a window"),
        };
        let mut tab = Tab::new(self.engine, self.driver.clone(), window);
        tab.colours = self.colours;
        if self.engine != Engine::Chromium {
            return tab;
        }
        if self.kind == Kind::OneWindow {
            tab.driver().await; // Which hides the others.
            return tab;
        }
        let cdp = tab.driver().await.cdp();
        // Each window is as one that somebody sits before: which of them has the keyboard is chance.
        let on = json!({ "enabled": true });
        cdp.send_raw("Emulation.setFocusEmulationEnabled", on).await.expect("it obeys");
        if self.kind == Kind::WithoutScripts {
            let off = json!({ "value": true });
            cdp.send_raw("Emulation.setScriptExecutionDisabled", off).await.expect("it obeys");
        }
        tab
    }

    /// A tab that joined the lobby of the hubbub at `home` (`http://ADDR`).
    pub async fn join(&mut self, home: &str, name: &str) -> Tab {
        let tab = self.open().await;
        tab.join(home, name).await;
        tab
    }

    /// Hides a tab of a browser with one window, until [`Browser::show`].
    pub async fn hide(&mut self, tab: &Tab) {
        if self.engine == Engine::WebKit {
            tab.driver().await.minimize_window().await.expect("it obeys");
            return;
        }
        let cover = match self.cover.take() {
            Some(cover) => cover,
            None => self.open().await,
        };
        self.cover.insert(cover).driver().await;
    }

    /// Shows a tab that was hidden.
    pub async fn show(&self, tab: &Tab) {
        let driver = tab.driver().await;
        if self.engine == Engine::WebKit {
            driver.maximize_window().await.expect("it obeys");
        }
    }

    /// What the consoles complained of since the last call: script errors, refused loads,
    /// violations of the content policy. Other engines than Chromium tell the page alone, and so
    /// [`Tab::mark`].
    pub async fn complaints(&self) -> Vec<String> {
        if self.engine != Engine::Chromium {
            let mut all = Vec::new();
            for window in self.driver.windows().await.expect("windows") {
                let tab = Tab::new(self.engine, self.driver.clone(), window);
                all.extend(tab.eval::<Vec<String>>("window.complaints ?? []").await);
            }
            return all;
        }
        let entries = self.driver.browser_log().await.expect("the console");
        let bad =
            entries.into_iter().filter(|entry| ["SEVERE", "WARNING"].contains(&&*entry.level));
        // The page that a window opens with is the browser's own.
        let ours = bad.filter(|entry| !entry.message.starts_with("chrome://"));
        ours.map(|entry| entry.message).collect()
    }
}
