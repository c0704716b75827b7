//! One process per directory, and a witness of the last run beside the database.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
};

use super::{dir::FILE_MODE, error::StoreError};

/// The file that is locked as long as a process uses its directory. It says which process, and which run.
const FILE: &str = "lock";

/// The lock of a directory; it ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    witness: Witness,
    /// Whether the file goes with this value: nothing stays where there is no store.
    passing: bool,
}

/// What the lock file says about the last run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Witness {
    /// The run's name; `None`: there was none, or someone removed the file.
    pub(super) run: Option<String>,
    /// When the file was last changed, in nanoseconds since 1970. No tool that copies files can set it.
    pub(super) changed: i64,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let io_error = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        let passing = !path.exists();
        let mut file = open(&path).map_err(io_error)?;
        let locked = file.try_lock();
        let (pid, run) = read(&mut file).map_err(io_error)?;
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let dir = dir.to_owned();
                return Err(StoreError::InUse { dir, pid });
            }
            Err(TryLockError::Error(error)) => return Err(io_error(error)),
        }
        // Who had it may have removed it just now: the lock of a file without its name keeps nobody out.
        if !is_at(&file, &path).map_err(io_error)? {
            let dir = dir.to_owned();
            return Err(StoreError::InUse { dir, pid });
        }
        let changed = changed(&file).map_err(io_error)?;
        let witness = Witness { run, changed };
        Ok(Self {
            file,
            path,
            witness,
            passing,
        })
    }

    /// The directory is that of a store.
    pub(super) fn keep(&mut self) {
        self.passing = false;
    }

    /// What the file said when it was locked.
    pub(super) fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Notes this process and its run, for good; yields when.
    pub(super) fn note(&self, run: &str) -> Result<i64, StoreError> {
        let written = write(&self.file, run);
        written.map_err(|source| StoreError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.passing {
            // It is empty and locked: nobody misses it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).read(true).write(true);
    options.mode(FILE_MODE).open(path)
}

/// Whether `file` is what `path` names.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let file = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(file: &mut File) -> io::Result<(Option<u32>, Option<String>)> {
    let mut bytes = Vec::new();
    file.take(1024).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.trim().parse().ok());
    Ok((pid, lines.next().map(|line| line.trim().to_owned())))
}

fn write(mut file: &File, run: &str) -> io::Result<i64> {
    file.rewind()?;
    let text = format!("{}\n{run}\n", process::id());
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    changed(file)
}

fn changed(file: &File) -> io::Result<i64> {
    let metadata = file.metadata()?;
    // A backup may be put back within the second that its server ended in.
    Ok(metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec())
}
