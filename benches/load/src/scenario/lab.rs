//! Where scenarios are carried out: servers on one processor, the load on another, one run after the other.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use revring_protocol::codec::Codec;
use tempfile::TempDir;

use super::ScenarioError;
use crate::{
    engine::{self, Crowd, LoadError, Speak, Target},
    limit,
    lone::{Lone, Task},
    model::Outcome,
    peer::{self, PeerKind},
    plan::{Pace, Plan, Work},
    process::{self, Process, ProcessError},
    progress::Progress,
    replay::Player,
    revring::Source,
};

/// The processor of the server, whichever it is.
const SERVER: usize = 0;
/// The processor of the load.
const LOAD: usize = 1;

/// After this time a writer that nobody has told to end does so by itself.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// More connections than any scenario makes, and no more than a usual limit of open files allows. Those that end while others begin
/// count for a moment, too.
const ENOUGH_CONNECTIONS: [&str; 4] = [
    "--max-connections",
    "11100",
    "--max-room-connections",
    "11100",
];

/// What scenarios are carried out with.
pub(crate) struct Lab<'a> {
    server: PathBuf,
    /// The server's name and version.
    name: String,
    /// Whether a few seconds are enough.
    pub(super) short: bool,
    /// A stream to replay, in place of the one that is made up.
    pub(super) stream: Option<PathBuf>,
    /// Whether server and load have a processor each.
    pub(super) apart: bool,
    /// Hears how far it is.
    pub(super) progress: &'a dyn Progress,
}

/// Something under load. It ends with the value.
pub(super) struct Subject {
    pub(super) process: Process,
    address: SocketAddr,
    speak: Speak,
    name: String,
    /// Where it keeps its rooms; gone with the value.
    _data: Option<TempDir>,
}

impl<'a> Lab<'a> {
    /// A lab for the revring server at `server`; with `short`, a few seconds are enough for each scenario. The calling thread, which
    /// is to make the load, is put on a processor of its own.
    ///
    /// # Errors
    /// When there is no such server.
    pub(crate) fn new(
        server: PathBuf,
        short: bool,
        progress: &'a dyn Progress,
    ) -> Result<Self, ProcessError> {
        let name = Process::version(&server)?;
        Ok(Self {
            server,
            name,
            short,
            stream: None,
            apart: process::processors() > 1 && process::pin(LOAD),
            progress,
        })
    }

    /// The same with a stream for the scenario `replay`, in place of the one that is made up.
    pub(crate) fn with_stream(self, path: PathBuf) -> Self {
        Self {
            stream: Some(path),
            ..self
        }
    }

    /// `full`, or `short` when a few seconds are to be enough.
    pub(super) fn pick<T>(&self, full: T, short: T) -> T {
        if self.short { short } else { full }
    }

    /// A revring server with rooms in memory.
    pub(super) fn revring(&self, arguments: &[&str]) -> Result<Subject, ProcessError> {
        let arguments = [arguments, &ENOUGH_CONNECTIONS].concat();
        let (process, address) = Process::server(&self.server, SERVER, &arguments)?;
        Ok(Subject {
            process,
            address,
            speak: Speak::Revring,
            name: self.name.clone(),
            _data: None,
        })
    }

    /// A revring server with rooms on the disk that its program is on: where temporary files are, there may be none.
    pub(super) fn revring_on_disk(&self, arguments: &[&str]) -> Result<Subject, ProcessError> {
        let beside = self.server.parent().unwrap_or(Path::new("."));
        let data = tempfile::tempdir_in(beside).map_err(|source| ProcessError::Start {
            name: format!("a server with rooms in {}", beside.display()),
            source,
        })?;
        let path = data.path().to_string_lossy();
        let subject = self.revring(&[arguments, &["--data-dir", &*path]].concat())?;
        Ok(Subject {
            name: format!("{}, on disk", self.name),
            _data: Some(data),
            ..subject
        })
    }

    /// Carries out `plan` against `subject`, from the first connection to the last check.
    pub(super) fn run(&self, plan: &Plan, subject: &Subject) -> Result<Outcome, LoadError> {
        engine::run(plan, subject.target(), self.progress)
    }

    /// Like [`Self::run`], with the updates of `player`, for as long as there are any but no longer than the plan's duration.
    pub(super) fn play(
        &self,
        plan: &Plan,
        subject: &Subject,
        player: Player,
    ) -> Result<Outcome, LoadError> {
        let sources: Vec<Box<dyn Source>> = vec![Box::new(player)];
        let mut crowd = Crowd::with_sources(plan, subject.target(), sources)?;
        crowd.connect(self.progress)?;
        crowd.warm_up()?;
        crowd.measure(self.progress)?;
        crowd.settle()?;
        crowd.verify()?;
        Ok(crowd.outcome())
    }
}

impl Subject {
    /// A crowd for it, as `plan` wants it, not connected yet.
    pub(super) fn crowd(&self, plan: &Plan) -> Result<Crowd<'_>, LoadError> {
        Crowd::new(plan, self.target())
    }

    /// A writer with a process of its own, beside the load: it writes `rate` updates of `payload` bytes per second to the first room of
    /// `crowd` until it is told to end.
    pub(super) fn lone_writer(
        &self,
        crowd: &Crowd<'_>,
        rate: f64,
        payload: usize,
    ) -> Result<Lone, ProcessError> {
        let task = Task {
            server: self.address,
            room: crowd.room().clone(),
            rate,
            payload,
            seconds: FORGOTTEN.as_secs_f64(),
        };
        Lone::start(LOAD, &task)
    }

    fn target(&self) -> Target<'_> {
        Target {
            address: self.address,
            speak: self.speak,
            server: Some(&self.process),
            name: self.name.clone(),
        }
    }
}

/// The bare write loop, which joins `batch` messages in one write.
pub(super) fn bare(batch: usize) -> Result<Subject, ProcessError> {
    let (process, address) = limit::start(SERVER, batch)?;
    Ok(Subject {
        process,
        address,
        speak: Speak::Bare,
        name: match batch {
            1 => "bare write loop".to_owned(),
            batch => format!("bare write loop, {batch} messages in one write"),
        },
        _data: None,
    })
}

/// A peer's server.
pub(super) fn peer(kind: PeerKind) -> Result<Subject, ScenarioError> {
    let started = peer::start(kind, SERVER, &peer::home())?;
    Ok(Subject {
        process: started.process,
        address: started.address,
        speak: Speak::Peer(kind),
        name: started.target,
        _data: None,
    })
}

/// A plan to start from: one room, one writer that is quiet, no readers.
pub(super) fn plan(name: impl Into<String>) -> Plan {
    Plan {
        name: name.into(),
        rooms: 1,
        readers: 0,
        writers: 1,
        pace: Pace::Quiet,
        payload: 40,
        codec: Codec::MessagePack,
        work: Work::Merge,
        records: 0,
        record_bytes: 1000,
        replicas: 0,
        slow: None,
        reconnecting: 0.0,
        stamps_of_one_in: 1,
        ramp: 10_000.0,
        warm_up: Duration::from_millis(300),
        duration: Duration::from_secs(3),
        awake: false,
    }
}

/// Rings so large that a fan-out is measured, not a gap.
pub(super) const LARGE_RING: [&str; 4] = ["--ring-ops", "65536", "--ring-bytes", "64MiB"];
