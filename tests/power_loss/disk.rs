//! What a disk may hold after a power loss, made of nothing but a recording.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use rand::{Rng as _, RngExt as _, rngs::SmallRng, seq::IndexedRandom as _};

use crate::journal::{Event, Inode};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// Files by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The files of a recording at one of its events: what is on disk for certain, and what may be.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// Names as the directory on disk has them.
    names: BTreeMap<String, Inode>,
    /// Events that changed names since the directory was flushed.
    renamed: Vec<(String, Option<Inode>)>,
    /// The number of events.
    step: usize,
}

/// A file: `cache` is what programs read.
#[derive(Debug, Default)]
struct File {
    cache: Vec<u8>,
    flushed: Vec<u8>,
    /// What sectors became since the last flush, oldest first.
    sectors: BTreeMap<usize, Vec<Version<[u8; SECTOR]>>>,
    sizes: Vec<Version<usize>>,
}

/// What something became at an event.
#[derive(Debug)]
struct Version<T> {
    step: usize,
    value: T,
    /// It came with a cut of the file: if anything after the cut is on disk, the cut is.
    cut: bool,
}

/// Which of what was not flushed is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    /// Every write, as after the end of a process.
    Everything,
    /// The writes up to some moment.
    Prefix,
    /// Some writes.
    Writes,
    /// Some sectors, each as some write left it.
    Sectors,
}

/// Which creations and removals of files are on disk, of those since the directory was flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    None,
    All,
}

impl Kept {
    pub(crate) const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Everything,
        Self::Prefix,
        Self::Writes,
        Self::Sectors,
    ];
}

impl Disk {
    /// Takes the next event. What a failed flush left on disk is chosen by `dice`.
    pub(crate) fn step(&mut self, event: &Event, dice: &mut SmallRng) {
        self.step += 1;
        let step = self.step;
        match event {
            Event::Link { name, inode } => {
                assert_eq!(*inode, self.files.len(), "files are numbered in order");
                self.files.push(File::default());
                self.renamed.push((name.clone(), Some(*inode)));
            }
            Event::Unlink { name } => self.renamed.push((name.clone(), None)),
            Event::Write {
                inode,
                offset,
                bytes,
            } => {
                self.files[*inode].write(step, *offset, bytes);
            }
            Event::Truncate { inode, size } => self.files[*inode].cut(step, *size),
            Event::Sync { inode } => self.files[*inode].flush(),
            Event::FailedSync { inode } => {
                let kept = *Kept::ALL.choose(dice).expect("there are some");
                let choice = Choice::new(kept, step, dice);
                self.files[*inode].lose(&choice, dice);
            }
            Event::SyncDirectory => {
                self.names = self.names(Names::All);
                self.renamed.clear();
            }
            Event::Nothing => {}
        }
    }

    /// What programs read now: all that a killed process leaves.
    pub(crate) fn cached(&self) -> Files {
        let files = self.names(Names::All).into_iter();
        files
            .map(|(name, inode)| (name, self.files[inode].cache.clone()))
            .collect()
    }

    /// A disk as it may be if the power goes off now.
    pub(crate) fn after_power_loss(&self, kept: Kept, names: Names, dice: &mut SmallRng) -> Files {
        let choice = Choice::new(kept, self.step, dice);
        let files = self.names(names).into_iter();
        files
            .map(|(name, inode)| (name, self.files[inode].on_disk(&choice, dice)))
            .collect()
    }

    fn names(&self, names: Names) -> BTreeMap<String, Inode> {
        let mut found = self.names.clone();
        for (name, inode) in self.renamed.iter().filter(|_| names == Names::All) {
            match inode {
                Some(inode) => found.insert(name.clone(), *inode),
                None => found.remove(name),
            };
        }
        found
    }
}

/// What is kept of all files.
#[derive(Debug)]
struct Choice {
    kept: Kept,
    /// Of `Prefix`: what came after this event is lost.
    moment: usize,
    /// Of `Writes`: who is lost.
    seed: u64,
}

impl Choice {
    fn new(kept: Kept, step: usize, dice: &mut SmallRng) -> Self {
        // What was not flushed is mostly young.
        let young = dice.random_range(0..=step.min(60));
        Self {
            kept,
            moment: step - young,
            seed: dice.next_u64(),
        }
    }

    /// Whether the write at `step` is on disk; for `Writes`.
    fn has(&self, step: usize) -> bool {
        // Fibonacci hashing: the high bits are as good as random.
        let mixed = (step as u64 ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ self.seed) >> 63 == 0
    }

    /// Of the versions up to `horizon`, the one that is on disk.
    fn pick<'a, T>(
        &self,
        versions: &'a [Version<T>],
        horizon: usize,
        dice: &mut SmallRng,
    ) -> Option<&'a T> {
        let end = versions.partition_point(|version| version.step <= horizon);
        let known = &versions[..end];
        let cut = known.iter().rposition(|version| version.cut);
        let free = &known[cut.unwrap_or(0)..];
        let last = match self.kept {
            Kept::Nothing => return None,
            Kept::Everything | Kept::Prefix => free.last(),
            Kept::Writes => free.iter().rev().find(|version| self.has(version.step)),
            // Without a cut, what was flushed before is one more possibility.
            Kept::Sectors => {
                let choice = dice.random_range(usize::from(cut.is_some())..=free.len());
                choice.checked_sub(1).map(|index| &free[index])
            }
        };
        last.or_else(|| cut.map(|cut| &known[cut]))
            .map(|version| &version.value)
    }
}

