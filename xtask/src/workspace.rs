//! Where things are: the checkout, the cache folder, cargo itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The top folder of the checkout, as cargo names it to the program it runs. A path compiled in would be that of whichever
/// checkout built first: several share one target folder.
pub(crate) fn root() -> Outcome<PathBuf> {
    let own = env::var_os("CARGO_MANIFEST_DIR").ok_or("start xtask with `cargo xtask`")?;
    Path::new(&own)
        .parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| "xtask is not inside a workspace".into())
}

/// The folder for what is expensive to fetch or build and can be thrown away, outside the checkout:
/// `$XDG_CACHE_HOME/chancery`, or `~/.cache/chancery`.
pub(crate) fn cache() -> Outcome<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set: there is no place for a cache")?;
    Ok(base.join("chancery"))
}

/// The folder that cargo builds into.
pub(crate) fn target() -> Outcome<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .current_dir(root()?)
        .exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// `cargo`, the one that started us, in the top folder.
pub(crate) fn cargo() -> Outcome<Command> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?);
    Ok(command)
}
