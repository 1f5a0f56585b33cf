//! What a judge is given: packages, pinned, and the server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::Server;
use crate::{Outcome, process, tools, workspace};

/// The stage of one judge.
pub(super) struct Stage {
    binary: PathBuf,
    /// In the cache, outside the checkout: packages stay there between runs.
    folder: PathBuf,
}

impl Stage {
    pub(super) fn new(judge: &str, binary: &Path) -> Outcome<Self> {
        let folder = workspace::cache()?.join("interop").join(judge);
        fs::create_dir_all(&folder)?;
        Ok(Self {
            binary: binary.to_path_buf(),
            folder,
        })
    }

    /// The server's binary.
    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Starts the server on a free port and an empty data folder. It sees `settings` and none of our environment.
    pub(super) fn serve(&self, settings: &[(&str, &str)]) -> Outcome<Server> {
        Server::start(&self.binary, settings)
    }

    /// Lets a script that plays a model provider judge the server, once over each of OpenAI's APIs. `key` is the API key
    /// that it is shown.
    pub(super) fn judge_models(&self, key: &str, script: impl Fn() -> Outcome<Command>) -> Outcome {
        for api in ["responses", "chat_completions"] {
            println!("-- {api}");
            let mut judge = script()?;
            // The script listens here; the server asks nobody before the first message.
            let port = process::free_port()?.to_string();
            let provider = format!("http://127.0.0.1:{port}/v1");
            let server = self.serve(&[
                ("OPENAI_API", api),
                ("OPENAI_API_KEY", key),
                ("OPENAI_BASE_URL", &provider),
                ("MODEL_IDLE_TIMEOUT_SECONDS", "2"),
                // The script says what each request is answered with, and counts them.
                ("CONVERSATION_TITLES", "off"),
            ])?;
            server.describe_to(&mut judge);
            judge.env("PROVIDER_PORT", port);
            process::run(&mut judge)?;
        }
        Ok(())
    }

    /// `node` for the script of that name in `xtask/judges`, which can import the npm packages: `jose@6.2.17`.
    pub(super) fn node(&self, script: &str, packages: &[&str]) -> Outcome<Command> {
        require_program("node", "nodejs")?;
        require_program("npm", "npm")?;
        let folder = self.folder.join("npm");
        install_once(&folder, packages, || {
            if packages.is_empty() {
                return Ok(());
            }
            process::run(
                Command::new("npm")
                    .args([
                        "install",
                        "--no-save",
                        "--no-package-lock",
                        "--no-audit",
                        "--no-fund",
                        "--prefix",
                    ])
                    .arg(&folder)
                    .args(packages)
                    .current_dir(&folder),
            )
        })?;
        let mut command = Command::new("node");
        command.arg(copy_script(script, &folder)?).current_dir(&folder);
        Ok(command)
    }

    /// `python` for the script of that name in `xtask/judges`, which can import the PyPI packages: `PyJWT==2.10.1`.
    pub(super) fn python(&self, script: &str, packages: &[&str]) -> Outcome<Command> {
        let folder = self.folder.join("python");
        let python = self.python_program("python", packages)?;
        let mut command = Command::new(python);
        command.arg(copy_script(script, &folder)?).current_dir(&folder);
        Ok(command)
    }

    /// A program that the PyPI packages bring, such as `python` itself.
    pub(super) fn python_program(&self, program: &str, packages: &[&str]) -> Outcome<PathBuf> {
        require_program("python3", "python3 python3-venv")?;
        let folder = self.folder.join("python");
        install_once(&folder, packages, || {
            process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            process::run(
                Command::new(folder.join("bin/python"))
                    .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                    .args(packages),
            )
        })?;
        Ok(folder.join("bin").join(program))
    }
}

/// Next to the installed packages: that is where a JavaScript module looks for what it imports.
fn copy_script(script: &str, folder: &Path) -> Outcome<PathBuf> {
    let copy = folder.join(script);
    fs::copy(
        workspace::root()?.join("xtask").join("judges").join(script),
        &copy,
    )?;
    Ok(copy)
}

/// Installs unless the folder says that it holds exactly these packages; a half-made folder says nothing.
fn install_once(folder: &Path, packages: &[&str], install: impl FnOnce() -> Outcome) -> Outcome {
    let note = folder.join("installed.txt");
    let wanted = packages.join("\n");
    if fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if !packages.is_empty() {
        println!("installing {}", packages.join(" "));
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    install()?;
    Ok(fs::write(note, wanted)?)
}

fn require_program(program: &str, packages: &str) -> Outcome {
    if process::find(program).is_some() {
        return Ok(());
    }
    tools::install_system_packages(&packages.split(' ').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn packages_are_installed_once_and_again_when_the_pin_changes() {
        let folder = tempfile::tempdir().unwrap();
        let installs = Cell::new(0);
        let install = |packages: &[&str]| {
            install_once(&folder.path().join("npm"), packages, || {
                installs.set(installs.get() + 1);
                Ok(())
            })
        };
        install(&["jose@6.2.17"]).unwrap();
        install(&["jose@6.2.17"]).unwrap();
        assert_eq!(installs.get(), 1);
        install(&["jose@6.2.18"]).unwrap();
        assert_eq!(installs.get(), 2);
    }

    #[test]
    fn a_failed_install_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let packages = ["jose@6.2.17"];
        assert!(install_once(&folder.path().join("npm"), &packages, || Err("no network".into())).is_err());
        let again = Cell::new(false);
        install_once(&folder.path().join("npm"), &packages, || {
            again.set(true);
            Ok(())
        })
        .unwrap();
        assert!(again.get());
    }
}
