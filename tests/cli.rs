//! The command, as a process of its own: what it prints, how it ends, what its exit code says.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio},
};

use revring::config::KEYS;
use rustix::process::{Pid, Signal, kill_process};

fn revring(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_revring"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    revring(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}.toml"));
    fs::write(&path, text).unwrap();
    path
}

/// A server that is killed when its test ends.
struct Served {
    child: Child,
    address: SocketAddr,
    line: String,
    out: BufReader<ChildStdout>,
    log: BufReader<ChildStderr>,
}

impl Served {
    fn start(args: &[&str]) -> Self {
        let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--ephemeral"]);
        Self::spawn(command.args(args))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on ws://")
            .and_then(|rest| rest.split('/').next());
        let address = address
            .expect("the line names the address")
            .parse()
            .unwrap();
        Self {
            child,
            address,
            line,
            out,
            log,
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads the log up to a line that contains `text`, and returns that.
    fn logged(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the log never says {text:?}"
            );
        }
        line
    }

    /// The exit status, and what else was printed.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn it_prints_one_line_once_it_listens_and_ends_cleanly_when_asked() {
    for signal in [Signal::TERM, Signal::INT] {
        let served = Served::start(&[]);
        assert_ne!(served.address.port(), 0);
        let expected = format!(
            "listening on ws://{}/v1/ws (ephemeral: rooms live in memory and end with this process)\n",
            served.address
        );
        assert_eq!(served.line, expected);
        assert!(get(served.address, "/healthz").ends_with("\r\n\r\nok\n"));
        served.signal(signal);
        let (status, rest) = served.end();
        assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    }
}

#[test]
fn o8_it_says_where_rooms_are_kept_and_what_an_acknowledgement_means() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("made/if/need/be");
    let data = data.to_str().unwrap();
    for (durability, promise) in [
        ("full", "survives power loss"),
        ("os", "survives the end of this process, but not power loss"),
        ("none", "may be lost in a crash"),
    ] {
        let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data]);
        let served = Served::spawn(command.args(["--durability", durability]));
        let expected = format!(
            "listening on ws://{}/v1/ws (durable: 0 rooms found in {data}; durability {durability}: what is acknowledged {promise})\n",
            served.address
        );
        assert_eq!(served.line, expected);
        assert!(get(served.address, "/readyz").ends_with("\r\n\r\nok\n"));
        served.signal(Signal::TERM);
        assert_eq!(served.end().0.code(), Some(0));
    }
}

#[test]
fn a_directory_whose_name_a_terminal_would_obey_is_shown_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data\u{1b}[2J\n");
    let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    let served = Served::spawn(command.arg(&data));
    let shown = dir.path().join("data\\u{1b}[2J\\u{a};");
    let expected = format!("found in {}", shown.display());
    assert!(served.line.contains(&expected), "{:?}", served.line);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let patient = ["--handshake-time", "1h", "--shutdown-grace", "1h"];
    let mut served = Served::start(&patient);
    // A request that never ends holds the server up.
    let mut slow = TcpStream::connect(served.address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: te").unwrap();
    get(served.address, "/healthz");
    served.signal(Signal::TERM);
    served.logged("shutting down");
    served.signal(Signal::INT);
    let (status, _) = served.end();
    assert_eq!(status.code(), Some(128 + Signal::INT.as_raw()));
}

#[test]
fn an_address_in_use_ends_it_with_1_and_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = output(&["serve", "--ephemeral", "--listen", &address]);
    assert_eq!((failed.status.code(), stdout(&failed)), (Some(1), ""));
    let expected = format!("error: cannot listen on {address}: ");
    assert!(stderr(&failed).contains(&expected), "{}", stderr(&failed));
}

#[test]
fn wrong_arguments_and_settings_end_it_with_2_and_say_what_is_wrong() {
    let cases: [(&[&str], &str); 6] = [
        (&[], "Usage: revring <COMMAND>"),
        (&["server"], "a similar subcommand exists: 'serve'"),
        (
            &["serve", "--ring-op", "8"],
            "a similar argument exists: '--ring-ops'",
        ),
        (
            &["serve", "--ring-ops", "many"],
            "error: ring-ops is \"many\" (from --ring-ops); allowed: ",
        ),
        (
            &["serve", "--ephemeral", "--durability", "os"],
            "error: durability is \"os\" (from --durability); ephemeral (from --ephemeral) keeps nothing",
        ),
        (
            &["serve", "--listen", "0.0.0.0:0"],
            "error: listen is \"0.0.0.0:0\" (from --listen); without tokens",
        ),
    ];
    for (args, expected) in cases {
        let failed = output(args);
        assert_eq!(
            (failed.status.code(), stdout(&failed)),
            (Some(2), ""),
            "{args:?}"
        );
        assert!(
            stderr(&failed).contains(expected),
            "{args:?}: {}",
            stderr(&failed)
        );
    }
}

