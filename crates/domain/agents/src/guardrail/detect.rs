//! What stands behind each check.

use std::sync::{Arc, OnceLock};

use regex_automata::hybrid::dfa::Cache;

use super::{
    Check, addresses, hidden,
    pattern::{Found, Pattern, matches_nothing},
    personal, phrases, secrets,
    words::Words,
};

pub(crate) use addresses::is_host;

/// What an agent's file says to the checks that have something to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Hosts that may be named; every one when there are none. A host stands for those below it, too.
    pub(crate) allow: Vec<String>,
    /// Hosts that may not.
    pub(crate) deny: Vec<String>,
    /// For `blocked_words`.
    pub(crate) words: Vec<String>,
    /// For `custom`.
    pub(crate) patterns: Vec<String>,
    /// For `size`.
    pub(crate) max_bytes: Option<usize>,
}

/// A rule of a file that cannot be used.
#[derive(Debug)]
pub(crate) struct UnusableRule {
    /// Its place in its list, when it has one.
    pub(crate) nth: Option<usize>,
    pub(crate) problem: String,
}

/// One way to find something.
pub(crate) enum Detector {
    Pattern(Box<Pattern>),
    Words(Words),
    Hidden,
}

impl Detector {
    /// Memory to search with.
    pub(super) fn cache(&self) -> Option<Cache> {
        match self {
            Self::Pattern(pattern) => Some(pattern.cache()),
            Self::Words(_) | Self::Hidden => None,
        }
    }

    /// Takes memory of [`Self::cache`] back.
    pub(super) fn give_back(&self, cache: Cache) {
        match self {
            Self::Pattern(pattern) => pattern.give_back(cache),
            Self::Words(_) | Self::Hidden => {}
        }
    }

    /// Whether what it looks for begins at the byte `from` of `text`.
    pub(super) fn at(&self, cache: Option<&mut Cache>, text: &str, from: usize, ended: bool) -> Found {
        match (self, cache) {
            (Self::Pattern(pattern), Some(cache)) => pattern.at(cache, text, from, ended),
            (Self::Pattern(pattern), None) => pattern.at(&mut pattern.cache(), text, from, ended),
            (Self::Words(words), _) => words.at(text, from, ended),
            (Self::Hidden, _) => hidden::at(text, from, ended),
        }
    }
}

/// The detectors that are the same for every agent, made when the first one asks for them.
#[derive(Default)]
pub(crate) struct Library {
    made: [OnceLock<Result<Arc<[Detector]>, String>>; 3],
}

impl Library {
    /// The detectors of a check.
    ///
    /// # Errors
    /// The rule of the file that cannot be used.
    pub(crate) fn detectors(
        &self,
        check: Check,
        settings: &Settings,
    ) -> Result<Arc<[Detector]>, UnusableRule> {
        let [injection, secret, personal_data] = &self.made;
        let kept = |place: &OnceLock<Result<Arc<[Detector]>, String>>,
                    make: fn() -> Result<Vec<Pattern>, String>,
                    with_hidden: bool| {
            let made = place.get_or_init(|| Ok(arranged(make()?, with_hidden)));
            made.clone()
                .map_err(|problem| UnusableRule { nth: None, problem })
        };
        match check {
            Check::PromptInjection => kept(injection, phrases::patterns, true),
            Check::Secrets => kept(secret, secrets::patterns, false),
            Check::Pii => kept(personal_data, personal::patterns, false),
            Check::UrlFilter => addresses::pattern(&settings.allow, &settings.deny)
                .map(|pattern| arranged(vec![pattern], false))
                .map_err(|problem| UnusableRule { nth: None, problem }),
            Check::BlockedWords => Ok([Detector::Words(Words::new(&settings.words))].into()),
            Check::Custom => {
                let mut detectors = Vec::new();
                for (nth, expression) in settings.patterns.iter().enumerate() {
                    let pattern = Box::new(custom(nth, expression)?);
                    detectors.push(Detector::Pattern(pattern));
                }
                Ok(detectors.into())
            }
            Check::Size => Ok(Arc::new([])),
        }
    }
}

fn arranged(patterns: Vec<Pattern>, with_hidden: bool) -> Arc<[Detector]> {
    let hidden = with_hidden.then_some(Detector::Hidden);
    let patterns = patterns.into_iter().map(Box::new);
    patterns.map(Detector::Pattern).chain(hidden).collect()
}

fn custom(nth: usize, expression: &str) -> Result<Pattern, UnusableRule> {
    let unusable = |problem: String| UnusableRule {
        nth: Some(nth),
        problem,
    };
    let pattern = Pattern::new(&[expression], |_, _| true)
        .map_err(|problem| unusable(format!("{expression:?} is no expression: {problem}")))?;
    if matches_nothing(expression) {
        return Err(unusable(format!("{expression:?} matches the empty text")));
    }
    Ok(pattern)
}
