//! A writer with a process of its own, so that what it measures is the server's delay: in a crowd's thread, an answer would wait until
//! the crowd has read what came for all the others.
//!
//! It sends an update whenever one is due, whatever has come back, and sleeps in between. Beside a crowd on one processor it has the
//! highest priority that the system grants.

mod answers;
mod writer;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
};

use clap::Args;
use revring_protocol::ids::RoomName;
use rustix::{
    process::setpriority_process,
    time::{ClockId, clock_gettime},
};

pub(crate) use self::answers::{Account, Answered};
use self::writer::Writer;
use crate::{
    failure::Failure,
    process::{Process, ProcessError},
};

/// The role's name on the command line.
pub(crate) const ROLE: &str = "lone-writer";
/// What it says once it is live.
const READY: &str = "ready";

/// What it writes, and where to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Task {
    /// Where the server listens
    #[arg(long)]
    pub(crate) server: SocketAddr,
    /// The room
    #[arg(long, value_parser = room)]
    pub(crate) room: RoomName,
    /// Updates per second
    #[arg(long)]
    pub(crate) rate: f64,
    /// Bytes of payload in an update
    #[arg(long)]
    pub(crate) payload: usize,
    /// Seconds after which it ends by itself; it ends sooner when its standard input does
    #[arg(long)]
    pub(crate) seconds: f64,
}

/// The process, as the one that started it sees it. It ends with the value.
pub(crate) struct Lone {
    process: Process,
}

impl Lone {
    /// Starts it on the processor `cpu`; returns when it is live and about to write.
    ///
    /// # Errors
    /// When it does not start or the server does not let it join.
    pub(crate) fn start(cpu: usize, task: &Task) -> Result<Self, ProcessError> {
        let mut process = Process::role(
            cpu,
            &[
                ROLE,
                "--server",
                &task.server.to_string(),
                "--room",
                task.room.as_str(),
                "--rate",
                &task.rate.to_string(),
                "--payload",
                &task.payload.to_string(),
                "--seconds",
                &task.seconds.to_string(),
            ],
        )?;
        match &*process.line()? {
            READY => Ok(Self { process }),
            other => Err(unreadable(other)),
        }
    }

    /// Lets it write no more; yields its account once all that it sent has come back.
    ///
    /// # Errors
    /// When the server dropped it.
    pub(crate) fn end(mut self) -> Result<Account, ProcessError> {
        self.process.end_input();
        let line = self.process.line()?;
        serde_json::from_str(&line).map_err(|error| unreadable(&error))
    }
}

/// Runs the role: says when it is live, writes, and prints its account in one line.
///
/// # Errors
/// When the server does not let it in, or drops it.
pub(crate) fn run(task: &Task) -> Result<(), Failure> {
    rise();
    let writer = Writer::join(task)?;
    let mut out = io::stdout();
    writeln!(out, "{READY}")?;
    let account = writer.write(task, io::stdin())?;
    let account = serde_json::to_string(&account).map_err(io::Error::other)?;
    writeln!(out, "{account}")?;
    Ok(())
}

/// Nanoseconds of the clock that all processes of a machine share.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Takes the highest priority that the system grants.
fn rise() {
    // Where none is granted, it goes on as it is.
    let _ = (-20..0).find(|nice| setpriority_process(None, *nice).is_ok());
}

fn room(name: &str) -> Result<RoomName, String> {
    RoomName::new(name).map_err(|error| error.to_string())
}

fn unreadable(problem: &(impl ToString + ?Sized)) -> ProcessError {
    ProcessError::Unreadable {
        name: ROLE.to_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, thread, time::Duration};

    use revring::config::Settings;
    use revring_protocol::codec::Codec;

    use super::{Account, Task, Writer};
    use crate::{
        engine::{Crowd, Speak, Target},
        plan::{Pace, Plan, Work},
        progress::Silent,
        server::Server,
    };

    fn crowd(server: &Server) -> Crowd<'static> {
        let plan = Plan {
            name: "test".to_owned(),
            rooms: 1,
            readers: 20,
            writers: 0,
            pace: Pace::Quiet,
            payload: 40,
            codec: Codec::MessagePack,
            work: Work::Merge,
            records: 30,
            record_bytes: 100,
            replicas: 2,
            slow: None,
            reconnecting: 0.0,
            stamps_of_one_in: 1,
            ramp: 10_000.0,
            warm_up: Duration::ZERO,
            duration: Duration::ZERO,
            awake: false,
        };
        let target = Target {
            address: server.address(),
            name: "revring".to_owned(),
            speak: Speak::Revring,
            server: None,
        };
        let mut crowd = Crowd::new(&plan, target).unwrap();
        crowd.connect(&Silent).unwrap();
        crowd
    }

    fn task(server: &Server, crowd: &Crowd<'_>, seconds: f64) -> Task {
        Task {
            server: server.address(),
            room: crowd.room().clone(),
            rate: 1000.0,
            payload: 40,
            seconds,
        }
    }

    fn assert_holds(account: &Account) {
        for check in &account.checks {
            assert!(check.holds, "{}: {}", check.what, check.detail);
        }
    }

    #[test]
    fn a_crowd_without_writers_follows_a_lone_one() {
        let server = Server::with(Settings::default());
        let mut crowd = crowd(&server);
        let task = task(&server, &crowd, 0.1);
        // Never written to, and open until the end.
        let (end, _open) = io::pipe().unwrap();
        let writer = thread::spawn(move || Writer::join(&task)?.write(&task, end));
        crowd.join_cold(10).unwrap();
        let account = writer.join().unwrap().unwrap();
        assert_holds(&account);
        assert_eq!(account.answered.len(), 100);
        for (place, pair) in account.answered.windows(2).enumerate() {
            assert_eq!(pair[1].due - pair[0].due, 1_000_000, "{place}");
        }
        for update in &account.answered {
            assert!(update.due <= update.sent && update.sent < update.came);
        }
        crowd.told_head(account.head);
        crowd.settle().unwrap();
        for check in crowd.verify().unwrap() {
            assert!(check.holds, "{}: {}", check.what, check.detail);
        }
        let head = account.head;
        assert!(crowd.verify().unwrap().len() >= 7 && head >= 100, "{head}");
    }

    #[test]
    fn it_ends_with_its_input_and_after_the_last_answer() {
        let server = Server::with(Settings::default());
        let crowd = crowd(&server);
        let task = task(&server, &crowd, 1e6);
        let (end, open) = io::pipe().unwrap();
        drop(open);
        let account = Writer::join(&task).unwrap().write(&task, end).unwrap();
        assert_holds(&account);
        assert!(!account.answered.is_empty());
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        let server = Server::with(Settings::default());
        let crowd = crowd(&server);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let task = Task {
                rate,
                ..task(&server, &crowd, 1.0)
            };
            assert!(Writer::join(&task).is_err());
        }
    }
}
