//! Reads `[guardrails]` of an agent file.

use super::section::{Notes, Section, Source, Table, Text};
use crate::{
    Action, Check, Guardrails, Preset, Stage,
    guardrail::{Library, Settings, is_host},
};

const LONGEST_ITEM: usize = 256;
const LARGEST_SIZE: usize = 256 * 1024;

/// The tables of checks that are told something.
struct Tables<'i> {
    addresses: Option<Table<'i>>,
    words: Option<Table<'i>>,
    custom: Option<Table<'i>>,
    size: Option<Table<'i>>,
}

/// The guardrails that the table describes. Faults are noted.
pub(super) fn read<'i>(
    source: &Source<'i>,
    table: Table<'i>,
    library: &Library,
    notes: &mut Notes,
) -> Guardrails {
    let line = table.line;
    let mut section = Section::new(source, "guardrails.", table, notes);
    let preset = read_preset(&mut section);
    let lists = [
        (Stage::Input, "input"),
        (Stage::Output, "output"),
        (Stage::ToolInput, "tool_input"),
        (Stage::ToolOutput, "tool_output"),
    ]
    .map(|(stage, key)| (stage, key, section.optional_names(key)));
    let tables = Tables {
        addresses: section.optional_table("url_filter"),
        words: section.optional_table("blocked_words"),
        custom: section.optional_table("custom"),
        size: section.optional_table("size"),
    };
    let mut chosen: Vec<(Stage, Chosen)> = Vec::new();
    for (stage, key, list) in lists {
        if let Some(names) = list {
            let checks = read_list(&mut section, key, names);
            chosen.extend(checks.into_iter().map(|one| (stage, one)));
        } else {
            let checks = preset.map_or(&[][..], |preset| preset.checks(stage));
            let of_preset = |&(check, action)| (stage, Chosen { line, check, action });
            chosen.extend(checks.iter().map(of_preset));
        }
    }
    section.end();

    let lines = tables.lines();
    let settings = tables.read(source, notes);
    build(source, &chosen, settings, lines, library, notes)
}

/// A check that a list or a preset names.
struct Chosen {
    line: usize,
    check: Check,
    action: Action,
}

fn read_preset(section: &mut Section<'_, '_>) -> Option<Preset> {
    let written = section.optional_text("preset", LONGEST_ITEM)?;
    let preset = Preset::of(&written.text);
    if preset.is_none() {
        let problem = format!("there is no preset called {}", written.text);
        let known: Vec<_> = Preset::ALL.iter().map(|preset| preset.as_str()).collect();
        section.fault(
            written.line,
            "preset",
            problem,
            format!("use one of {}", known.join(", ")),
        );
    }
    preset
}

/// `check` or `check:action`; alone a check blocks.
fn read_list(section: &mut Section<'_, '_>, key: &'static str, names: Vec<Text>) -> Vec<Chosen> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for Text { line, text } in names {
        let (name, written) = text.split_once(':').unwrap_or((&text, Action::Block.as_str()));
        let Some(check) = Check::of(name) else {
            let known: Vec<_> = Check::ALL.iter().map(|check| check.as_str()).collect();
            let problem = format!("there is no check called {name}");
            section.fault(line, key, problem, format!("use one of {}", known.join(", ")));
            continue;
        };
        let Some(action) = Action::of(written) else {
            let problem = format!("there is no action called {written}");
            section.fault(line, key, problem, format!("write {name}:block or {name}:redact"));
            continue;
        };
        if chosen.iter().any(|earlier| earlier.check == check) {
            section.fault(
                line,
                key,
                format!("{name} is named twice"),
                "name each check once",
            );
            continue;
        }
        chosen.push(Chosen { line, check, action });
    }
    chosen
}

impl<'i> Tables<'i> {
    /// Where each begins, by the check that it is for.
    fn lines(&self) -> Vec<(Check, usize)> {
        let all = [
            (Check::UrlFilter, &self.addresses),
            (Check::BlockedWords, &self.words),
            (Check::Custom, &self.custom),
            (Check::Size, &self.size),
        ];
        let present = all.into_iter();
        present
            .filter_map(|(check, table)| Some((check, table.as_ref()?.line)))
            .collect()
    }

