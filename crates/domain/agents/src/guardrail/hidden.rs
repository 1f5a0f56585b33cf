//! Characters that nobody sees and models read.

use super::pattern::Found;

/// The base of flags that are spelled in tags.
const FLAG: char = '\u{1f3f4}';

/// Whether a hidden character stands at `from`: one that reorders the text, a tag that is no flag's, or one of no width inside a
/// word. Joiners between emoji, and in scripts that are written with them, are ordinary.
pub(super) fn at(text: &str, from: usize, ended: bool) -> Found {
    let (before, rest) = text.split_at(from);
    let mut rest = rest.chars();
    let Some(first) = rest.next() else {
        return Found::Nothing;
    };
    let hit = Found::Until(from + first.len_utf8());
    match first {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => hit,
        '\u{e0000}'..='\u{e007f}' => {
            if is_of_a_flag(before) {
                Found::Nothing
            } else {
                hit
            }
        }
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => {
            if !before.chars().next_back().is_some_and(is_latin) {
                return Found::Nothing;
            }
            match rest.next() {
                Some(next) if is_latin(next) || is_widthless(next) => hit,
                Some(_) => Found::Nothing,
                None if ended => Found::Nothing,
                None => Found::Undecided,
            }
        }
        _ => Found::Nothing,
    }
}

const fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{c0}'..='\u{24f}')
}

const fn is_widthless(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Flags of regions have at most five letters and an end mark.
fn is_of_a_flag(before: &str) -> bool {
    let mut tags = before.chars().rev().take(7);
    tags.find(|c| !matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}')) == Some(FLAG)
}
