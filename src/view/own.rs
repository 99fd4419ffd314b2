//! What one has sent, and the forms to take it back or to say it better.

use maud::{Markup, html};

use super::{layout, message};
use crate::{message::Message, paths};

/// A message, and what may be done with it.
pub(crate) struct Own<'a> {
    /// The message.
    pub message: &'a Message,
    /// Whether it may be taken back.
    pub remove: bool,
    /// Whether it may get another text.
    pub edit: bool,
    /// What is in the field for that.
    pub draft: &'a str,
    /// Why that could not be taken.
    pub problem: Option<&'a str>,
}

/// What was said before a message, and after it.
pub(crate) struct Context<'a> {
    /// Before it, oldest first.
    pub before: &'a [Message],
    /// Whether there is more.
    pub older: bool,
    /// After it, oldest first.
    pub after: &'a [Message],
    /// Whether there is more.
    pub newer: bool,
}

/// The page of one message, among those around it.
#[must_use]
pub(crate) fn page(own: &Own<'_>, context: &Context<'_>, back: &str) -> Markup {
    layout::page(
        &format!("A message in #{}", own.message.room),
        false,
        &html! {
            (layout::bar(
                &html! { "A message in " a href=(back) translate="no" { "#" (own.message.room) } },
                &html! {},
            ))
            main.narrow.wide {
                @if let Some(oldest) = context.before.first().filter(|_| context.older) {
                    p.older { a href=(place(oldest)) { "Older messages" } }
                }
                (message::fragments(context.before))
                // For those who listen, and for the style sheet: which of them it is.
                // In view at once, also where no address says which of the page's parts is meant; and
                // where its text was refused, the field is.
                div.this aria-current="true" tabindex="-1" autofocus[own.problem.is_none()] {
                    (message::fragment(own.message))
                    (forms(own))
                }
                (message::fragments(context.after))
                @if let Some(newest) = context.after.last().filter(|_| context.newer) {
                    p.older { a href=(place(newest)) { "Newer messages" } }
                }
                @if !own.remove && !own.edit {
                    p { "Only the tab that sent a message can change it." }
                }
                p.foot { a href=(back) { "Back to the room" } }
            }
            (layout::fresh())
        },
    )
}

/// The address of a message among those around it.
pub(super) fn place(message: &Message) -> String {
    format!("{}#m{}", paths::message(&message.room, &message.id), message.seq())
}

/// The page of what a tab has sent.
#[must_use]
pub(crate) fn list(all: &[Own<'_>], back: &str) -> Markup {
    layout::page(
        "Your messages",
        false,
        &html! {
            (layout::bar(&html! { "Your messages" }, &html! {}))
            main.narrow {
                @if all.is_empty() { p { "This tab has sent nothing that is still there." } }
                @for own in all {
                    (message::fragment(own.message))
                    details.menu {
                        summary { "Edit or remove" }
                        (forms(own))
                    }
                }
                p.foot { a href=(back) { "Back to the room" } }
            }
            (layout::fresh())
        },
    )
}

fn forms(own: &Own<'_>) -> Markup {
    let Own { message, remove, edit, draft, problem } = own;
    let address = paths::message(&message.room, &message.id);
    let field = format!("text-{}", message.seq());
    let note = format!("note-{}", message.seq());
    html! {
        @if *edit {
            form method="post" action={ (address) "/edit" } {
                label for=(field) { "New text" }
                // A line break right after the tag is not part of the text.
                textarea id=(field) name="text" rows="3" dir="auto" required autocomplete="off" autofocus[problem.is_some()]
                    aria-invalid=[problem.map(|_| "true")] aria-describedby=(note) { "\n" (draft) }
                small id=(note) { @if let Some(problem) = problem { (problem) } }
                button { "Save" }
            }
        }
        @if *remove {
            form method="post" action={ (address) "/remove" } {
                // Text browsers send a form without fields as a GET.
                input type="hidden" name="remove" value="1";
                button.danger { "Remove for everyone" }
            }
        }
    }
}
