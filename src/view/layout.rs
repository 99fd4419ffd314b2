//! The frame around every page.

use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use super::href;

/// The page gives way to a phone's keyboard, so that what is written stays above it.
pub(super) const VIEWPORT: &str =
    "width=device-width, initial-scale=1, interactive-widget=resizes-content";

/// What is in the head of every page. Rendered once, as [`SCRIPTS`] are: only a build changes them.
static HEAD: LazyLock<Markup> = LazyLock::new(|| {
    html! {
        meta charset="utf-8";
        meta name="viewport" content=(VIEWPORT);
        meta name="color-scheme" content="light dark";
        link rel="icon" type="image/svg+xml" href=(href("favicon.svg"));
        link rel="stylesheet" href=(href("pico.css"));
        link rel="stylesheet" href=(href("app.css"));
    }
});

/// Modules in the order in which they run, each with its own names, once the page is parsed. htmx starts
/// behind them. It is none, and not `defer`: it would start without waiting for the scripts after it,
/// and on a slow line the stream would never open.
const MODULES: &[&str] = &[
    "shelf.js",
    "net.js",
    "notify.js",
    "unread.js",
    "swap.js",
    "stream.js",
    "field.js",
    "draft.js",
    "app.js",
    "rooms.js",
    "fold.js",
    "bar.js",
];

/// What is at the end of the page, where it holds back nothing that can be read.
static SCRIPTS: LazyLock<Markup> = LazyLock::new(|| {
    html! {
        script src=(href("htmx.js")) {}
        script src=(href("hx-sse.js")) {}
        @for module in MODULES { script type="module" src=(href(module)) {} }
    }
});

/// What htmx is to do otherwise. Nothing here changes the address, and under one with credentials a
/// look at history throws. An error page is no content. An answer has 20 s to begin. When there is a
/// stream, `stream.js` decides.
const HTMX_CONFIG: &str = r#"{"history":false,"defaultTimeout":20000,"noSwap":[204,304,"4xx","5xx"],"sse":{"reconnect":false,"pauseOnBackground":false}}"#;

/// Bytes around the body, nearly.
const PAGE_BYTES_BESIDE_BODY: usize = 2048;

/// Bytes that follow, at most or nearly so: a page that grows as it is written is moved each time.
pub(crate) struct Reserve(pub usize);

impl Render for Reserve {
    fn render_to(&self, page: &mut String) {
        page.reserve(self.0);
    }
}

/// What only a script shows, for `net.js` to put in its place. Until then it stands in an attribute: text
/// browsers show what is `hidden`, and what stands in a `<template>`. It is nearly the same for everybody,
/// and made once: with [`SLOT`]s in it, for what is not.
pub(crate) struct Scripted(Vec<String>);

/// Where something is put in later: a character that no text of a page has.
pub(crate) const SLOT: &str = "\u{1}";

impl Scripted {
    /// The part, with its slots.
    pub(crate) fn of(part: &Markup) -> Self {
        let escaped = html! { (part.0) };
        Self(escaped.0.split(SLOT).map(ToOwned::to_owned).collect())
    }

    /// The part with as many others in its slots as it has, in their order.
    pub(crate) fn with(&self, parts: &[&Markup]) -> Markup {
        debug_assert_eq!(self.0.len(), parts.len() + 1, "a part for each slot");
        let mut whole = String::from("<div data-scripted=\"");
        for (at, piece) in self.0.iter().enumerate() {
            whole += piece;
            if let Some(part) = parts.get(at) {
                html! { (part.0) }.render_to(&mut whole);
            }
        }
        whole += "\" hidden></div>";
        PreEscaped(whole)
    }
}

/// What has a page asked for anew that comes back from the browser's memory: where messages stand still.
pub(crate) fn fresh() -> Markup {
    html! { script src=(href("fresh.js")) {} }
}

/// The bar at the top of a page that is no room's: what the page is, and where one can go from it.
pub(super) fn bar(title: &Markup, ways: &Markup) -> Markup {
    html! {
        header.top {
            h1 { (title) }
            @if !ways.0.is_empty() { nav aria-label="Pages" { (ways) } }
        }
    }
}

/// A whole page. `scripted` pages load htmx and our script; the others are complete without.
#[must_use]
pub(crate) fn page(title: &str, scripted: bool, body: &Markup) -> Markup {
    html! {
        (Reserve(PAGE_BYTES_BESIDE_BODY + body.0.len()))
        (DOCTYPE)
        html lang="en" {
            head {
                (*HEAD)
                title { (title) }
                @if scripted {
                    meta name="htmx-config" content=(HTMX_CONFIG);
                    script src=(href("list.js")) {}
                }
            }
            body {
                (body)
                @if scripted { (*SCRIPTS) }
            }
        }
    }
}
