//! The `revring` command as a process: started on a directory, killed, stopped, started again on the same port.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::support::{Dice, roll, soon, wait};

/// What starts `revring` with these arguments.
pub(crate) fn revring(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_revring"));
    command.args(args).env_clear();
    prepare(&mut command);
    command
}

/// No process outlives its test.
pub(crate) fn prepare(command: &mut Command) {
    command.stdin(Stdio::null()).kill_on_drop(true);
}

/// A server that can be started over and over on the same directory and port.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) dir: PathBuf,
    pub(crate) address: SocketAddr,
    /// Put before the command: a program that runs it somewhere else.
    pub(crate) wrapper: Vec<String>,
    /// Where its servers log.
    pub(crate) log: PathBuf,
    args: Vec<String>,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    _out: BufReader<tokio::process::ChildStdout>,
}

impl Host {
    /// A host in `place` whose server keeps its rooms in `place/data`.
    pub(crate) fn new(place: &Path, args: &[&str]) -> Self {
        Self {
            dir: place.join("data"),
            address: free_address(),
            wrapper: Vec::new(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            log: place.join("server.log"),
        }
    }

    /// Replaces the arguments for the next start.
    pub(crate) fn with(&mut self, args: &[&str]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/v1/ws", self.address)
    }

    /// Starts the server without waiting for it.
    pub(crate) fn spawn(&self) -> Child {
        let mut command = match self.wrapper.split_first() {
            None => Command::new(env!("CARGO_BIN_EXE_revring")),
            Some((program, args)) => {
                let mut command = Command::new(program);
                command.args(args).arg(env!("CARGO_BIN_EXE_revring"));
                command
            }
        };
        prepare(&mut command);
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        command
            .args(["serve", "--log", "info,revring::room=debug", "--listen"])
            .arg(self.address.to_string())
            .arg("--data-dir")
            .arg(&self.dir)
            .args(&self.args)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log.unwrap()));
        command.spawn().expect("the server's program")
    }

    /// Starts the server and waits until it listens.
    pub(crate) async fn start(&self) -> Served {
        let mut child = self.spawn();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let read = soon("the server's first line", out.read_line(&mut line)).await;
        assert!(
            read.unwrap() > 0 && line.starts_with("listening on ws://"),
            "it does not start: {line}{}",
            self.log()
        );
        Served { child, _out: out }
    }

    /// All that its servers logged.
    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.log) {
            file.read_to_string(&mut text).unwrap();
        }
        text
    }

    /// Waits until one of its servers has logged `text`.
    pub(crate) async fn logged(&self, text: &str) {
        wait(text, || self.log().contains(text)).await;
    }

    /// No server had anything to complain of.
    pub(crate) fn check_log(&self) {
        let log = self.log();
        let complaint = |line: &&str| line.contains("ERROR") || line.contains("panicked");
        let complaints: Vec<_> = log.lines().filter(complaint).collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// The status and the body of `GET path`.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(self.address, path)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("revring.db")
    }
}

impl Served {
    pub(crate) fn pid(&self) -> Pid {
        let id = self.child.id().expect("it runs");
        Pid::from_raw(id.cast_signed()).expect("a process")
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(self) {
        kill(self.child).await;
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let status = soon("the end of the server", self.child.wait()).await;
        assert_eq!(status.unwrap().code(), Some(0));
    }
}

/// `kill -9`, and the end of the process.
pub(crate) async fn kill(mut child: Child) {
    child.start_kill().unwrap();
    soon("the end of the server", child.wait()).await.unwrap();
}

/// The status and the body of `GET path` at `address`.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").expect("a response");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// An address that stays free between two servers: not one of the ports that the system gives to clients, who would come to
/// listen to themselves.
fn free_address() -> SocketAddr {
    let mut dice = rand::make_rng::<Dice>();
    loop {
        let port = u16::try_from(roll(&mut dice, 20_000, 32_000)).unwrap();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Everything in a directory, by name.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}
