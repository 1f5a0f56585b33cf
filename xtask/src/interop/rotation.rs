//! Two replicas over one Postgres and one Redis, under load, while their key is rotated three times. npm `jose` and PyPI `authlib` and
//! `joserfc` verify every token that they get hold of, as services do that know only our key set.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::replica::{EMAIL, PASSWORD, Replica};
use super::{Judge, Stage};
use crate::Outcome;
use crate::process;
use crate::services::Services;

pub(super) const JUDGE: Judge = Judge {
    name: "rotation",
    about: "three rotations of the key under load on two replicas, and no token that npm jose, authlib or joserfc refuse",
    run,
};

const ROTATIONS: usize = 3;
/// `jose` asks for an unknown key once in 30 s and no more.
const BETWEEN: Duration = Duration::from_secs(35);
/// How long a promotion may be refused before something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);

fn run(stage: &Stage) -> Outcome {
    let services = Services::start()?;
    let folder = tempfile::Builder::new().prefix("chancery-rotation-").tempdir()?;
    let one = Replica::start(stage.binary(), &services, &folder, "one", None)?;
    let other = Replica::start(stage.binary(), &services, &folder, "other", Some(&one.url))?;
    let stop = folder.path().join("stop");
    let mut judges = [
        stage.node("rotation.mjs", &["jose@6.2.17"])?,
        stage.python(
            "rotation.py",
            &["authlib==1.9.9", "joserfc==1.8.0", "cryptography==50.0.2"],
        )?,
    ];
    let mut judging = Vec::new();
    for judge in &mut judges {
        judge
            .env("CHANCERY_URLS", format!("{},{}", one.url, other.url))
            .env("CHANCERY_EMAIL", EMAIL)
            .env("CHANCERY_PASSWORD", PASSWORD)
            .env("CHANCERY_STOP", &stop);
        judging.push(judge.spawn()?);
    }
    for number in 1..=ROTATIONS {
        thread::sleep(BETWEEN);
        let began = Instant::now();
        while !one
            .command(&["keys", "promote"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?
            .success()
        {
            if began.elapsed() > PATIENCE {
                process::run(&mut one.command(&["keys", "promote"]))?;
            }
            thread::sleep(Duration::from_secs(1));
        }
        process::run(one.command(&["keys", "retire"]).stdout(Stdio::null()))?;
        println!("rotation {number} of {ROTATIONS}");
    }
    thread::sleep(BETWEEN);
    fs::write(&stop, "")?;
    for mut judge in judging {
        let verdict = judge.wait()?;
        if !verdict.success() {
            return Err(format!("a verifier refused a token: {verdict}").into());
        }
    }
    Ok(())
}
