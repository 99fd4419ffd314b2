//! The three engines that people have, and what each takes to be driven.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thirtyfour::Capabilities;

use crate::{
    browser::Kind,
    screen::Colours,
    support::process::program::{find, not_run},
};

/// What draws and runs the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    /// In the small browser that its GTK port comes with.
    WebKit,
}

/// Nothing but the pages of the test: no window, no first-run pages, no traffic of its own. It
/// runs as root in containers, where its sandbox cannot.
const CHROMIUM_FLAGS: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Programs that were found.
pub struct Programs {
    pub driver: PathBuf,
    /// The browser; of WebKit, whose driver knows its own, the display that it cannot do without.
    pub other: PathBuf,
}

impl Engine {
    /// Finds what it takes, or says what is missing, and fails the test where it is required.
    pub fn programs(self) -> Option<Programs> {
        let (driver, other, variable) = match self {
            Self::Chromium => ("chromedriver", "chromium", "HUBBUB_BROWSER"),
            Self::Firefox => ("geckodriver", "firefox-esr", "HUBBUB_FIREFOX"),
            Self::WebKit => ("WebKitWebDriver", "Xvfb", "HUBBUB_WEBKIT"),
        };
        let found = find(driver).zip(find(other));
        if found.is_none() {
            not_run(&format!("{other} and {driver} are not both installed"), variable);
        }
        found.map(|(driver, other)| Programs { driver, other })
    }

    /// How it is asked for, with a profile of its own.
    pub fn wanted(
        self,
        kind: Kind,
        colours: &[Colours],
        browser: &Path,
        profile: &Path,
    ) -> Capabilities {
        let scripts = kind != Kind::WithoutScripts;
        let binary = browser.to_str().expect("UTF-8");
        let (name, options) = match self {
            Self::Chromium => {
                let profile = format!("--user-data-dir={}", profile.display());
                let flags = CHROMIUM_FLAGS.into_iter().chain([&*profile]).collect::<Vec<_>>();
                ("goog:chromeOptions", json!({ "binary": binary, "args": flags }))
            }
            Self::Firefox => {
                // Without a screen it says of itself that nothing points at it.
                let mouse = 6;
                let preferences = json!({
                    "javascript.enabled": scripts,
                    "ui.primaryPointerCapabilities": mouse,
                    "ui.allPointerCapabilities": mouse,
                });
                let options =
                    json!({ "binary": binary, "args": ["-headless"], "prefs": preferences });
                ("moz:firefoxOptions", options)
            }
            Self::WebKit => {
                let mut flags =
                    vec!["--automation".to_owned(), format!("--enable-javascript={scripts}")];
                if colours[0] == Colours::Dark {
                    flags.push("--dark-mode".to_owned());
                }
                ("webkitgtk:browserOptions", json!({ "args": flags }))
            }
        };
        let mut wanted = Capabilities::new();
        let mut set = |name: &str, value: Value| wanted.set(name, value).expect("a capability");
        set(name, options);
        if self == Self::Chromium {
            set("goog:loggingPrefs", json!({ "browser": "ALL" }));
            // nginx before hubbub has a certificate of the test's own.
            set("acceptInsecureCerts", true.into());
        }
        if !scripts {
            // The driver would wait for the end of a frame that has none, before every command.
            set("pageLoadStrategy", "none".into());
        }
        wanted
    }
}
