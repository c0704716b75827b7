//! Child processes: the server, and roles of the bench's own executable.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A child that is told and asked things over its pipes, and ends with the value.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a server that keeps rooms in memory, with `arguments`, on the processor `cpu`; yields it and its address.
    pub(crate) fn server(cpu: usize, arguments: &[&str]) -> (Self, String) {
        let mut all = vec!["--ephemeral"];
        all.extend(arguments);
        Self::server_with(cpu, &all)
    }

    /// The same with `arguments` alone.
    pub(crate) fn server_with(cpu: usize, arguments: &[&str]) -> (Self, String) {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--log", "warn"];
        all.extend(arguments);
        let mut server = Self::start(cpu, env!("CARGO_BIN_EXE_revring"), &all);
        let line = server.line();
        let address = line
            .split("ws://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address
            .unwrap_or_else(|| panic!("the server printed {line:?}"))
            .to_owned();
        (server, address)
    }

    /// Starts this executable again, in a role of its own, on the processor `cpu`.
    pub(crate) fn role(cpu: usize, arguments: &[&str]) -> Self {
        let own = std::env::current_exe().expect("the bench knows its executable");
        Self::start(cpu, own.to_str().expect("a path in UTF-8"), arguments)
    }

    fn start(cpu: usize, program: &str, arguments: &[&str]) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let pinned = Command::new("taskset").arg("--version").output().is_ok();
        let mut command = if pinned {
            let mut command = Command::new("taskset");
            command.args(["-c", &(cpu % cpus).to_string(), program]);
            command
        } else {
            Command::new(program)
        };
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self {
            child,
            stdin,
            stdout,
        }
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the child's output can be read");
        assert!(!line.is_empty(), "the child ended early");
        line.trim_end().to_owned()
    }

    /// Sends it a line and yields its answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").expect("the child listens");
        self.line()
    }

    /// Seconds of processor time it has used, in user and kernel.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))
            .expect("/proc is mounted");
        let after_name = stat.rsplit(") ").next().expect("a process has a name");
        let ticks = after_name
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<f64>().expect("a number"));
        // The kernel counts in USER_HZ, which is 100 on every architecture Linux has.
        ticks.sum::<f64>() / 100.0
    }

    /// Bytes of memory it holds in user space: what is resident and not shared with files.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("/proc is mounted");
        let line = status
            .lines()
            .find(|line| line.starts_with("RssAnon:"))
            .expect("the kernel tells RssAnon");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .expect("a number of kB");
        kib * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
