//! Takes the power from a recorded store at many points, and looks what is left.

use std::{fs, io, path::PathBuf};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use revring::log::{Appended, Checkpoint, Log as _, SqliteLog, Stored};
use revring_protocol::{ids::Rev, limits::Limits, room::Room};

use rusqlite::{Connection, OpenFlags};

use crate::{
    author::Author,
    disk::{Disk, Files, Kept, Names, Stage},
    journal::Event,
    line::{Kind, Line, Violation},
    vfs,
    world::World,
};

/// A moment at which the power goes, and what the disk makes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// So many events have happened.
    pub(crate) position: usize,
    pub(crate) kept: Kept,
    pub(crate) names: Names,
    seed: u64,
}

/// A store whose process is dead, and all that it did.
#[derive(Debug)]
pub(crate) struct Wreck {
    world: World,
    events: Vec<Event>,
    stage: Stage,
    seed: u64,
    /// The machine starts anew after each crash, as the store can tell.
    pub(crate) reboots: bool,
}

impl Wreck {
    pub(crate) fn new(world: World, seed: u64) -> Self {
        let events = world.recorder.finish();
        let stage = Stage::new(&world.store(), &world.aside());
        Self {
            world,
            events,
            stage,
            seed,
            reboots: false,
        }
    }

    /// What it did, without the bytes: they hold random numbers.
    pub(crate) fn outline(&self) -> Vec<String> {
        let outline = |event: &Event| match event {
            Event::Write {
                inode,
                offset,
                bytes,
            } => {
                format!("write {} bytes at {offset} of {inode}", bytes.len())
            }
            other => format!("{other:?}"),
        };
        self.events.iter().map(outline).collect()
    }

    /// Makes it have been done on a disk that takes flushes and does nothing.
    pub(crate) fn ignore_flushes(&mut self) {
        for event in &mut self.events {
            if matches!(event, Event::Sync { .. } | Event::SyncDirectory) {
                *event = Event::Nothing;
            }
        }
    }

    /// `count` points in order: half of them anywhere, half where something was just promised.
    pub(crate) fn points(&self, count: usize) -> Vec<Point> {
        let mut dice = SmallRng::seed_from_u64(self.seed);
        let promises: Vec<usize> = self
            .world
            .rooms
            .iter()
            .flat_map(|seat| seat.line.promises())
            .collect();
        let mut points: Vec<Point> = (0..count)
            .map(|number| {
                let position = match promises.choose(&mut dice) {
                    Some(position) if number % 2 == 0 => position + dice.random_range(0..3),
                    _ => dice.random_range(0..=self.events.len()),
                };
                Point {
                    position: position.min(self.events.len()),
                    kept: *Kept::ALL.choose(&mut dice).expect("five"),
                    names: if dice.random() {
                        Names::All
                    } else {
                        Names::None
                    },
                    seed: dice.random(),
                }
            })
            .collect();
        points.sort_by_key(|point| point.position);
        points
    }

    /// Every position, in several ways.
    pub(crate) fn every_point(&self) -> Vec<Point> {
        let kept = [Kept::Nothing, Kept::Prefix, Kept::Writes];
        let points = (0..=self.events.len()).flat_map(|position| {
            kept.map(|kept| Point {
                position,
                kept,
                names: Names::None,
                seed: position as u64,
            })
        });
        points.collect()
    }

    /// Visits `points`, which are in order, or only one of them, and hands what came of each to `found`.
    pub(crate) async fn visit(
        &self,
        points: &[Point],
        only: Option<usize>,
        mut found: impl FnMut(usize, Point, &Files, Result<(), Violation>),
    ) {
        let mut disk = Disk::default();
        let mut dice = SmallRng::seed_from_u64(self.seed);
        let mut done = 0;
        for (number, point) in points.iter().enumerate() {
            for event in &self.events[done..point.position] {
                disk.step(event, &mut dice);
            }
            done = point.position;
            if only.is_some_and(|only| only != number) {
                continue;
            }
            let mut dice = SmallRng::seed_from_u64(point.seed);
            let files = disk.after_power_loss(point.kept, point.names, &mut dice);
            let outcome = self.look(&files, point.position, &mut dice).await;
            found(number, *point, &files, outcome);
        }
    }

