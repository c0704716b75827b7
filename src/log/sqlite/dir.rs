//! The directory of a store: made to last, and for its owner alone.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::error::StoreError;

/// Who may use the files of a store: rooms hold what their members keep from others.
pub(super) const FILE_MODE: u32 = 0o600;
/// Who may use a store's directory.
const DIR_MODE: u32 = 0o700;
/// Who may use the directories around it, as far as the process's mask lets them.
const OUTER_MODE: u32 = 0o777;

/// Makes a store's directory if there is none, and those around it. One that is there keeps its mode.
pub(super) fn make(dir: &Path) -> Result<(), StoreError> {
    // Without a dot at its end: that is no name to be made.
    let dir: PathBuf = dir.components().collect();
    for missing in missing(&dir)?.into_iter().rev() {
        let mode = if missing == dir { DIR_MODE } else { OUTER_MODE };
        make_one(missing, mode)?;
        sync(parent(missing))?;
    }
    Ok(())
}

/// Makes the names in a directory last.
pub(super) fn sync(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| failed(dir, source))
}

/// Makes an empty file if there is none. SQLite gives those it makes beside a database the mode of the database.
pub(super) fn make_file(file: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let made = options
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(file);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(file, error)),
        _ => Ok(()),
    }
}

/// `dir` and what it stands in, as far as it is not there, the innermost first.
fn missing(dir: &Path) -> Result<Vec<&Path>, StoreError> {
    let mut missing = Vec::new();
    let named = |path: &&Path| !path.as_os_str().is_empty();
    for path in dir.ancestors().filter(named) {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => break,
            Ok(_) => return Err(failed(path, io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(path),
            Err(error) => return Err(failed(path, error)),
        }
    }
    Ok(missing)
}

fn make_one(dir: &Path, mode: u32) -> Result<(), StoreError> {
    match DirBuilder::new().mode(mode).create(dir) {
        // Another process made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(failed(dir, dangling(dir).unwrap_or(error))),
        Ok(()) => Ok(()),
    }
}

/// What is wrong with a link that leads nowhere.
fn dangling(path: &Path) -> Option<io::Error> {
    let target = fs::read_link(path).ok()?;
    let target = target.display();
    Some(io::Error::other(format!(
        "it is a symbolic link to {target}, which does not exist"
    )))
}

/// The directory that the name `path` stands in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