    fn read(self, source: &Source<'i>, notes: &mut Notes) -> Settings {
        let mut settings = Settings::default();
        if let Some(table) = self.addresses {
            let mut section = Section::new(source, "guardrails.url_filter.", table, notes);
            settings.allow = read_hosts(&mut section, "allow");
            settings.deny = read_hosts(&mut section, "deny");
            section.end();
        }
        if let Some(table) = self.words {
            let mut section = Section::new(source, "guardrails.blocked_words.", table, notes);
            settings.words = read_items(&mut section, "words");
            section.end();
        }
        if let Some(table) = self.custom {
            let mut section = Section::new(source, "guardrails.custom.", table, notes);
            settings.patterns = read_items(&mut section, "patterns");
            section.end();
        }
        if let Some(table) = self.size {
            let line = table.line;
            let mut section = Section::new(source, "guardrails.size.", table, notes);
            let is_written = section.holds("max_bytes");
            settings.max_bytes = section.optional_count("max_bytes", LARGEST_SIZE);
            if !is_written {
                section.fault(
                    line,
                    "max_bytes",
                    "is missing",
                    "add `max_bytes = 4096`, or as many as you like",
                );
            }
            section.end();
        }
        settings
    }
}

fn read_hosts(section: &mut Section<'_, '_>, key: &'static str) -> Vec<String> {
    let hosts = section.optional_names(key).unwrap_or_default();
    for host in &hosts {
        if !is_host(&host.text) {
            let problem = format!("{:?} is no host", host.text);
            section.fault(
                host.line,
                key,
                problem,
                "write a name such as example.com, in lower case",
            );
        }
    }
    hosts.into_iter().map(|host| host.text).collect()
}

/// A list none of whose items is empty.
fn read_items(section: &mut Section<'_, '_>, key: &'static str) -> Vec<String> {
    let items = section.names(key);
    for item in &items {
        if item.text.trim().is_empty() {
            section.fault(item.line, key, "holds an empty text", "remove it");
        } else if item.text.len() > LONGEST_ITEM {
            let problem = format!("holds a text of {} bytes", item.text.len());
            section.fault(item.line, key, problem, format!("use at most {LONGEST_ITEM}"));
        }
    }
    items.into_iter().map(|item| item.text).collect()
}

fn build(
    source: &Source<'_>,
    chosen: &[(Stage, Chosen)],
    settings: Settings,
    lines: Vec<(Check, usize)>,
    library: &Library,
    notes: &mut Notes,
) -> Guardrails {
    let mut guardrails = Guardrails::default();
    for (check, line) in &lines {
        if !chosen.iter().any(|(_, chosen)| chosen.check == *check) {
            let remedy =
                format!("name {check} in input, output, tool_input or tool_output, or remove the table");
            notes.fault(
                source,
                *line,
                &format!("guardrails.{check}"),
                "is used nowhere",
                remedy,
            );
        }
    }
    // Each is built once, at the first stage that names it.
    let mut built = Vec::new();
    for (stage, one) in chosen {
        let needs_table = matches!(one.check, Check::BlockedWords | Check::Custom | Check::Size);
        if needs_table && !lines.iter().any(|(check, _)| *check == one.check) {
            let problem = format!("{} has no table", one.check);
            let remedy = format!("add `[guardrails.{}]`", one.check);
            notes.fault(source, one.line, &format!("guardrails.{stage}"), problem, remedy);
            continue;
        }
        if !notes.faults.is_empty() {
            continue;
        }
        let found = built.iter().find(|(check, _)| *check == one.check);
        let detectors = match found {
            Some((_, detectors)) => std::sync::Arc::clone(detectors),
            None => match library.detectors(one.check, &settings) {
                Ok(detectors) => {
                    built.push((one.check, detectors.clone()));
                    detectors
                }
                Err(unusable) => {
                    let key = "guardrails.custom.patterns";
                    let line = unusable.nth.and_then(|nth| notes.line(key, nth));
                    let key = line.map_or_else(|| format!("guardrails.{stage}"), |_| key.to_owned());
                    let remedy = "write an expression as the regex crate reads it";
                    notes.fault(source, line.unwrap_or(one.line), &key, unusable.problem, remedy);
                    continue;
                }
            },
        };
        guardrails
            .rules_mut(*stage)
            .add(one.check, one.action, detectors, &settings);
    }
    guardrails.settings = settings;
    guardrails
}
