//! The form to find what was said, and what is found.

use std::ops::Range;

use jiff::Timestamp;
use maud::{Markup, html};

use super::{layout, own, when};
use crate::{
    message::{Message, MessageId, RoomName, State},
    paths,
};

/// The page of a search.
pub(crate) struct Page<'a> {
    /// The room that is searched, and where it is: the page of a tab that the browser has there, or
    /// the one to join by. `None` for all rooms.
    pub room: Option<(&'a RoomName, &'a str)>,
    /// What stands in the field.
    pub words: &'a str,
    /// The most characters that it takes.
    pub max_chars: usize,
    /// Why it cannot be looked for.
    pub problem: Option<&'a str>,
    /// What was found, where something was looked for.
    pub found: Option<Found<'a>>,
}

/// What was found.
pub(crate) struct Found<'a> {
    /// The hits, the newest first.
    pub hits: Vec<Hit<'a>>,
    /// The place before which there may be more.
    pub older: Option<&'a MessageId>,
    /// Whether newer ones were shown before.
    pub goes_on: bool,
    /// Whether all that was sent can be found.
    pub complete: bool,
    /// Where it cannot: when the last was said that can, where anything can.
    pub upto: Option<Timestamp>,
}

/// A message, and where in its text is what was looked for.
pub(crate) struct Hit<'a> {
    /// The message.
    pub message: &'a Message,
    /// In bytes: in order, and apart from each other.
    pub marks: &'a [Range<usize>],
}

/// Characters of a long text that are shown, and how many of them stand before the first mark: some
/// lines, with what was looked for among them.
const MAX_SHOWN: usize = 400;
const MAX_BEFORE: usize = 100;

/// The page.
pub(crate) fn page(page: &Page<'_>) -> Markup {
    let Page { room, words, found, .. } = page;
    let place = room.map_or("all rooms".to_owned(), |(room, _)| format!("#{room}"));
    let title = format!("Search in {place}");
    layout::page(
        &title,
        false,
        &html! {
            (layout::bar(&html! { (title) }, &html! { a href=(paths::ROOMS) { "Rooms" } }))
            main.narrow.wide {
                (form(page))
                @if let Some(found) = found { (results(found, room.map(|(room, _)| room), words)) }
                p.foot {
                    @if let Some((_, back)) = room {
                        a href=(back) { "Back to the room" }
                        " · "
                        a href=(paths::search(None, words, None)) { "Search all rooms" }
                    } @else {
                        "All open rooms are searched, and the private ones on your list. "
                        a href=(paths::ROOMS) { "Rooms" }
                    }
                }
            }
        },
    )
}

fn form(page: &Page<'_>) -> Markup {
    let Page { room, words, max_chars, problem, .. } = page;
    html! {
        form.find role="search" method="get" action=(paths::search(room.map(|(room, _)| room), "", None)) {
            label for="q" { "Words, or a “phrase in quotes”" }
            div.field {
                input id="q" name="q" type="search" value=(words) maxlength=(max_chars) dir="auto"
                    autocomplete="off" autofocus[words.is_empty()] placeholder="Words, or a “phrase in quotes”"
                    aria-invalid=[problem.map(|_| "true")]
                    aria-describedby=[problem.map(|_| "q-problem")];
                button.secondary { "Search" }
            }
            @if let Some(problem) = problem { small id="q-problem" role="alert" { (problem) } }
        }
    }
}

fn results(found: &Found<'_>, room: Option<&RoomName>, words: &str) -> Markup {
    html! {
        @match found.upto {
            _ if found.complete => {}
            Some(upto) => p.behind role="status" {
                "The index is being built, and reaches up to "
                time datetime={ (format!("{upto:.3}")) } { (when::whole(upto)) }
                ": what was said later cannot be found yet."
            }
            None => p.behind role="status" {
                "The index is being built: not everything can be found yet."
            }
        }
        @if found.hits.is_empty() {
            p.empty {
                @if found.older.is_some() { "Nothing so far: there is more to look through." }
                @else if found.goes_on { "Nothing older has these words." }
                @else { "No message has these words." }
            }
        } @else {
            ol.hits {
                @for hit in &found.hits { li { (hit_of(hit, room.is_none())) } }
            }
        }
        @if let Some(older) = found.older {
            p.older { a href=(paths::search(room, words, Some(older))) { "Older messages" } }
        }
    }
}