impl File {
    fn write(&mut self, step: usize, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.cache.len() {
            self.cache.resize(end, 0);
            self.sizes.push(Version {
                step,
                value: end,
                cut: false,
            });
        }
        self.cache[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            self.note(step, sector, false);
        }
    }

    fn cut(&mut self, step: usize, size: usize) {
        let before = self.cache.len();
        self.cache.resize(size, 0);
        self.sizes.push(Version {
            step,
            value: size,
            cut: true,
        });
        for sector in size / SECTOR..before.div_ceil(SECTOR) {
            self.note(step, sector, true);
        }
    }

    /// Notes what the cache has for a sector.
    fn note(&mut self, step: usize, sector: usize, cut: bool) {
        let value = sector_of(&self.cache, sector);
        self.sectors
            .entry(sector)
            .or_default()
            .push(Version { step, value, cut });
    }

    fn flush(&mut self) {
        self.flushed.resize(self.cache.len(), 0);
        let sectors = std::mem::take(&mut self.sectors);
        for sector in sectors.keys() {
            put_sector(&mut self.flushed, *sector, &sector_of(&self.cache, *sector));
        }
        self.sizes.clear();
    }

    /// A flush failed: some of it is on disk, and the system takes all of it for written.
    fn lose(&mut self, choice: &Choice, dice: &mut SmallRng) {
        self.flushed = self.on_disk(choice, dice);
        self.sectors.clear();
        self.sizes.clear();
    }

    fn on_disk(&self, choice: &Choice, dice: &mut SmallRng) -> Vec<u8> {
        let horizon = self.horizon(choice, dice);
        let mut bytes = self.flushed.clone();
        let mut end = 0;
        for (sector, versions) in &self.sectors {
            if let Some(value) = choice.pick(versions, horizon, dice) {
                let start = sector * SECTOR;
                bytes.resize(bytes.len().max(start + SECTOR), 0);
                put_sector(&mut bytes, *sector, value);
                end = end.max(start + SECTOR);
            }
        }
        let size = choice.pick(&self.sizes, horizon, dice).copied();
        let size = match choice.kept {
            // What was written is within the file.
            Kept::Writes => size
                .unwrap_or(self.flushed.len())
                .max(end.min(self.cache.len())),
            _ => size.unwrap_or(self.flushed.len()),
        };
        bytes.resize(size, 0);
        bytes
    }

    /// Up to which event the file may be on disk: a cut is there as a whole or not at all, and what followed it only with it.
    fn horizon(&self, choice: &Choice, dice: &mut SmallRng) -> usize {
        if choice.kept == Kept::Prefix {
            return choice.moment;
        }
        if choice.kept == Kept::Everything {
            return usize::MAX;
        }
        let cuts: HashSet<usize> = self
            .sizes
            .iter()
            .filter(|size| size.cut)
            .map(|size| size.step)
            .collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut - 1).collect();
        cuts.sort_unstable();
        cuts.push(usize::MAX);
        *cuts.choose(dice).expect("it holds at least one")
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> [u8; SECTOR] {
    let start = (sector * SECTOR).min(bytes.len());
    let end = (start + SECTOR).min(bytes.len());
    let mut value = [0; SECTOR];
    value[..end - start].copy_from_slice(&bytes[start..end]);
    value
}

fn put_sector(bytes: &mut [u8], sector: usize, value: &[u8; SECTOR]) {
    let start = (sector * SECTOR).min(bytes.len());
    let end = (start + SECTOR).min(bytes.len());
    bytes[start..end].copy_from_slice(&value[..end - start]);
}

/// A directory whose files become what a disk may hold. A file that comes again is the same as before: a store takes a database
/// that is another file for a copy.
#[derive(Debug)]
pub(crate) struct Stage {
    directory: PathBuf,
    aside: PathBuf,
}

impl Stage {
    /// `directory` is the stage; `aside` keeps what is not on it.
    pub(crate) fn new(directory: &Path, aside: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            aside: aside.to_owned(),
        }
    }

    /// Puts the files back that were taken from the stage.
    pub(crate) fn reset(&self) -> io::Result<()> {
        for name in names(&self.aside)? {
            fs::rename(self.aside.join(&name), self.directory.join(&name))?;
        }
        Ok(())
    }

    /// Makes the directory hold just `files`.
    pub(crate) fn show(&self, files: &Files) -> io::Result<()> {
        for name in names(&self.directory)? {
            let (path, aside) = (self.directory.join(&name), self.aside.join(&name));
            if files.contains_key(&name) {
                continue;
            }
            if aside.exists() {
                fs::remove_file(path)?;
            } else {
                fs::rename(path, aside)?;
            }
        }
        for (name, bytes) in files {
            let (path, aside) = (self.directory.join(name), self.aside.join(name));
            if !path.exists() && aside.exists() {
                fs::rename(aside, &path)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(directory)?;
    let name = |entry: io::Result<fs::DirEntry>| {
        Ok(entry?
            .file_name()
            .into_string()
            .expect("stores have plain names"))
    };
    entries.map(name).collect()
}
