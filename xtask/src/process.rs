//! Running other programs: to their end, or as a daemon that stops when its guard is dropped.

use std::env;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Outcome;

/// How long a daemon may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs to the end, with our input and output; an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Outcome {
    stop_if_interrupted()?;
    let mut child = command.spawn().map_err(|error| not_started(command, &error))?;
    FOREGROUND.store(child.id(), Ordering::SeqCst);
    let status = child.wait();
    FOREGROUND.store(NOBODY, Ordering::SeqCst);
    stop_if_interrupted()?;
    succeeded(command, status?)
}

/// Runs to the end and answers what it wrote to standard output; its standard error stays ours.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    stop_if_interrupted()?;
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, &error))?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|_| format!("`{}` did not answer in UTF-8", shown(command)).into())
}

/// Whether the program runs and succeeds; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The program of that name on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Whether we are the superuser.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A loopback port nobody listens on. Somebody may take it before it is used: the user of the port has to try again.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Asks every 20 ms until the answer is yes; an error after `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> Outcome<bool>) -> Outcome {
    let started = Instant::now();
    while !holds()? {
        stop_if_interrupted()?;
        if started.elapsed() > limit {
            return Err(format!("{what}: not within {} s", limit.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A command that runs `program` as another user, when `user` is one, and that the system ends when we end,
/// even if we are killed (where `setpriv` is there to arrange it).
pub(crate) fn bound_to_us(program: &Path, user: Option<&str>) -> Command {
    let Some(setpriv) = find("setpriv") else {
        let Some(user) = user else {
            return Command::new(program);
        };
        let mut command = Command::new("runuser");
        command.args(["-u", user, "--"]).arg(program);
        return command;
    };
    let mut command = Command::new(setpriv);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT"]).arg(program);
    command
}

/// A running program that is told to stop, then waited for, when this is dropped.
pub(crate) struct Daemon {
    name: &'static str,
    stop_signal: &'static str,
    child: Child,
}

impl Daemon {
    /// Starts it in a process group of its own, so that Ctrl-C ends the tests first and the daemon after them.
    pub(crate) fn start(
        name: &'static str,
        stop_signal: &'static str,
        command: &mut Command,
    ) -> Outcome<Self> {
        catch_signals()?;
        let child = command
            .process_group(0)
            .spawn()
            .map_err(|error| not_started(command, &error))?;
        Ok(Self {
            name,
            stop_signal,
            child,
        })
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output, once, when the command piped it.
    pub(crate) fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        send_signal(self.stop_signal, self.child.id());
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        eprintln!(
            "{} did not stop within {} s and is killed",
            self.name,
            STOP_LIMIT.as_secs()
        );
        if self.child.kill().is_ok() {
            // Nothing is left to do should even this fail: we are about to end.
            let _ = self.child.wait();
        }
    }
}

const NOBODY: u32 = 0;
static FOREGROUND: AtomicU32 = AtomicU32::new(NOBODY);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and termination end the program in the foreground, and us after it, in order, so that the
/// guards stop what they hold. A second one ends us at once.
fn catch_signals() -> Outcome {
    static ONCE: Once = Once::new();
    let mut failure = None;
    ONCE.call_once(|| match Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        Err(error) => failure = Some(error),
        Ok(mut signals) => {
            thread::spawn(move || {
                for _ in signals.forever() {
                    if INTERRUPTED.swap(true, Ordering::SeqCst) {
                        std::process::exit(130);
                    }
                    let foreground = FOREGROUND.load(Ordering::SeqCst);
                    if foreground != NOBODY {
                        send_signal("TERM", foreground);
                    }
                }
            });
        }
    });
    failure.map_or(Ok(()), |error| Err(error.into()))
}

fn stop_if_interrupted() -> Outcome {
    if INTERRUPTED.load(Ordering::SeqCst) {
        Err("interrupted".into())
    } else {
        Ok(())
    }
}

/// Through the shell, whose `kill` is built in: the standard library has no call for it that is safe.
fn send_signal(signal: &str, process: u32) {
    succeeds(Command::new("sh").args(["-c", &format!("kill -s {signal} {process}")]));
}

fn succeeded(command: &Command, status: ExitStatus) -> Outcome {
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", shown(command)).into())
    }
}

fn not_started(command: &Command, error: &io::Error) -> Box<dyn std::error::Error> {
    format!("`{}` could not be started: {error}", shown(command)).into()
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_its_arguments() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("sh -c exit 3") && error.contains('3'), "{error}");
    }

    #[test]
    fn the_output_of_a_program_is_answered() {
        assert_eq!(
            output(Command::new("sh").args(["-c", "echo well"])).unwrap(),
            "well\n"
        );
    }

    #[test]
    fn a_daemon_stops_when_its_guard_is_dropped() {
        let mut daemon = Daemon::start("sleep", "TERM", Command::new("sleep").arg("600")).unwrap();
        assert!(daemon.ended().unwrap().is_none());
        let process = daemon.child.id();
        drop(daemon);
        assert!(!succeeds(
            Command::new("sh").args(["-c", &format!("kill -0 {process}")])
        ));
    }

    #[test]
    fn waiting_ends_with_the_name_of_what_did_not_happen() {
        let error = wait_until("rain", Duration::ZERO, || Ok(false))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("rain"), "{error}");
    }
}
