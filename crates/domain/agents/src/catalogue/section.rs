//! Tables of an agent file, read member by member: what is wrong with one is told with its line.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::AgentFault;

/// Names in one list, and tables in one array of tables.
const MOST_ITEMS: usize = 64;
const LONGEST_CHOICE: usize = 64;

/// A file as it was written.
pub(super) struct Source<'i> {
    pub(super) file: &'i str,
    pub(super) text: &'i str,
}

impl Source<'_> {
    /// The line of a byte of the text, from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        1 + self.text.get(..byte).unwrap_or(self.text).matches('\n').count()
    }
}

/// What reading a file leaves: its faults, and where its texts stand, for faults that only other files bring to light.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) faults: Vec<AgentFault>,
    places: BTreeMap<String, Vec<usize>>,
}

impl Notes {
    /// The line of the text that was read `nth`, from 0, under this dotted key; items of lists count one by one.
    pub(super) fn line(&self, key: &str, nth: usize) -> Option<usize> {
        self.places.get(key)?.get(nth).copied()
    }

    /// A fault that more than one table brings to light.
    pub(super) fn fault(
        &mut self,
        source: &Source<'_>,
        line: usize,
        key: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let fault = AgentFault::new(source.file, Some(line), key, problem, remedy);
        self.faults.push(fault);
    }

    fn place(&mut self, key: String, line: usize) {
        self.places.entry(key).or_default().push(line);
    }
}

/// A table and the line it begins at.
pub(super) struct Table<'i> {
    pub(super) line: usize,
    pub(super) members: DeTable<'i>,
}

/// A text and the line of its key, or its own in a list.
pub(super) struct Text {
    pub(super) line: usize,
    pub(super) text: String,
}

/// A table whose members are taken out one by one; what is left at the end nobody knows.
pub(super) struct Section<'f, 'i> {
    source: &'f Source<'i>,
    /// Stands before the names of its members.
    path: &'static str,
    table: Table<'i>,
    /// The members that were asked for.
    known: Vec<&'static str>,
    notes: &'f mut Notes,
}

impl<'f, 'i> Section<'f, 'i> {
    pub(super) fn new(
        source: &'f Source<'i>,
        path: &'static str,
        table: Table<'i>,
        notes: &'f mut Notes,
    ) -> Self {
        Self {
            source,
            path,
            table,
            known: Vec::new(),
            notes,
        }
    }

    /// A fault of a member, at that line.
    pub(super) fn fault(
        &mut self,
        line: usize,
        key: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let key = format!("{}{key}", self.path);
        let fault = AgentFault::new(self.source.file, Some(line), &key, problem, remedy);
        self.notes.faults.push(fault);
    }

