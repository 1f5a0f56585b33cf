//! Regular expressions that can say "not yet": whether a match begins at a place of a text that is still growing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::{
        CacheError,
        dfa::{Cache, DFA},
    },
    util::{start, syntax},
};

/// What begins at a place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, whatever follows.
    Nothing,
    /// A hit that ends before this byte, whatever follows.
    Until(usize),
    /// What follows decides.
    Undecided,
}

/// Says of what stands before a match, and of the match, whether it counts.
type Judge = Box<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Several expressions as one automaton. It is built while it searches and holds no stack, so time is linear in the text and the
/// worst expression costs no more than a slow one.
pub(crate) struct Pattern {
    dfa: DFA,
    /// For each first byte, whether a match could begin with it.
    starts: Vec<bool>,
    judge: Judge,
    /// The longest match is judged, instead of every one that begins there.
    longest: bool,
    /// Memories that know much of the automaton already.
    idle: Mutex<Vec<Cache>>,
}

/// Memories kept for later; each holds at most 2 MiB.
const MOST_IDLE: usize = 8;

/// How large an automaton of one pattern may grow, in bytes.
const LARGEST: usize = 4 << 20;

impl Pattern {
    /// The longest of the matches that count.
    ///
    /// # Errors
    /// Why an expression is none, in the words of its parser.
    pub(super) fn new(
        expressions: &[&str],
        judge: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let dfa = DFA::builder()
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    .skip_cache_capacity_check(true),
            )
            .thompson(regex_automata::nfa::thompson::Config::new().nfa_size_limit(Some(LARGEST)))
            .syntax(syntax::Config::new().nest_limit(64))
            .build_many(expressions)
            .map_err(|error| causes(&error))?;
        let starts = starts(&dfa).map_err(|error| error.to_string())?;
        Ok(Self {
            dfa,
            starts,
            judge: Box::new(judge),
            longest: false,
            idle: Mutex::default(),
        })
    }

    /// The same, but the longest match alone is judged: its beginnings mean something else than the whole.
    pub(super) fn judged_whole(mut self) -> Self {
        self.longest = true;
        self
    }

    /// Memory to search with.
    pub(super) fn cache(&self) -> Cache {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| self.dfa.create_cache())
    }

    /// Takes a memory of [`Self::cache`] back.
    pub(super) fn give_back(&self, cache: Cache) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(cache);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Cache>> {
        // Taking one out and putting one in leave it whole wherever they stop.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a match begins at the byte `from` of `text`. `ended` tells that nothing follows the text.
    pub(super) fn at(&self, cache: &mut Cache, text: &str, from: usize, ended: bool) -> Found {
        let first = text.as_bytes().get(from).map(|byte| usize::from(*byte));
        let may_start = first.and_then(|first| self.starts.get(first));
        if !may_start.copied().unwrap_or(false) {
            return Found::Nothing;
        }
        // These automata know no byte at which they give up. If one did, the rest of the text would be a hit.
        self.search(cache, text, from, ended)
            .unwrap_or(Found::Until(text.len()))
    }

    fn search(&self, cache: &mut Cache, text: &str, from: usize, ended: bool) -> Result<Found, CacheError> {
        let before = start::Config::new().anchored(Anchored::Yes).look_behind(
            from.checked_sub(1)
                .and_then(|place| text.as_bytes().get(place).copied()),
        );
        let Ok(mut state) = self.dfa.start_state(cache, &before) else {
            return Ok(Found::Until(text.len()));
        };
        let (mut longest, mut counting) = (None, None);
        let mut note = |to: usize| {
            longest = Some(to);
            if !self.longest && self.counts(text, from, to) {
                counting = longest;
            }
        };
        let mut is_dead = false;
        for (place, byte) in text.as_bytes().iter().enumerate().skip(from) {
            state = self.dfa.next_state(cache, state, *byte)?;
            if state.is_match() {
                // It is told one byte late.
                note(place);
            } else if state.is_dead() {
                is_dead = true;
                break;
            }
        }
        if !is_dead {
            if !ended {
                return Ok(Found::Undecided);
            }
            if self.dfa.next_eoi_state(cache, state)?.is_match() {
                note(text.len());
            }
        }
        let hit = if self.longest {
            longest.filter(|to| self.counts(text, from, *to))
        } else {
            counting
        };
        Ok(hit.map_or(Found::Nothing, Found::Until))
    }

    /// What is empty never counts.
    fn counts(&self, text: &str, from: usize, to: usize) -> bool {
        let (before, rest) = text.split_at(from);
        let found = rest.get(..to.saturating_sub(from)).unwrap_or(rest);
        !found.is_empty() && (self.judge)(before, found)
    }
}

/// Whether each byte can be the first of a match, whatever stands before it.
fn starts(dfa: &DFA) -> Result<Vec<bool>, CacheError> {
    let mut cache = dfa.create_cache();
    let mut starts = Vec::with_capacity(256);
    for byte in 0..=u8::MAX {
        let mut lives = false;
        for before in [None, Some(b'a'), Some(b' '), Some(b'\n'), Some(b'\r')] {
            let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
            lives |= match dfa.start_state(&mut cache, &config) {
                Ok(state) => !dfa.next_state(&mut cache, state, byte)?.is_dead(),
                Err(_) => true,
            };
        }
        starts.push(lives);
    }
    Ok(starts)
}

/// Whether an expression matches the empty text, which would be found everywhere.
pub(super) fn matches_nothing(expression: &str) -> bool {
    let Ok(dfa) = DFA::new(expression) else {
        return false;
    };
    let mut cache = dfa.create_cache();
    dfa.try_search_fwd(&mut cache, &Input::new(""))
        .is_ok_and(|found| found.is_some())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        last = cause.to_string();
        source = cause.source();
    }
    // The parser draws the expression over several lines; the last says what is wrong.
    let told = last.lines().last().unwrap_or_default();
    told.trim_start_matches("error: ").to_owned()
}
