//! What a store does to the files of one directory, in order; and the faults a test has them meet.

use std::{
    ffi::c_int,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, Weak},
    time::{Duration, SystemTime},
};

use rusqlite::ffi;

use crate::{
    disk::Files,
    journal::{Call, Event, Fault, FileId, Gate, Inode, State},
};

/// When nothing was written.
const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;
/// How long a test waits for the store to write.
const WAIT: Duration = Duration::from_secs(30);

/// Records one directory and breaks its files at will.
#[derive(Debug)]
pub(crate) struct Recorder {
    directory: PathBuf,
    state: Mutex<State>,
    moved: Condvar,
}

static RECORDERS: Mutex<Vec<Weak<Recorder>>> = Mutex::new(Vec::new());

impl Recorder {
    /// A recorder of the files that will be in `directory`, which holds none now.
    pub(crate) fn new(directory: &Path) -> Arc<Self> {
        let recorder = Arc::new(Self {
            directory: directory.canonicalize().expect("the directory is there"),
            state: Mutex::default(),
            moved: Condvar::new(),
        });
        let mut recorders = RECORDERS.lock().unwrap();
        recorders.retain(|recorder| recorder.strong_count() > 0);
        recorders.push(Arc::downgrade(&recorder));
        recorder
    }

    /// The recorder of `directory`.
    pub(crate) fn of(directory: &Path) -> Option<Arc<Self>> {
        let recorders = RECORDERS.lock().unwrap();
        let mut all = recorders.iter().filter_map(Weak::upgrade);
        all.find(|recorder| recorder.directory == directory)
    }

    /// How many events there were.
    pub(crate) fn position(&self) -> usize {
        self.state().events.len()
    }

    /// What happened so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Has calls fail.
    pub(crate) fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Bounds what all files may hold together, in bytes beyond what they hold now.
    pub(crate) fn fill_disk(&self, left: usize) {
        let mut state = self.state();
        state.capacity = Some(state.used() + left);
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.capacity = None;
    }

    /// Has the store wait before the next write to a file whose name ends with `file`.
    pub(crate) fn close_gate(&self, file: &'static str) {
        self.state().gate = Gate::Closed(file);
    }

    /// Waits until the store waits.
    pub(crate) fn wait_at_gate(&self) {
        let waiting = |state: &mut State| state.gate != Gate::Waiting;
        let waited = self
            .moved
            .wait_timeout_while(self.state(), WAIT, waiting)
            .unwrap();
        assert!(
            !waited.1.timed_out(),
            "the store writes when it has something to write"
        );
    }

    /// Lets the store go on.
    pub(crate) fn open_gate(&self) {
        self.state().gate = Gate::Open;
        self.moved.notify_all();
    }

    /// The process dies after `calls` calls more that change something.
    pub(crate) fn die_after(&self, calls: usize) {
        self.state().dies_after = Some(calls);
    }

    /// The process dies: nothing it has open reaches the disk any more. Lets a store that waits go on, in vain.
    pub(crate) fn kill(&self) {
        self.state().dead = true;
        self.open_gate();
    }