#[test]
fn commands_about_stores_take_no_wrong_arguments() {
    let cases: [(&[&str], &str); 7] = [
        (&["inspect", "data", "a b"], "room must be of A-Z a-z 0-9"),
        (&["inspect", "data", "--state"], "<ROOM>"),
        (
            &["inspect", "data", "board", "--state", "--operations"],
            "cannot be used with",
        ),
        (
            &["inspect", "data", "board", "--after", "3"],
            "--operations",
        ),
        (&["export", "data"], "<ROOM>"),
        (&["export", "data", "board", "--force"], "<FILE>"),
        (&["import", "data"], "<FILE>"),
    ];
    for (args, expected) in cases {
        let failed = output(args);
        assert_eq!(
            (failed.status.code(), stdout(&failed)),
            (Some(2), ""),
            "{args:?}"
        );
        let said = stderr(&failed);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn help_says_what_each_command_does_to_a_store() {
    let help = output(&["help"]);
    for (command, expected) in [
        ("serve", "keeps rooms in ./revring-data"),
        ("inspect", "Nothing is changed"),
        ("export", "A server may be running on the store"),
        ("import", "No server may be running on the store"),
    ] {
        assert!(
            stdout(&help).contains(&format!("\n  {command} ")),
            "{}",
            stdout(&help)
        );
        let long = output(&["help", command]);
        let words: Vec<_> = stdout(&long).split_whitespace().collect();
        assert!(words.join(" ").contains(expected), "{}", stdout(&long));
    }
}

#[test]
fn a_store_is_looked_at_while_it_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data]);
    let served = Served::spawn(&mut command);
    let listed = output(&["inspect", data]);
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    assert!(
        stdout(&listed).starts_with("0 rooms: 0 records, 0 bytes; "),
        "{}",
        stdout(&listed)
    );
    let verified = output(&["inspect", data, "--verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", stdout(&verified));
    drop(served);
}

#[test]
fn the_version_is_printed() {
    let version = output(&["--version"]);
    assert_eq!(
        stdout(&version),
        concat!("revring ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn help_names_every_setting_in_short_and_at_length() {
    let short = output(&["serve", "-h"]);
    let long = output(&["help", "serve"]);
    for help in [stdout(&short), stdout(&long)] {
        for key in KEYS {
            assert!(help.contains(&format!("--{}", key.name)), "{}", key.name);
        }
    }
    assert!(stdout(&short).lines().count() < 70, "{}", stdout(&short));
    assert_eq!(output(&["serve", "--help"]).stdout, long.stdout);
}

#[test]
fn check_prints_the_settings_in_effect_without_tokens_and_starts_nothing() {
    let text =
        "ring-ops = 64\n[[tokens]]\ntoken = \"open-sesame\"\nrooms = \"*\"\naccess = \"read\"\n";
    let path = file("check", text);
    let checked = revring(&["serve", "--check", "--depth", "8", "--config"])
        .arg(&path)
        .env("REVRING_SILENCE", "90s")
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let printed: Vec<String> = stdout(&checked)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let from_file = format!("ring-ops = 64 # from {}:1", path.display());
    for line in [
        "depth = 8 # from --depth",
        "silence = \"90s\" # from REVRING_SILENCE",
        "listen = \"127.0.0.1:7700\" # the default",
        from_file.as_str(),
    ] {
        assert!(
            printed.iter().any(|printed| printed == line),
            "{line} in {printed:#?}"
        );
    }
    assert!(!stdout(&checked).contains("sesame"));
}

#[test]
fn the_log_is_for_people_or_for_programs() {
    let human = Served::start(&[]).logged("serving");
    assert!(
        human.contains(" INFO ") && !human.contains('\u{1b}'),
        "{human}"
    );
    let json = Served::start(&["--log-format", "json"]).logged("serving");
    let line: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&line["level"], &line["message"]),
        (&"INFO".into(), &"serving".into())
    );
}

#[test]
fn the_log_is_as_loud_as_asked() {
    let served = Served::start(&["--log", "off"]);
    served.signal(Signal::TERM);
    let mut served = served;
    let mut log = String::new();
    served.log.read_to_string(&mut log).unwrap();
    assert_eq!(log, "");
}

#[test]
fn a_misspelt_variable_is_warned_of() {
    let mut command = revring(&["serve", "--ephemeral", "--listen", "127.0.0.1:0"]);
    let mut served = Served::spawn(command.env("REVRING_RINGOPS", "8"));
    let warning = served.logged("REVRING_RINGOPS");
    assert!(
        warning.contains("WARN") && warning.contains("REVRING_RING_OPS"),
        "{warning}"
    );
}

#[test]
fn serving_others_without_tokens_is_warned_of() {
    let mut command = revring(&["serve", "--ephemeral", "--listen", "0.0.0.0:0", "--open"]);
    let mut served = Served::spawn(&mut command);
    assert!(served.logged("there are no tokens").contains("WARN"));
}

#[test]
fn running_out_of_files_is_logged_and_passes() {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().stdin(Stdio::null());
    shell.args([
        "-c",
        "ulimit -n 48; exec \"$0\" serve --ephemeral --listen 127.0.0.1:0",
    ]);
    let mut served = Served::spawn(shell.arg(env!("CARGO_BIN_EXE_revring")));
    assert!(served.logged("limit of open files").contains("WARN"));
    let connect = |_| TcpStream::connect(served.address).unwrap();
    let crowd: Vec<TcpStream> = (0..64).map(connect).collect();
    assert!(
        served
            .logged("cannot accept connections now")
            .contains("WARN")
    );
    drop(crowd);
    assert!(get(served.address, "/healthz").ends_with("\r\n\r\nok\n"));
}
