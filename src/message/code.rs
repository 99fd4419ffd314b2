//! Where code stands in a text: within a line, or a block of lines.

/// What begins and ends a block of code, alone on its line but for a word behind the first.
const FENCE: &str = "```";

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// What is no code.
    Plain(&'a str),
    /// Code within a line, or a block of lines, between what marks it as such.
    Code {
        /// What begins it.
        open: &'a str,
        /// The code.
        code: &'a str,
        /// What ends it.
        close: &'a str,
        /// Whether it is a block.
        is_block: bool,
    },
}

/// The pieces of a text, in their order.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, open, code, close, after)) = block(rest) {
        inline(before, &mut pieces);
        pieces.push(Piece::Code { open, code, close, is_block: true });
        rest = after;
    }
    inline(rest, &mut pieces);
    pieces
}

/// The first block of code: what is before it, its first line, the lines in it, its last line with
/// the breaks around that, and what is behind it.
fn block(text: &str) -> Option<(&str, &str, &str, &str, &str)> {
    let mut first = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        match first {
            None if line.starts_with(FENCE) && !line[FENCE.len()..].contains('`') => {
                first = Some((at, end));
            }
            Some((start, inside)) if line.trim_end() == FENCE => {
                // The break before it ends the last line of code, where there is one.
                let close = (at - 1).max(inside);
                return Some((
                    &text[..start],
                    &text[start..inside],
                    &text[inside..close],
                    &text[close..end],
                    &text[end..],
                ));
            }
            _ => {}
        }
        at = end;
    }
    None
}

/// The pieces of a text without blocks: code stands between as many backticks as begin it, and does
/// not go beyond its line.
fn inline<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let mut plain = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let inside = start + ticks(&text[start..]);
        let open = &text[start..inside];
        let line = text[inside..].split('\n').next().unwrap_or_default();
        at = inside;
        let Some(length) = closing(line, open.len()) else { continue };
        let end = inside + length + open.len();
        if start > plain {
            pieces.push(Piece::Plain(&text[plain..start]));
        }
        let (code, close) = (&text[inside..inside + length], &text[inside + length..end]);
        pieces.push(Piece::Code { open, code, close, is_block: false });
        (plain, at) = (end, end);
    }
    if plain < text.len() {
        pieces.push(Piece::Plain(&text[plain..]));
    }
}

/// How many backticks a text begins with.
fn ticks(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'`').count()
}

/// Where in the rest of a line as many backticks stand as these, behind something that can be seen.
fn closing(line: &str, number: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = line[at..].find('`') {
        let start = at + found;
        let length = ticks(&line[start..]);
        if length == number {
            return (!line[..start].trim().is_empty()).then_some(start);
        }
        at = start + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn without_its_tags_the_markup_is_the_text(text in "([a `\n<é]|```|```\n|\n```){0,40}") {
            let pieces = pieces(&text);
            let whole: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Plain(plain) => (*plain).to_owned(),
                    Piece::Code { open, code, close, .. } => format!("{open}{code}{close}"),
                })
                .collect();
            prop_assert_eq!(whole, text);
        }
    }
}