    /// Whether the process died.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Waits until nothing is open any more. Then the next process may start, on the files as the last one left them.
    pub(crate) fn restart(&self) {
        let open = |state: &mut State| state.open > 0;
        let (mut state, waited) = self
            .moved
            .wait_timeout_while(self.state(), WAIT, open)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "a store that is dropped closes its files"
        );
        state.dead = false;
        state.dies_after = None;
        state.life += 1;
        state.flushes_directory.clear();
        self.set_back(&mut state);
    }

    /// Sets the times of the write-ahead logs back, so that it shows who writes to them without SQLite.
    fn set_back(&self, state: &mut State) {
        state.untouched.clear();
        for (name, inode) in &state.names {
            if let Ok(file) = File::options().write(true).open(self.directory.join(name))
                && name.ends_with("-wal")
            {
                file.set_modified(LONG_AGO).expect("the files are ours");
                state.untouched.insert(*inode);
            }
        }
    }

    /// Records that a file was written to without SQLite before this process opened it.
    fn notice(&self, state: &mut State, name: &str, inode: Inode) {
        let path = self.directory.join(name);
        let time = fs::metadata(&path).and_then(|file| file.modified());
        if state.untouched.remove(&inode) && time.is_ok_and(|time| time != LONG_AGO) {
            let bytes = fs::read(path).expect("the files are ours");
            state.wrote(inode, 0, &bytes);
        }
    }

    /// Takes the recording. From now on everything passes and nothing is recorded.
    pub(crate) fn finish(&self) -> Vec<Event> {
        let mut state = self.state();
        state.done = true;
        std::mem::take(&mut state.events)
    }

    /// Begins another recording, of a directory that holds just `files`, all of them flushed.
    pub(crate) fn begin(&self, files: &Files) {
        let mut state = self.state();
        *state = State {
            life: state.life,
            open: state.open,
            ..State::default()
        };
        for (name, bytes) in files {
            let inode = state.create(name);
            state.wrote(inode, 0, bytes);
            state.events.push(Event::Sync { inode });
        }
        state.events.push(Event::SyncDirectory);
        self.set_back(&mut state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// What the VFS calls. Each is one step: the system does its part while the recorder is locked.
impl Recorder {
    pub(crate) fn open(
        &self,
        name: &str,
        flags: c_int,
        open: impl FnOnce() -> c_int,
    ) -> (c_int, Option<FileId>) {
        let mut state = self.state();
        if state.dead {
            return (ffi::SQLITE_CANTOPEN, None);
        }
        let code = open();
        if code != ffi::SQLITE_OK {
            return (code, None);
        }
        state.open += 1;
        let life = state.life;
        if state.done {
            return (code, Some(FileId { life, inode: 0 }));
        }
        let creates = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let inode = match state.names.get(name) {
            Some(inode) => {
                let inode = *inode;
                self.notice(&mut state, name, inode);
                inode
            }
            None => {
                assert!(creates, "{name} is new");
                state.create(name)
            }
        };
        let journal = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
        if creates && flags & journal != 0 {
            state.flushes_directory.insert(inode);
        }
        (code, Some(FileId { life, inode }))
    }

    pub(crate) fn close(&self) {
        self.state().open -= 1;
        self.moved.notify_all();
    }

    pub(crate) fn delete(
        &self,
        name: &str,
        directory: bool,
        delete: impl FnOnce() -> c_int,
    ) -> c_int {
        let mut state = self.state();
        if state.dies() {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let code = delete();
        if code == ffi::SQLITE_OK && !state.done {
            if let Some(inode) = state.names.remove(name) {
                state.sizes[inode] = 0;
            }
            state.events.push(Event::Unlink {
                name: name.to_owned(),
            });
            if directory {
                state.events.push(Event::SyncDirectory);
            }
        }
        code
    }

    pub(crate) fn write(
        &self,
        file: FileId,
        offset: i64,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> c_int,
    ) -> c_int {
        let mut state = self.pass_gate(file);
        if state.refuses(file) {
            return ffi::SQLITE_IOERR_WRITE;
        }
        if state.done {
            return write(bytes);
        }
        let offset = usize::try_from(offset).expect("an offset is not negative");
        let half = state.fails(file, Call::ShortWrite);
        if state.fails(file, Call::Write) {
            return ffi::SQLITE_IOERR_WRITE;
        }
        if !state.has_room(file, offset + bytes.len()) {
            return ffi::SQLITE_FULL;
        }
        let written = if half {
            &bytes[..bytes.len() / 2]
        } else {
            bytes
        };
        let code = write(written);
        if code == ffi::SQLITE_OK {
            state.wrote(file.inode, offset, written);
        }
        if half { ffi::SQLITE_IOERR_WRITE } else { code }
    }

    pub(crate) fn truncate(
        &self,
        file: FileId,
        size: i64,
        truncate: impl FnOnce() -> c_int,
    ) -> c_int {
        let mut state = self.state();
        if state.refuses(file) {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
        let code = truncate();
        if code == ffi::SQLITE_OK && !state.done {
            let size = usize::try_from(size).expect("a size is not negative");
            state.sizes[file.inode] = size;
            state.events.push(Event::Truncate {
                inode: file.inode,
                size,
            });
        }
        code
    }

    pub(crate) fn sync(&self, file: FileId) -> c_int {
        let mut state = self.state();
        if state.refuses(file) {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        if state.done {
            return ffi::SQLITE_OK;
        }
        let inode = file.inode;
        if state.fails(file, Call::Sync) {
            state.events.push(Event::FailedSync { inode });
            return ffi::SQLITE_IOERR_FSYNC;
        }
        state.events.push(Event::Sync { inode });
        if state.flushes_directory.remove(&inode) {
            state.events.push(Event::SyncDirectory);
        }
        ffi::SQLITE_OK
    }

    /// Waits where the test wants it.
    fn pass_gate(&self, file: FileId) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if state.stops_at_gate(file) {
            state.gate = Gate::Waiting;
            self.moved.notify_all();
            let waiting = |state: &mut State| state.gate == Gate::Waiting;
            let waited = self.moved.wait_timeout_while(state, WAIT, waiting).unwrap();
            assert!(!waited.1.timed_out(), "the test opens the gate again");
            state = waited.0;
        }
        state
    }
}