    /// Whether a member is there that was not taken yet.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.table.members.contains_key(key)
    }

    /// A text that must be there; empty when it is at fault.
    pub(super) fn text(&mut self, key: &'static str, longest: usize) -> String {
        let found = self.required_text(key, longest);
        found.map(|found| found.text).unwrap_or_default()
    }

    /// A text that must be there, with its line; `None` when it is at fault.
    pub(super) fn required_text(&mut self, key: &'static str, longest: usize) -> Option<Text> {
        self.require(key);
        self.optional_text(key, longest)
    }

    /// Notes it as a fault when a text is not there.
    pub(super) fn require(&mut self, key: &'static str) {
        if !self.table.members.contains_key(key) {
            self.missing(key, format!("add `{key} = \"…\"`"));
        }
    }

    /// A text that may be absent; `None` too when it is at fault.
    pub(super) fn optional_text(&mut self, key: &'static str, longest: usize) -> Option<Text> {
        let (line, value) = self.take(key)?;
        let value = value.into_inner();
        let Some(text) = value.as_str() else {
            self.fault(line, key, is_a(&value), "write a string");
            return None;
        };
        if text.trim().is_empty() {
            self.fault(line, key, "is empty", "write something");
        } else if text.len() > longest {
            let problem = format!("has {} bytes", text.len());
            self.fault(line, key, problem, format!("use at most {longest}"));
        } else if text.contains('\0') {
            self.fault(line, key, "holds a NUL character", "remove it");
        } else {
            self.notes.place(format!("{}{key}", self.path), line);
            let text = text.to_owned();
            return Some(Text { line, text });
        }
        None
    }

    /// One of `all`, by its name; `None` when it is absent or at fault.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let written = self.optional_text(key, LONGEST_CHOICE)?;
        let chosen = all.iter().copied().find(|one| name(*one) == written.text);
        if chosen.is_none() {
            let problem = format!("{:?} is no {what}", written.text);
            let known: Vec<_> = all.iter().map(|one| name(*one)).collect();
            self.fault(
                written.line,
                key,
                problem,
                format!("use one of {}", known.join(", ")),
            );
        }
        chosen
    }

    /// A whole number from 1 that may be absent; `None` too when it is at fault.
    pub(super) fn optional_count(&mut self, key: &'static str, most: usize) -> Option<usize> {
        let (line, value) = self.take(key)?;
        let remedy = format!("write a number from 1 to {most}");
        let Some(written) = value.get_ref().as_integer() else {
            self.fault(line, key, is_a(value.get_ref()), remedy);
            return None;
        };
        let count = usize::from_str_radix(written.as_str(), written.radix()).ok();
        let count = count.filter(|count| (1..=most).contains(count));
        if count.is_none() {
            self.fault(line, key, format!("{written} is out of bounds"), remedy);
        }
        count
    }

    /// An array of strings that must be there; empty when it is at fault.
    pub(super) fn names(&mut self, key: &'static str) -> Vec<Text> {
        if !self.table.members.contains_key(key) {
            self.missing(key, format!("add `{key} = []`, even when it is empty"));
        }
        self.optional_names(key).unwrap_or_default()
    }

    /// An array of strings that may be absent; `None` too when it is at fault.
    pub(super) fn optional_names(&mut self, key: &'static str) -> Option<Vec<Text>> {
        let (line, value) = self.take(key)?;
        let Some(items) = value.get_ref().as_array() else {
            let remedy = format!("write `{key} = [\"…\"]`");
            self.fault(line, key, is_a(value.get_ref()), remedy);
            return None;
        };
        if items.len() > MOST_ITEMS {
            let problem = format!("has {} items", items.len());
            self.fault(line, key, problem, format!("use at most {MOST_ITEMS}"));
            return None;
        }
        let mut names = Vec::new();
        for item in items {
            let line = self.source.line(item.span().start);
            let Some(text) = item.get_ref().as_str() else {
                let problem = format!("holds {}", article(item.get_ref().type_str()));
                self.fault(line, key, problem, format!("write `{key} = [\"…\"]`"));
                return None;
            };
            let text = text.to_owned();
            names.push(Text { line, text });
        }
        for name in &names {
            self.notes.place(format!("{}{key}", self.path), name.line);
        }
        Some(names)
    }

    /// A table that must be there.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'i>> {
        if !self.table.members.contains_key(key) {
            self.missing(key, format!("add `[{}{key}]`", self.path));
        }
        self.optional_table(key)
    }

    /// A table that may be absent; `None` too when it is at fault.
    pub(super) fn optional_table(&mut self, key: &'static str) -> Option<Table<'i>> {
        let (line, value) = self.take(key)?;
        let Some(members) = value.get_ref().as_table().cloned() else {
            let remedy = format!("write `[{}{key}]`", self.path);
            self.fault(line, key, is_a(value.get_ref()), remedy);
            return None;
        };
        Some(Table { line, members })
    }

    /// An array of tables that may be absent.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'i>> {
        let Some((line, value)) = self.take(key) else {
            return Vec::new();
        };
        let remedy = format!("write `[[{}{key}]]`", self.path);
        let Some(items) = value.get_ref().as_array() else {
            self.fault(line, key, is_a(value.get_ref()), remedy);
            return Vec::new();
        };
        if items.len() > MOST_ITEMS {
            let problem = format!("has {} tables", items.len());
            self.fault(line, key, problem, format!("use at most {MOST_ITEMS}"));
            return Vec::new();
        }
        let mut tables = Vec::new();
        for item in items {
            let line = self.source.line(item.span().start);
            let Some(members) = item.get_ref().as_table().cloned() else {
                let problem = format!("holds {}", article(item.get_ref().type_str()));
                self.fault(line, key, problem, remedy.clone());
                continue;
            };
            tables.push(Table { line, members });
        }
        tables
    }

    /// Refuses what nobody asked for.
    pub(super) fn end(mut self) {
        let known = self.known.join(", ");
        for (key, _) in std::mem::take(&mut self.table.members) {
            let line = self.source.line(key.span().start);
            self.fault(
                line,
                key.get_ref(),
                "is not known",
                format!("remove it; known are {known}"),
            );
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(usize, Spanned<DeValue<'i>>)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let (name, value) = self.table.members.remove_entry(key)?;
        Some((self.source.line(name.span().start), value))
    }

    fn missing(&mut self, key: &str, remedy: String) {
        self.fault(self.table.line, key, "is missing", remedy);
    }
}

fn is_a(value: &DeValue<'_>) -> String {
    format!("is {}", article(value.type_str()))
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}
