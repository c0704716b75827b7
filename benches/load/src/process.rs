//! Child processes on a processor of their own: what they say, what processor time they take, what memory they hold.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use nix::{time::ClockId, unistd::Pid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How long a child may take for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A child process. It ends with the value.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    /// What it prints is always taken from it, so that it never waits for its reader.
    lines: Receiver<String>,
    clock: ClockId,
}

/// Why a child is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// There is no such program, or it may not be started.
    #[error("{name} does not start: {source}")]
    Start {
        /// The child.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// It ended before it said what was expected of it; its own words are on standard error.
    #[error("{name} ended early")]
    Ended {
        /// The child.
        name: String,
    },
    /// It says nothing.
    #[error("{name} does not answer within {} s", PATIENCE.as_secs())]
    Silent {
        /// The child.
        name: String,
    },
    /// It says something else.
    #[error("{name} says {line:?}, in which there is no address")]
    NoAddress {
        /// The child.
        name: String,
        /// What it says.
        line: String,
    },
    /// It says something else.
    #[error("{name} says what cannot be read: {problem}")]
    Unreadable {
        /// The child.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The kernel does not tell about it.
    #[error("what {name} uses cannot be read: {problem}")]
    Unknown {
        /// The child.
        name: String,
        /// What is missing.
        problem: String,
    },
}

impl Process {
    /// Starts the revring server at `path` on the processor `cpu`, with rooms in memory unless `arguments` say otherwise.
    pub(crate) fn server(
        path: &Path,
        cpu: usize,
        arguments: &[&str],
    ) -> Result<(Self, SocketAddr), ProcessError> {
        let mut command = Command::new(path);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        if !arguments.contains(&"--data-dir") {
            command.arg("--ephemeral");
        }
        command.args(arguments);
        let mut server = Self::start(command, "revring", Some(cpu))?;
        let address = server.address()?;
        Ok((server, address))
    }

    /// Name and version of the server at `path`, as it tells them itself.
    pub(crate) fn version(path: &Path) -> Result<String, ProcessError> {
        let mut command = Command::new(path);
        command.arg("--version");
        Self::start(command, "revring", None)?.line()
    }

    /// Starts this program again, in a role of its own. Its standard input is open until [`Self::end_input`].
    pub(crate) fn role(cpu: usize, arguments: &[&str]) -> Result<Self, ProcessError> {
        let name = arguments.first().copied().unwrap_or("role");
        let own = std::env::current_exe().map_err(|source| ProcessError::Start {
            name: name.to_owned(),
            source,
        })?;
        let mut command = Command::new(own);
        command.args(arguments).stdin(Stdio::piped());
        Self::spawn(command, name, Some(cpu))
    }

    /// Starts `command`, called `name` in messages, on the processor `cpu` alone or on any.
    pub(crate) fn start(
        mut command: Command,
        name: &str,
        cpu: Option<usize>,
    ) -> Result<Self, ProcessError> {
        command.stdin(Stdio::null());
        Self::spawn(command, name, cpu)
    }

    fn spawn(mut command: Command, name: &str, cpu: Option<usize>) -> Result<Self, ProcessError> {
        command.stdout(Stdio::piped());
        let spawned = on_cpu(cpu, || command.spawn());
        let failed = |source| ProcessError::Start {
            name: name.to_owned(),
            source,
        };
        let mut child = spawned.map_err(failed)?;
        let Some(stdout) = child.stdout.take() else {
            return Err(failed(io::Error::other("it has no output")));
        };
        let clock = i32::try_from(child.id())
            .map_err(io::Error::other)
            .and_then(|pid| Ok(ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?))
            .map_err(failed)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Ok(Self {
            name: name.to_owned(),
            child,
            lines,
            clock,
        })
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> Result<String, ProcessError> {
        let name = || self.name.clone();
        self.lines
            .recv_timeout(PATIENCE)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => ProcessError::Silent { name: name() },
                RecvTimeoutError::Disconnected => ProcessError::Ended { name: name() },
            })
    }

    /// Ends its standard input.
    pub(crate) fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// The next line it prints, which names the address where it listens: `…127.0.0.1:4000…`, with or without a scheme and a path.
    pub(crate) fn address(&mut self) -> Result<SocketAddr, ProcessError> {
        let line = self.line()?;
        line.split([' ', '/'])
            .find_map(|word| word.replace("localhost", "127.0.0.1").parse().ok())
            .ok_or_else(|| ProcessError::NoAddress {
                name: self.name.clone(),
                line,
            })
    }

    /// Seconds of processor time that all its threads have used, those that have ended included, in user and kernel.
    ///
    /// The kernel counts nanoseconds, but brings the count of a thread that is running up to date only at its clock's tick.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, ProcessError> {
        let time = self.clock.now().map_err(|error| self.unknown(&error))?;
        Ok(Duration::from(time).as_secs_f64())
    }

    /// Bytes of memory it holds in user space: what is resident and not of a file.
    pub(crate) fn memory(&self) -> Result<u64, ProcessError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .map_err(|error| self.unknown(&error))?;
        kilobytes(&status, "RssAnon:").ok_or_else(|| self.unknown(&"no RssAnon in its status"))
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn unknown(&self, problem: &impl ToString) -> ProcessError {
        ProcessError::Unknown {
            name: self.name.clone(),
            problem: problem.to_string(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts the calling thread, and those it starts from now on, on the processor `cpu`, counted among those that the program may use
/// and around them. `false`: the system does not let it.
pub(crate) fn pin(cpu: usize) -> bool {
    let Some(all) = every_cpu() else {
        return false;
    };
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| all.is_set(*cpu))
        .collect();
    let Some(chosen) = usable.get(cpu % usable.len().max(1)) else {
        return false;
    };
    let mut only = CpuSet::new();
    only.set(*chosen);
    sched_setaffinity(None, &only).is_ok()
}

/// How many processors the program may use.
pub(crate) fn processors() -> usize {
    every_cpu().map_or(1, |all| usize::try_from(all.count()).unwrap_or(1))
}

/// Bytes of the entry `name` in a file of the form of `/proc/meminfo`, which counts in kB.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Runs `spawn` with the calling thread on `cpu`: a child starts on the processors of the thread that starts it, so that no thread
/// of it ever runs elsewhere.
fn on_cpu<T>(cpu: Option<usize>, spawn: impl FnOnce() -> T) -> T {
    let Some(cpu) = cpu else {
        return spawn();
    };
    let own = sched_getaffinity(None);
    // Where it cannot be pinned, it runs where the system puts it.
    let _ = pin(cpu);
    let spawned = spawn();
    if let Ok(own) = own {
        // Setting it back to what it was is always allowed.
        let _ = sched_setaffinity(None, &own);
    }
    spawned
}

/// The processors that the program may use, as they were before any thread of it was pinned here.
fn every_cpu() -> Option<CpuSet> {
    static ALL: OnceLock<Option<CpuSet>> = OnceLock::new();
    *ALL.get_or_init(|| sched_getaffinity(None).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, cpu: Option<usize>) -> Result<Process, ProcessError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, "sh", cpu)
    }

    #[test]
    fn a_child_says_lines_until_it_ends() {
        let mut child = shell("echo ready; echo again", None).unwrap();
        assert_eq!(child.line().unwrap(), "ready");
        assert_eq!(child.line().unwrap(), "again");
        assert!(matches!(child.line(), Err(ProcessError::Ended { .. })));
    }

    #[test]
    fn processor_time_and_memory_are_those_of_the_child() {
        let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exec sleep 60";
        let mut child = shell(script, None).unwrap();
        let before = child.cpu_seconds().unwrap();
        child.line().unwrap();
        assert!(child.cpu_seconds().unwrap() > before);
        assert!(child.memory().unwrap() > 0);
    }

    #[test]
    fn a_pinned_child_has_one_processor_and_its_parent_keeps_its_own() {
        let own = sched_getaffinity(None).unwrap().count();
        let mut child = shell("grep Cpus_allowed_list /proc/self/status", Some(0)).unwrap();
        let line = child.line().unwrap();
        assert!(!line.contains(['-', ',']), "{line}");
        assert_eq!(sched_getaffinity(None).unwrap().count(), own);
    }

    #[test]
    fn addresses_are_found_in_what_servers_print() {
        for line in [
            "revring on ws://127.0.0.1:4000/v1/ws",
            "127.0.0.1:4000",
            "up: http://localhost:4000",
        ] {
            let mut child = shell(&format!("echo '{line}'"), None).unwrap();
            assert_eq!(
                child.address().unwrap().to_string(),
                "127.0.0.1:4000",
                "{line}"
            );
        }
        let mut child = shell("echo hello", None).unwrap();
        assert!(matches!(
            child.address(),
            Err(ProcessError::NoAddress { .. })
        ));
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let absent = Process::start(Command::new("/no/such/program"), "absent", None);
        assert!(matches!(absent, Err(ProcessError::Start { .. })));
    }
}
