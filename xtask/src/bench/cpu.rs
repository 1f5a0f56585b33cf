//! Processor time that processes used, and where they may run.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::{Outcome, process};

/// Where the measured program runs.
pub(super) const MEASURED: usize = 0;
/// Where everything else runs: clients, databases.
pub(super) const OTHERS: usize = 1;

/// Linux counts in these, whatever its kernel ticks with (`getconf CLK_TCK`).
const TICKS_A_SECOND: u32 = 100;

/// Puts all threads of the process on one core, where there are two. What it starts from now on stays there too.
pub(super) fn pin(pid: u32, core: usize) -> Outcome {
    if std::thread::available_parallelism()?.get() < 2 {
        return Ok(());
    }
    process::output(
        Command::new("taskset")
            .args(["--all-tasks", "--pid", "--cpu-list", &core.to_string()])
            .arg(pid.to_string()),
    )?;
    Ok(())
}

/// What a process and those that it started have used.
pub(super) fn used_by(pid: u32) -> Outcome<Duration> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let Some(one) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may end while we look: then its parent has its time.
        if let Some(stat) = fs::read_to_string(format!("/proc/{one}/stat"))
            .ok()
            .and_then(|text| Stat::read(&text))
            && (one == pid || stat.parent == pid)
        {
            ticks += stat.own + if one == pid { stat.ended_children } else { 0 };
        }
    }
    Ok(Duration::from_secs(ticks) / TICKS_A_SECOND)
}

/// A line of `/proc/…/stat` (proc(5)).
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Stat {
    fn read(line: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may hold anything.
        let (_, rest) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: number(11)? + number(12)?,
            ended_children: number(13)? + number(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_line_is_read_whatever_the_program_is_called() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 30 4 20 0 1 0 5";
        let read = Stat {
            parent: 7,
            own: 120,
            ended_children: 34,
        };
        assert_eq!(Stat::read(line), Some(read));
    }
}
