//! The frame around every page.

use maud::{DOCTYPE, Markup, html};

use crate::assets::href;

/// A whole page. `scripted` pages load htmx and our script; the others are complete without.
#[must_use]
pub fn page(title: &str, scripted: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(href("favicon.svg"));
                link rel="stylesheet" href=(href("pico.css"));
                link rel="stylesheet" href=(href("app.css"));
                @if scripted { script src=(href("list.js")) {} }
            }
            body {
                (body)
                // Not `defer`: htmx would start without waiting for the scripts after it, and
                // on a slow line the stream would never open. From here they hold back nothing
                // that can be read, and htmx waits for the end of the page.
                @if scripted {
                    script src=(href("htmx.js")) {}
                    script src=(href("hx-sse.js")) {}
                    script src=(href("app.js")) {}
                    script src=(href("draft.js")) {}
                }
            }
        }
    }
}
