//! Which characters can be seen.

/// Whether `c` shows as nothing by itself, wherever it stands: the property
/// `Default_Ignorable_Code_Point` of Unicode 16 (`DerivedCoreProperties.txt`), which holds joiners,
/// direction marks, variation selectors, fillers and tags; and the annotation marks beside it.
pub(crate) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether `c` is a letter or a sign that shows as nothing: a braille cell without a dot, a note
/// without a head, blanks of Egyptian hieroglyphs, the filler of the Khitan script, and what stands
/// for an object that is not there.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{fffc}' | '\u{13441}'..='\u{13442}' | '\u{16fe4}' | '\u{1d159}')
}

/// Whether `c` leaves a mark on the page.
pub(crate) fn is_visible(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || is_ignorable(c) || is_blank(c))
}
