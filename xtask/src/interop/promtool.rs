//! Debian's `promtool`: what Prometheus itself says of our scrape and of the alert rules.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Judge, Stage};
use crate::{Outcome, process, tools, workspace};

pub(super) const JUDGE: Judge = Judge {
    name: "promtool",
    about: "promtool reads our metrics and proves the alert rules, which name metrics that there are",
    run,
};

fn run(stage: &Stage) -> Outcome {
    if process::find("promtool").is_none() {
        tools::install_system_packages(&["prometheus"])?;
    }
    let operations = workspace::root()?.join("docs/operations");
    for (verb, file) in [("check", "alerts.yml"), ("test", "alerts_test.yml")] {
        process::run(
            Command::new("promtool")
                .args([verb, "rules", file])
                .current_dir(&operations),
        )?;
    }
    let server = stage.serve(&[])?;
    let mut scrape = stage.node("scrape.mjs", &[])?;
    server.describe_to(&mut scrape);
    let scraped = scrape.output()?;
    if !scraped.status.success() {
        return Err(String::from_utf8_lossy(&scraped.stderr).into());
    }
    let metrics = String::from_utf8(scraped.stdout)?;
    let mut judge = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = judge.stdin.take() {
        stdin.write_all(in_prometheus_text(&metrics).as_bytes())?;
    }
    let verdict = judge.wait()?;
    if !verdict.success() {
        return Err(format!("promtool refuses the metrics: {verdict}").into());
    }
    let rules = fs::read_to_string(operations.join("alerts.yml"))?;
    for name in names(&rules) {
        if !metrics.contains(&format!("\n{name}")) {
            return Err(format!("alerts.yml names {name}, which no scrape shows").into());
        }
        println!("there: {name}");
    }
    Ok(())
}

/// Our scrape is OpenMetrics, where a counter `x` has the sample `x_total`; promtool reads the older text, where both are called
/// `x_total`.
fn in_prometheus_text(metrics: &str) -> String {
    let counters: Vec<_> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let translated = |line: &str| {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(&name) => {
                format!("# {what} {name}_total {rest}\n")
            }
            _ if line == "# EOF" => String::new(),
            _ => format!("{line}\n"),
        }
    };
    metrics.lines().map(translated).collect()
}

/// The metrics that the expressions of rules name.
fn names(rules: &str) -> Vec<&str> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_' || letter.is_ascii_digit();
    let mut names: Vec<_> = rules
        .split(|letter| !is_name(letter))
        .filter(|word| {
            word.ends_with("_total") || word.ends_with("_seconds") || word.ends_with("_seconds_count")
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::{in_prometheus_text, names};

    #[test]
    fn a_counter_is_called_like_its_sample() {
        let open =
            "# HELP x What it is.\n# TYPE x counter\nx_total 1\n# HELP y That.\n# TYPE y gauge\ny 2\n# EOF\n";
        let older = "# HELP x_total What it is.\n# TYPE x_total counter\nx_total 1\n# HELP y That.\n# TYPE y gauge\ny 2\n";
        assert_eq!(in_prometheus_text(open), older);
    }

    #[test]
    fn metrics_are_told_from_functions_and_words() {
        let rules = "sum(rate(jwt_signings_total{result=\"x\"}[5m])) > 2 and active_key_age_seconds > 1 # total seconds";
        assert_eq!(names(rules), ["active_key_age_seconds", "jwt_signings_total"]);
    }
}
