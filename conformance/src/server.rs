//! Servers that the runner starts itself, one for each group of settings that fixtures need.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{fixture::Settings, random};

/// How long a server may take to listen.
const START_TIME: Duration = Duration::from_secs(20);

const TOKENS: &str = r#"
[[tokens]]
token = "conformance-writer"
rooms = "team-*"
access = "write"

[[tokens]]
token = "conformance-reader"
rooms = "team-*"
access = "read"
"#;

/// A group of settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// What fixtures call it, if they name it.
    pub(crate) settings: Option<Settings>,
    arguments: &'static [&'static str],
    file: Option<&'static str>,
}

/// Every group; a fixture runs in the first that offers what it needs.
pub(crate) const GROUPS: [Group; 8] = [
    Group {
        settings: None,
        arguments: &[],
        file: None,
    },
    Group {
        settings: None,
        arguments: &["--heartbeat", "200ms", "--silence", "1500ms"],
        file: None,
    },
    Group {
        settings: None,
        arguments: &["--updates-per-second", "5"],
        file: None,
    },
    Group {
        settings: None,
        arguments: &[
            "--ring-ops",
            "16",
            "--ring-bytes",
            "64KiB",
            "--record-bytes",
            "8KiB",
            "--document-bytes",
            "32KiB",
        ],
        file: None,
    },
    Group {
        settings: Some(Settings::Tokens),
        arguments: &[],
        file: Some(TOKENS),
    },
    Group {
        settings: Some(Settings::ShortJoin),
        arguments: &["--join-time", "500ms"],
        file: None,
    },
    Group {
        settings: Some(Settings::SmallRooms),
        arguments: &["--max-room-connections", "2"],
        file: None,
    },
    Group {
        settings: Some(Settings::ShortIdle),
        arguments: &["--room-idle", "100ms"],
        file: None,
    },
];

/// Why no server could be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no program to start.
    #[error(
        "no `revring` beside this program and none could be built: {0}; name one with --server, or a running server with --url"
    )]
    Missing(String),
    /// It did not start.
    #[error("{program} did not start: {why}")]
    Start {
        /// The program.
        program: String,
        /// What it said.
        why: String,
    },
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    _child: Child,
    _file: Option<TemporaryFile>,
}

impl Server {
    /// Starts `program` with the settings of `group`.
    pub(crate) async fn start(program: &Path, group: &Group) -> Result<Self, ServerError> {
        let failed = |why: String| ServerError::Start {
            program: program.display().to_string(),
            why,
        };
        let mut command = Command::new(program);
        command
            .args([
                "serve",
                "--ephemeral",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "warn",
            ])
            .args(group.arguments);
        let file = group
            .file
            .map(TemporaryFile::new)
            .transpose()
            .map_err(failed)?;
        if let Some(file) = &file {
            command.arg("--config").arg(&file.0);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| failed("it has no output".to_owned()))?;
        let url = timeout(START_TIME, listening(BufReader::new(stdout))).await;
        let url = url
            .map_err(|_| failed("it does not say where it listens".to_owned()))?
            .map_err(failed)?;
        Ok(Self {
            url,
            _child: child,
            _file: file,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// The URL in the line that says where the server listens.
async fn listening(stdout: BufReader<tokio::process::ChildStdout>) -> Result<String, String> {
    let mut lines = stdout.lines();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        if let Some(url) = line
            .split_whitespace()
            .find(|word| word.starts_with("ws://"))
        {
            return Ok(url.to_owned());
        }
    }
    Err("it ended".to_owned())
}

/// A configuration file that is removed again.
#[derive(Debug)]
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(text: &str) -> Result<Self, String> {
        let path =
            std::env::temp_dir().join(format!("revring-conformance-{}.toml", random::hex(8)?));
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It is in the system's temporary folder: a leftover does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The server's program: the one given, one beside this program, or one that cargo builds.
pub(crate) async fn program(given: Option<&Path>) -> Result<PathBuf, ServerError> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let beside = std::env::current_exe().ok().and_then(|own| {
        let name = format!("revring{}", std::env::consts::EXE_SUFFIX);
        let folders = own.ancestors().skip(1).take(2);
        folders
            .map(|folder| folder.join(&name))
            .find(|path| path.is_file())
    });
    match beside {
        Some(beside) => Ok(beside),
        None => build()
            .await
            .map_err(|error| ServerError::Missing(error.to_string())),
    }
}

/// Builds the server in the workspace that this program was built from.
async fn build() -> io::Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut command = Command::new("cargo");
    command
        .args([
            "build",
            "--quiet",
            "--package",
            "revring",
            "--message-format",
            "json",
            "--manifest-path",
        ])
        .arg(&manifest);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await?;
    if !output.status.success() {
        return Err(io::Error::other("cargo build failed"));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let executables = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let built = executables
        .rev()
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    built.ok_or_else(|| io::Error::other("cargo built no program"))
}
