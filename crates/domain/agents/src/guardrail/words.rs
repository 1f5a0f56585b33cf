//! Words and phrases of a list, whole and in any case.

use super::pattern::Found;

/// The words, each as it is compared.
pub(crate) struct Words(Vec<Vec<char>>);

impl Words {
    pub(super) fn new(words: &[String]) -> Self {
        // Space between words is any space.
        let folded = |word: &String| {
            let words: Vec<_> = word.split_whitespace().collect();
            words.join(" ").chars().flat_map(char::to_lowercase).collect()
        };
        Self(words.iter().map(folded).collect())
    }

    /// The longest of them that begins at `from`, where no word may be going on already.
    pub(super) fn at(&self, text: &str, from: usize, ended: bool) -> Found {
        let (before, rest) = text.split_at(from);
        let goes_on = before.chars().next_back().is_some_and(char::is_alphanumeric);
        let mut longest = Found::Nothing;
        for word in &self.0 {
            let bounded = word.first().is_some_and(|first| first.is_alphanumeric());
            if bounded && goes_on {
                continue;
            }
            match compare(word, rest, ended) {
                Found::Nothing => {}
                Found::Undecided => return Found::Undecided,
                Found::Until(length) => {
                    let to = from + length;
                    if !matches!(longest, Found::Until(other) if other >= to) {
                        longest = Found::Until(to);
                    }
                }
            }
        }
        longest
    }
}

/// How much of `text` is this word.
fn compare(word: &[char], text: &str, ended: bool) -> Found {
    let more = if ended { Found::Nothing } else { Found::Undecided };
    let mut left = text.char_indices().peekable();
    let mut expected = word.iter().copied().peekable();
    while let Some(wanted) = expected.next() {
        let Some((_, first)) = left.next() else {
            return more;
        };
        if wanted == ' ' {
            if !first.is_whitespace() {
                return Found::Nothing;
            }
            while left.next_if(|(_, next)| next.is_whitespace()).is_some() {}
            continue;
        }
        // One letter may be two in lower case.
        let mut folded = first.to_lowercase();
        if folded.next() != Some(wanted) || folded.any(|letter| expected.next() != Some(letter)) {
            return Found::Nothing;
        }
    }
    let end = left.peek().map(|(place, next)| (*place, *next));
    match (end, word.last()) {
        (Some((place, next)), Some(last)) if !(last.is_alphanumeric() && next.is_alphanumeric()) => {
            Found::Until(place)
        }
        (None, Some(last)) if ended || !last.is_alphanumeric() => Found::Until(text.len()),
        (None, Some(_)) => Found::Undecided,
        (Some(_), _) | (None, None) => Found::Nothing,
    }
}
