//! The recording of a directory, and the faults that its files are to meet.

use std::collections::{BTreeMap, BTreeSet};

/// A file that was created; another of the same name is another.
pub(crate) type Inode = usize;

/// Something that changes what a disk holds, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Link {
        name: String,
        inode: Inode,
    },
    Unlink {
        name: String,
    },
    Write {
        inode: Inode,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        inode: Inode,
        size: usize,
    },
    Sync {
        inode: Inode,
    },
    /// A flush that failed: what it was to flush may or may not be on disk, and no later flush does it again.
    FailedSync {
        inode: Inode,
    },
    SyncDirectory,
    /// Nothing, in the place of something.
    Nothing,
}

/// An open file: of which start of the store, and which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileId {
    pub(crate) life: u32,
    pub(crate) inode: Inode,
}

/// What fails, until it is cleared or has failed often enough.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    /// How the file's name ends: `-wal`, or `.db`.
    pub(crate) file: &'static str,
    /// So many calls succeed before.
    pub(crate) skip: usize,
    /// So many fail.
    pub(crate) times: usize,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A flush, with `EIO`.
    Sync,
    /// A write, with `EIO`; nothing is written.
    Write,
    /// A write, with `EIO`; the first half is written.
    ShortWrite,
}

/// What a recorder knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) events: Vec<Event>,
    pub(crate) names: BTreeMap<String, Inode>,
    /// What a full disk compares with.
    pub(crate) sizes: Vec<usize>,
    /// Journals whose next flush flushes the directory, too.
    pub(crate) flushes_directory: BTreeSet<Inode>,
    /// Files whose time was set back when the process started, and which nobody has opened since.
    pub(crate) untouched: BTreeSet<Inode>,
    /// Starts of the store; the files of an earlier one are dead.
    pub(crate) life: u32,
    pub(crate) dead: bool,
    /// The process dies after so many calls more.
    pub(crate) dies_after: Option<usize>,
    /// Files that are open.
    pub(crate) open: usize,
    /// Nothing is recorded any more.
    pub(crate) done: bool,
    pub(crate) faults: Vec<Fault>,
    /// Bytes that all files together may have.
    pub(crate) capacity: Option<usize>,
    pub(crate) gate: Gate,
}

/// Where a test stops the store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Gate {
    #[default]
    Open,
    /// The store is to wait before the next write to a file whose name ends so.
    Closed(&'static str),
    /// It waits.
    Waiting,
}

impl State {
    pub(crate) fn create(&mut self, name: &str) -> Inode {
        let inode = self.sizes.len();
        self.sizes.push(0);
        self.names.insert(name.to_owned(), inode);
        self.events.push(Event::Link {
            name: name.to_owned(),
            inode,
        });
        inode
    }

    pub(crate) fn wrote(&mut self, inode: Inode, offset: usize, bytes: &[u8]) {
        self.sizes[inode] = self.sizes[inode].max(offset + bytes.len());
        self.events.push(Event::Write {
            inode,
            offset,
            bytes: bytes.to_vec(),
        });
    }

    /// Counts a call; whether the process is dead, or dies before it.
    pub(crate) fn dies(&mut self) -> bool {
        match &mut self.dies_after {
            Some(0) => self.dead = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.dead
    }

    pub(crate) fn refuses(&mut self, file: FileId) -> bool {
        self.dies() || file.life != self.life
    }

    pub(crate) fn is_named(&self, file: FileId, end: &str) -> bool {
        self.names
            .iter()
            .any(|(name, inode)| *inode == file.inode && name.ends_with(end))
    }

    pub(crate) fn stops_at_gate(&self, file: FileId) -> bool {
        matches!(self.gate, Gate::Closed(end) if self.is_named(file, end))
    }

    /// Whether `call` on the file fails now.
    pub(crate) fn fails(&mut self, file: FileId, call: Call) -> bool {
        let mut faults = std::mem::take(&mut self.faults);
        let met = faults
            .iter_mut()
            .filter(|fault| fault.call == call && self.is_named(file, fault.file));
        let mut fails = false;
        for fault in met {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                fails = true;
            }
        }
        self.faults = faults;
        fails
    }

    pub(crate) fn used(&self) -> usize {
        self.names.values().map(|inode| self.sizes[*inode]).sum()
    }

    pub(crate) fn has_room(&self, file: FileId, end: usize) -> bool {
        let grows = end.saturating_sub(self.sizes[file.inode]);
        grows == 0 || self.capacity.is_none_or(|most| self.used() + grows <= most)
    }
}
