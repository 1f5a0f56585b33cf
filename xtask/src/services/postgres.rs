//! A Postgres instance that forgets everything, and is fast for it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Started;
use crate::Outcome;
use crate::process::{self, Daemon};

/// How often another port is tried when somebody took the one we chose.
const TRIES: usize = 3;

/// What a Postgres installation has to offer.
pub(crate) struct Programs {
    /// Where they are, and `psql` and `pgbench` beside them.
    pub(crate) folder: PathBuf,
    initdb: PathBuf,
    postgres: PathBuf,
    pg_isready: PathBuf,
}

/// The newest installation under Debian's folder, else the one on `PATH`.
pub(crate) fn programs() -> Option<Programs> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(major_version(folder)));
    // A link on `PATH` leads to the folder where the other programs are too.
    let on_path = process::find("postgres").and_then(|program| program.canonicalize().ok());
    folders.extend(on_path.and_then(|program| Some(program.parent()?.to_path_buf())));
    folders.into_iter().find_map(|folder| {
        let program = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        Some(Programs {
            folder: folder.clone(),
            initdb: program("initdb")?,
            postgres: program("postgres")?,
            pg_isready: program("pg_isready")?,
        })
    })
}

/// The password of the user `postgres`. There is one so that a wrong one is refused.
const PASSWORD: &str = "for-tests-alone";

/// Makes a cluster in `folder` and serves it.
pub(super) fn start(folder: &Path) -> Outcome<Started> {
    let programs = programs().ok_or("Postgres is not installed, although its package is")?;
    // Postgres refuses to run as root.
    let user = if process::is_root() {
        Some(unprivileged_user()?)
    } else {
        None
    };
    fs::create_dir_all(folder)?;
    if let Some(user) = user {
        chown(folder, Some(number_of("-u", user)?), Some(number_of("-g", user)?))?;
    }
    let data = folder.join("data");
    let password_file = folder.join("password");
    fs::write(&password_file, PASSWORD)?;
    process::output(
        process::bound_to_us(&programs.initdb, user)
            .args([
                "--auth",
                "password",
                "--username",
                "postgres",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
            ])
            .arg("--pwfile")
            .arg(&password_file)
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .current_dir(folder),
    )?;
    for _ in 0..TRIES {
        if let Some(started) = serve(&programs, user, folder, &data)? {
            return Ok(started);
        }
    }
    Err(format!("Postgres ended as soon as it was started, {TRIES} times: see its lines above").into())
}

/// `None` when it ended at once, most likely because somebody took the port.
fn serve(programs: &Programs, user: Option<&str>, folder: &Path, data: &Path) -> Outcome<Option<Started>> {
    let port = process::free_port()?.to_string();
    let mut command = process::bound_to_us(&programs.postgres, user);
    command
        .arg("-D")
        .arg(data)
        .arg("-k")
        .arg(folder)
        .args(["-h", "127.0.0.1", "-p", &port])
        .current_dir(folder);
    for setting in [
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "max_connections=200",
        "shared_buffers=128MB",
        // Ordinary life is not worth a line; what goes wrong is.
        "log_min_messages=fatal",
        "log_checkpoints=off",
    ] {
        command.args(["-c", setting]);
    }
    // The tests provoke errors by the dozen: their lines go to a file that is shown only when the start fails.
    let log = folder.join("log");
    command.stderr(fs::File::create(&log)?);
    let mut daemon = Daemon::start("Postgres", "INT", &mut command)?;
    let mut ended = false;
    process::wait_until("Postgres accepts connections", Duration::from_secs(30), || {
        ended = daemon.ended()?.is_some();
        Ok(ended
            || process::succeeds(Command::new(&programs.pg_isready).args(["-h", "127.0.0.1", "-p", &port])))
    })?;
    if ended {
        eprint!("{}", fs::read_to_string(&log)?);
        return Ok(None);
    }
    Ok(Some(Started {
        daemon,
        url: format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"),
    }))
}

/// The package's own user where there is one, else the one that owns nothing.
fn unprivileged_user() -> Outcome<&'static str> {
    ["postgres", "nobody"]
        .into_iter()
        .find(|user| process::succeeds(Command::new("id").args(["-u", user])))
        .ok_or_else(|| "Postgres does not run as root, and there is no user `postgres` or `nobody`".into())
}

fn number_of(which: &str, user: &str) -> Outcome<u32> {
    Ok(process::output(Command::new("id").args([which, user]))?
        .trim()
        .parse()?)
}

/// The 15 in `/usr/lib/postgresql/15/bin`.
fn major_version(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_a_number_so_that_ten_is_newer_than_nine() {
        let version = |name: &str| major_version(&Path::new("/usr/lib/postgresql").join(name).join("bin"));
        assert_eq!(version("15"), Some(15));
        assert!(version("10") > version("9"));
        assert_eq!(version("lost+found"), None);
    }
}