/// A hit: who said it when, which leads to it, and its text.
fn hit_of(hit: &Hit<'_>, with_room: bool) -> Markup {
    let Message { room, name, .. } = hit.message;
    html! {
        p {
            strong { (name) } " "
            @if with_room { span.place translate="no" { "#" (room) } " " }
            a href=(own::place(hit.message)) { (when::time(hit.message.sent_at, Timestamp::now())) }
            @if hit.message.state == State::Edited { " " small.edited { "edited" } }
        }
        p.found dir="auto" { (marked(hit.message.text.as_str(), hit.marks)) }
    }
}

/// A text, or of a long one what stands around the first mark, with all that was looked for marked.
/// No whitespace of ours stands in it.
fn marked(text: &str, marks: &[Range<usize>]) -> Markup {
    let shown = shown(text, marks.first().map_or(0, |mark| mark.start));
    let within = |at: usize| at.clamp(shown.start, shown.end);
    let marks = marks.iter().map(|mark| within(mark.start)..within(mark.end));
    let marks: Vec<_> = marks.filter(|mark| !mark.is_empty()).collect();
    let starts = std::iter::once(shown.start).chain(marks.iter().map(|mark| mark.end));
    let ends = marks.iter().map(|mark| mark.start).chain([shown.end]);
    let between: Vec<_> = starts.zip(ends).collect();
    html! {
        @if shown.start > 0 { "…" }
        @for (place, (start, end)) in between.iter().enumerate() {
            (text[*start..*end])
            @if let Some(mark) = marks.get(place) { mark { (text[mark.clone()]) } }
        }
        @if shown.end < text.len() { "…" }
    }
}

/// Which part of a text is shown, for a mark that begins at `first`.
fn shown(text: &str, first: usize) -> Range<usize> {
    if text.chars().count() <= MAX_SHOWN {
        return 0..text.len();
    }
    let before = text[..first].char_indices().rev().take(MAX_BEFORE).last();
    let start = before.map_or(first, |(at, _)| at);
    // The last part is as long as any.
    let rest = text[start..].chars().count();
    let start = if rest < MAX_SHOWN {
        text.char_indices().rev().take(MAX_SHOWN).last().map_or(0, |(at, _)| at)
    } else {
        start
    };
    let end = text[start..].char_indices().nth(MAX_SHOWN).map_or(text.len(), |(at, _)| start + at);
    start..end
}

#[cfg(test)]
mod tests {
    use std::slice;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_found_is_marked_and_all_else_escaped() {
        let text = "a <b>bold</b> & \"boat\"";
        let marks = [3..4, 5..9, 17..21];
        assert_eq!(
            marked(text, &marks).into_string(),
            "a &lt;<mark>b</mark>&gt;<mark>bold</mark>&lt;/b&gt; &amp; &quot;<mark>boat</mark>&quot;"
        );
        assert_eq!(marked("plain", &[]).into_string(), "plain");
    }

    #[test]
    fn of_a_long_text_what_stands_around_the_first_mark_is_shown() {
        let text = format!("{}boat{}", "é".repeat(1000), "ß".repeat(1000));
        let shown = marked(&text, slice::from_ref(&(2000..2004))).into_string();
        let (before, rest) = shown.split_once("<mark>boat</mark>").unwrap();
        assert_eq!((before.chars().count(), rest.chars().count()), (1 + 100, 296 + 1));
        assert!(before.starts_with('…') && rest.ends_with('…'));
        let end = "x".repeat(1000) + "boat";
        let shown = marked(&end, slice::from_ref(&(1000..1004))).into_string();
        assert_eq!(shown, format!("…{}<mark>boat</mark>", "x".repeat(396)));
    }

    proptest! {
        #[test]
        fn any_text_and_marks_are_shown_in_whole_characters(
            text in "(?s).{0,30}|[é東x ]{380,900}", places in proptest::collection::vec(0..900_usize, 0..6)
        ) {
            let edges: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let mut places: Vec<usize> = places.into_iter().map(|at| edges[at % edges.len()]).collect();
            places.sort_unstable();
            places.dedup();
            let marks: Vec<Range<usize>> = places.as_chunks::<2>().0.iter().map(|[a, b]| *a..*b).collect();
            let shown = marked(&text, &marks).into_string();
            let plain = shown.replace("<mark>", "").replace("</mark>", "");
            let plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            let plain = plain.strip_prefix('…').filter(|_| text.len() > 400).unwrap_or(&plain);
            let plain = plain.strip_suffix('…').filter(|_| text.len() > 400).unwrap_or(plain);
            prop_assert!(text.contains(plain));
        }
    }
}
