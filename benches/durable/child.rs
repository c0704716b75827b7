//! Child processes: roles of the bench's own executable.

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
    /// Starts this executable again, in a role of its own.
    pub(crate) fn role(arguments: &[&str]) -> Self {
        let own = std::env::current_exe().expect("the bench knows its executable");
        let mut child = Command::new(own)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench's executable starts again");
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self {
            child,
            stdin,
            stdout,
        }
    }

    /// The next line it prints.
    fn line(&mut self) -> String {
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