    /// Starts the store on `files`, goes on with it for a while, and loses the power once more.
    async fn look(
        &self,
        files: &Files,
        position: usize,
        dice: &mut SmallRng,
    ) -> Result<(), Violation> {
        let rooms = self.world.rooms.iter();
        let mut rooms: Vec<_> = rooms
            .map(|seat| (seat.line.at(position), seat.author.clone()))
            .collect();
        let recorder = &self.world.recorder;

        recorder.restart();

        let shown = self.stage.reset().and_then(|()| self.stage.show(files));
        shown.expect("the stage is ours");
        recorder.begin(files);
        let begun = recorder.position();

        let lived = self.live_on(&mut rooms, dice).await;

        recorder.kill();
        lived?;
        if !dice.random_ratio(1, 3) {
            return Ok(());
        }
        let mut disk = Disk::default();
        let events = recorder.finish();
        let position = dice.random_range(begun..=events.len());
        events[..position]
            .iter()
            .for_each(|event| disk.step(event, dice));
        let kept = *Kept::ALL.choose(dice).expect("five");
        let files = disk.after_power_loss(kept, Names::None, dice);
        recorder.restart();
        self.stage.show(&files).expect("the stage is ours");

        let log = self.open()?;

        for (line, _) in &rooms {
            line.check(position, stored(&log, line).await?)?;
        }
        recorder.kill();

        Ok(())
    }

    /// The next process: everything is as it was promised, and the rooms go on.
    async fn live_on(
        &self,
        rooms: &mut [(Line, Author)],
        dice: &mut SmallRng,
    ) -> Result<(), Violation> {
        let recorder = &self.world.recorder;
        let log = self.open()?;
        for (line, author) in rooms {
            let stored = stored(&log, line).await?;
            let since = stored.as_ref().map(|stored| stored.image.clone());
            let (mut room, more) = match line.check(0, stored)? {
                Some(found) => found,
                None => (
                    Room::new(line.image().epoch.clone(), Limits::DEFAULT),
                    Vec::new(),
                ),
            };
            line.promise(recorder.position(), &more, room.image());
            let mut requests = author.requests(&room, dice.random_range(1..20), dice);
            let batch = room.propose(&mut requests, 0);
            if batch.operations().is_empty() {
                continue;
            }
            line.attempt(recorder.position(), batch.operations());
            let epoch = room.epoch();
            let operations = batch.operations().to_vec();
            let answer = log
                .append(&line.name, epoch, batch.expected_head(), &operations)
                .await;
            if answer != Ok(Appended::Committed) {
                return broken(format!("{} does not go on: {answer:?}", line.name));
            }
            room.commit(batch);
            line.promise(recorder.position(), &operations, room.image());
            if dice.random_ratio(1, 3) {
                let keep_after = Rev::new(room.head().get().saturating_sub(10));
                line.release(recorder.position(), keep_after);
                let checkpoint = Checkpoint {
                    since,
                    image: room.image(),
                    keep_after,
                };
                let written = log.checkpoint(&line.name, checkpoint).await;
                if written.is_err() {
                    return broken(format!("{} takes no checkpoint: {written:?}", line.name));
                }
            }
        }
        Ok(())
    }

    /// Makes the store believe that its last process ran before the machine started.
    fn reboot(&self) {
        let file = self.world.store().join("revring.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let vfs = vfs::register();
        if let Ok(connection) = Connection::open_with_flags_and_vfs(file, flags, vfs) {
            let update = "UPDATE store SET value = 'another' WHERE key = 'boot'";
            // Where there is no such table yet, nothing was noted either.
            let _ = connection.execute(update, []);
        }
    }

    fn open(&self) -> Result<SqliteLog, Violation> {
        if self.reboots {
            self.reboot();
        }
        let log = SqliteLog::open(&self.world.options());
        log.or_else(|error| broken(format!("it does not open: {error}")))
    }
}

/// Keeps what a disk held where someone can look at it.
pub(crate) fn keep(name: &str, files: &Files) -> io::Result<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory)?;
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes)?;
    }
    Ok(directory)
}

async fn stored(log: &SqliteLog, line: &Line) -> Result<Option<Stored>, Violation> {
    let stored = log.open(&line.name).await;
    stored.or_else(|error| broken(format!("{} does not open: {error}", line.name)))
}

fn broken<T>(what: String) -> Result<T, Violation> {
    Err(Violation {
        kind: Kind::Broken,
        what,
    })
}
