//! A text on its way to a reader. It comes in pieces and goes on in pieces; what a rule may still need stays back.

use regex_automata::hybrid::dfa::Cache;

use super::{
    Action, Check, Stage, Tripped,
    pattern::Found,
    rules::{Rule, StageRules},
};

/// The longest thing that is looked for, in bytes: what is longer is found by its beginning. So much is held back at most.
pub(crate) const WINDOW: usize = 16 * 1024;

/// What is kept of the text that went on, for rules that look behind themselves.
const BEHIND: usize = 64;

/// What goes on to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Text(String),
    /// Comes before the text that it changed; once for a check and an action. After one that blocks nothing comes.
    Tripped(Tripped),
}

/// One text behind the rules of one stage. What it shows does not depend on the pieces that the text comes in: every byte is
/// decided by the text around it, from the left to the right, and waits until that is there.
pub(crate) struct Screen<'g> {
    stage: Stage,
    rules: &'g StageRules,
    caches: Vec<Vec<Option<Cache>>>,
    /// What is held back, behind a little of what went on.
    text: String,
    /// Where in it what is held back begins.
    from: usize,
    /// Bytes of the whole text that are not in `text` any more.
    gone: usize,
    told: Vec<Check>,
    is_closed: bool,
}

/// A whole text, screened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cleaned {
    /// What may be shown; up to the block, if there was one.
    pub(crate) text: String,
    pub(crate) tripped: Vec<Tripped>,
}

impl Cleaned {
    /// The guardrail that ended it.
    pub(crate) fn blocked(&self) -> Option<Tripped> {
        let mut all = self.tripped.iter().copied();
        all.find(|tripped| tripped.action == Action::Block)
    }
}

impl StageRules {
    /// A whole text.
    pub(crate) fn clean(&self, stage: Stage, text: &str) -> Cleaned {
        let mut screen = Screen::new(stage, self);
        let mut cleaned = Cleaned::default();
        for shown in screen.push(text).into_iter().chain(screen.end()) {
            match shown {
                Shown::Text(text) => cleaned.text.push_str(&text),
                Shown::Tripped(tripped) => cleaned.tripped.push(tripped),
            }
        }
        cleaned
    }
}

impl<'g> Screen<'g> {
    pub(crate) fn new(stage: Stage, rules: &'g StageRules) -> Self {
        let caches = |rule: &Rule| {
            rule.detectors
                .iter()
                .map(super::detect::Detector::cache)
                .collect()
        };
        Self {
            stage,
            rules,
            caches: rules.rules.iter().map(caches).collect(),
            text: String::new(),
            from: 0,
            gone: 0,
            told: Vec::new(),
            is_closed: false,
        }
    }

    /// Bytes that are held back.
    pub(crate) fn held(&self) -> usize {
        self.text.len().saturating_sub(self.from)
    }

    /// A piece more.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<Shown> {
        if self.is_closed {
            return Vec::new();
        }
        if self.rules.is_empty() {
            return vec![Shown::Text(piece.to_owned())];
        }
        self.text.push_str(piece);
        self.go_on(false)
    }

    /// Nothing follows: what was held back is decided.
    pub(crate) fn end(&mut self) -> Vec<Shown> {
        if self.is_closed {
            return Vec::new();
        }
        let shown = self.go_on(true);
        self.is_closed = true;
        shown
    }

    fn go_on(&mut self, ended: bool) -> Vec<Shown> {
        let mut shown = Vec::new();
        let mut text = String::new();
        while let Some(next) = self.text.get(self.from..).and_then(|rest| rest.chars().next()) {
            let after = self.from + next.len_utf8();
            let is_beyond = self.rules.most.is_some_and(|most| self.gone + after > most);
            let hit = if is_beyond {
                let size = self.rules.rules.iter().find(|rule| rule.check == Check::Size);
                size.map(|rule| (rule.check, rule.action, self.text.len()))
            } else {
                match self.decide(ended) {
                    Decision::Waits => break,
                    Decision::Passes => None,
                    Decision::Hit(check, action, to) => Some((check, action, to)),
                }
            };
            let Some((check, action, to)) = hit else {
                text.push(next);
                self.from = after;
                continue;
            };
            if !self.told.contains(&check) {
                self.told.push(check);
                flush(&mut text, &mut shown);
                shown.push(Shown::Tripped(Tripped {
                    stage: self.stage,
                    check,
                    action,
                }));
            }
            self.from = to.max(after);
            self.is_closed = action == Action::Block || is_beyond;
            if action == Action::Redact {
                text.push_str(&check.marker());
            }
            if self.is_closed {
                break;
            }
        }
        flush(&mut text, &mut shown);
        self.forget();
        shown
    }

    /// What begins where the held text begins.
    fn decide(&mut self, ended: bool) -> Decision {
        let end = self.text.floor_char_boundary(self.from.saturating_add(WINDOW));
        let view = self.text.get(..end).unwrap_or(&self.text);
        let ended = ended || end < self.text.len();
        let mut best: Option<(&Rule, usize)> = None;
        for (rule, caches) in self.rules.rules.iter().zip(&mut self.caches) {
            for (detector, cache) in rule.detectors.iter().zip(caches) {
                match detector.at(cache.as_mut(), view, self.from, ended) {
                    Found::Nothing => {}
                    Found::Undecided => return Decision::Waits,
                    Found::Until(to) => {
                        let strength = |rule: &Rule, to: usize| (rule.action == Action::Block, to);
                        let beaten = best.is_none_or(|(held, end)| strength(held, end) < strength(rule, to));
                        if beaten {
                            best = Some((rule, to));
                        }
                    }
                }
            }
        }
        best.map_or(Decision::Passes, |(rule, to)| {
            Decision::Hit(rule.check, rule.action, to)
        })
    }

    fn forget(&mut self) {
        let behind = self.text.floor_char_boundary(self.from.saturating_sub(BEHIND));
        self.gone += behind;
        self.from -= behind;
        self.text.drain(..behind);
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        for (rule, caches) in self.rules.rules.iter().zip(&mut self.caches) {
            for (detector, cache) in rule.detectors.iter().zip(caches) {
                if let Some(cache) = cache.take() {
                    detector.give_back(cache);
                }
            }
        }
    }
}

/// What is known of a place.
enum Decision {
    Waits,
    Passes,
    /// The check, what it does, and where the hit ends.
    Hit(Check, Action, usize),
}

fn flush(text: &mut String, shown: &mut Vec<Shown>) {
    if !text.is_empty() {
        shown.push(Shown::Text(std::mem::take(text)));
    }
}
