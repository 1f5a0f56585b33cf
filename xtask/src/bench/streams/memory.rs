//! What a process holds in memory, and the kernel for its connections.

use std::fs;

use crate::Outcome;

/// In KB.
#[derive(Debug, PartialEq)]
pub(super) struct Memory {
    /// Of the process: pages of its own, and its share of the others.
    pub(super) pss_kb: f64,
    /// Of every TCP connection of the machine.
    pub(super) sockets_kb: f64,
}

/// The page that `/proc/net/sockstat` counts in.
const PAGE_KB: f64 = 4.0;

impl Memory {
    pub(super) fn of(pid: u32) -> Outcome<Self> {
        let process = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let sockets = fs::read_to_string("/proc/net/sockstat")?;
        let pss_kb = after(&process, "Pss:").ok_or("no Pss")?;
        let pages = sockets.lines().find(|line| line.starts_with("TCP:"));
        let pages = pages.and_then(|line| after(line, "mem")).ok_or("no TCP memory")?;
        Ok(Self {
            pss_kb,
            sockets_kb: pages * PAGE_KB,
        })
    }

    pub(super) fn above(&self, before: &Self) -> Self {
        Self {
            pss_kb: self.pss_kb - before.pss_kb,
            sockets_kb: self.sockets_kb - before.sockets_kb,
        }
    }
}

/// The number after this word.
fn after(text: &str, word: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    words.find(|one| *one == word)?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn the_number_stands_after_its_word() {
        assert_eq!(
            after("Rss:  10 kB\nPss:   7 kB\nPss_Anon: 3 kB", "Pss:"),
            Some(7.0)
        );
        assert_eq!(
            after("TCP: inuse 4 orphan 0 tw 2 alloc 9 mem 5", "mem"),
            Some(5.0)
        );
        assert_eq!(after("TCP:", "mem"), None);
    }
}
