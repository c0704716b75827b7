//! A client of the TypeScript SDK, in a process of its own.

use std::{path::Path, process::Stdio};

use revring_client::Rev;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::cross::{Entry, Fates};

/// Where the SDK is, from this package.
const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../typescript");

/// A process of `clients/typescript/test/cross/client.mjs`; gone when dropped.
pub(crate) struct Node {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// What a client has in the end.
#[derive(Debug, Deserialize)]
pub(crate) struct End {
    /// How often it found that its state was not the server's.
    pub(crate) resyncs: u64,
    pub(crate) rev: u64,
    pub(crate) checksum: String,
    pub(crate) view: Vec<Entry>,
}

impl Node {
    /// A client that edits the room at `url`, with so many updates.
    pub(crate) fn start(url: &str, number: u64, seed: u64, updates: u64) -> Self {
        let sdk = Path::new(SDK);
        assert!(
            sdk.join("dist/index.js").exists(),
            "the TypeScript SDK is not built: `npm run build -w revring`"
        );
        let mut process = Command::new("node")
            .arg(sdk.join("test/cross/client.mjs"))
            .arg(url)
            .args([number, seed, updates].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let input = process.stdin.take().expect("it is piped");
        let output = process.stdout.take().expect("it is piped");
        Self {
            _process: process,
            input,
            output: BufReader::new(output).lines(),
        }
    }

    /// What became of its updates, once that is known of all.
    pub(crate) async fn fates(&mut self) -> Fates {
        self.line().await
    }

    /// What it has when it has reached `head`.
    pub(crate) async fn end(&mut self, head: Rev) -> End {
        let head = format!("{}\n", head.get());
        self.input
            .write_all(head.as_bytes())
            .await
            .expect("it listens");
        self.line().await
    }

    async fn line<T: DeserializeOwned>(&mut self) -> T {
        let line = self.output.next_line().await.expect("text");
        let line = line.expect("the client failed, see above");
        serde_json::from_str(&line).expect("what was agreed on")
    }
}
