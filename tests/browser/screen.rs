//! What a tab is looked at on: the size of its view, zoom, the system's colours, a mouse or a finger.
//! A test says what; each engine has it by means of its own, and each is asked whether it took it.

use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::{RequestData, SessionId, common::command::FormatRequestData};

use crate::{engine::Engine, tab::Tab};

/// Whose colours a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    Light,
    Dark,
    /// The system's own, and no others.
    Forced,
}

impl Colours {
    const fn query(self) -> &'static str {
        match self {
            Self::Light => "(prefers-color-scheme: light) and (forced-colors: none)",
            Self::Dark => "(prefers-color-scheme: dark) and (forced-colors: none)",
            Self::Forced => "(forced-colors: active)",
        }
    }
}

impl Engine {
    /// Colours that a page can be looked at in, by the browsers that this takes.
    ///
    /// WebKit takes them at its start, and has no forced ones: its `forced-colors` is `none` under
    /// GTK's `HighContrast`, too, and its driver has no command for it.
    pub const fn sessions(self) -> &'static [&'static [Colours]] {
        match self {
            Self::Chromium | Self::Firefox => &[&[Colours::Light, Colours::Dark, Colours::Forced]],
            Self::WebKit => &[&[Colours::Light], &[Colours::Dark]],
        }
    }
}

/// Firefox takes no window that is narrower, in pixels of the screen.
const NARROWEST_WINDOW: u32 = 500;

impl Tab {
    /// Shows the page in these colours, of those that its browser can be turned to.
    pub async fn turn(&self, colours: Colours) {
        match self.engine {
            Engine::Chromium => {
                let (name, value) = match colours {
                    Colours::Light => ("prefers-color-scheme", "light"),
                    Colours::Dark => ("prefers-color-scheme", "dark"),
                    Colours::Forced => ("forced-colors", "active"),
                };
                let media = json!({ "features": [{ "name": name, "value": value }] });
                self.cdp("Emulation.setEmulatedMedia", media).await;
            }
            Engine::Firefox => {
                let scheme = u32::from(colours != Colours::Dark);
                let whose = if colours == Colours::Forced { 2 } else { 0 };
                self.prefer("layout.css.prefers-color-scheme.content-override", scheme).await;
                self.prefer("browser.display.document_color_use", whose).await;
            }
            Engine::WebKit => {} // It was started so.
        }
        self.until(&format!("matchMedia('{}').matches", colours.query())).await;
    }

    /// Gives the page's view this size, in CSS pixels.
    pub async fn size(&self, width: u32, height: u32) {
        self.zoomed(width, height, 1).await;
    }

    /// Gives the page's view the size that it has at this zoom in a window so many times as large.
    ///
    /// In WebKit it gets the size alone: its browser zooms by keys, and those of the driver go to the
    /// page and not to it.
    pub async fn zoomed(&self, width: u32, height: u32, zoom: u32) {
        match self.engine {
            Engine::Chromium => {
                let size = json!({ "width": width, "height": height, "deviceScaleFactor": zoom, "mobile": false });
                self.cdp("Emulation.setDeviceMetricsOverride", size).await;
            }
            Engine::Firefox => {
                let zoom = zoom.max(NARROWEST_WINDOW.div_ceil(width));
                let script = r"
                    const [width, height, zoom] = arguments
                    const browser = gBrowser.selectedBrowser
                    FullZoom.setZoom(zoom, browser)
                    window.resizeTo(width * zoom + window.outerWidth - browser.clientWidth,
                        height * zoom + window.outerHeight - browser.clientHeight)";
                self.chrome(script, vec![width.into(), height.into(), zoom.into()]).await;
                self.until(&format!("devicePixelRatio === {zoom}")).await;
            }
            Engine::WebKit => {
                let bar: u32 = self.eval("outerHeight - innerHeight").await;
                let driver = self.driver().await;
                driver.set_window_rect(0, 0, width, height + bar).await.expect("it obeys");
            }
        }
        self.until(&format!("innerWidth === {width} && innerHeight === {height}")).await;
    }

    /// Lets a finger be all that one has, on a phone's screen. WebKit asks GTK for a touch screen, and
    /// an X server without a screen has none.
    pub async fn touch(&self) {
        match self.engine {
            Engine::Chromium => {
                let phone =
                    json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
                self.cdp("Emulation.setDeviceMetricsOverride", phone).await;
                self.cdp("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
            }
            Engine::Firefox => {
                for which in ["primary", "all"] {
                    self.prefer(&format!("ui.{which}PointerCapabilities"), 1).await;
                }
                self.size(360, 740).await;
            }
            Engine::WebKit => panic!("it has no touch screen"),
        }
        self.until("matchMedia('(pointer: coarse)').matches").await;
    }

    /// Moves the mouse to a place in the view.
    pub async fn point(&self, x: f64, y: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a place in a window")]
        let (x, y) = (x.round() as i64, y.round() as i64);
        // By itself the driver would take its time over the way.
        let moved = self.driver().await.action_chain_with_delay(None, Some(Duration::ZERO));
        moved.move_to(x, y).perform().await.expect("it moves");
    }

    /// Sets a preference of Firefox while it runs.
    pub async fn prefer(&self, name: &str, value: u32) {
        let script = "Services.prefs.setIntPref(arguments[0], arguments[1])";
        self.chrome(script, vec![name.into(), value.into()]).await;
    }

    /// Runs a script in Firefox itself, not in the page.
    async fn chrome(&self, script: &str, parameters: Vec<Value>) {
        let driver = self.driver().await;
        driver.handle().cmd(Context("chrome")).await.expect("it allows that");
        let ran = driver.execute(script, parameters).await;
        driver.handle().cmd(Context("content")).await.expect("it allows that");
        ran.expect("it runs");
    }
}

/// Where Firefox runs the scripts that follow.
#[derive(Debug)]
struct Context(&'static str);

impl FormatRequestData for Context {
    fn format_request(&self, session: &SessionId) -> RequestData {
        RequestData::new(reqwest::Method::POST, format!("/session/{session}/moz/context"))
            .add_body(json!({ "context": self.0 }))
    }
}
