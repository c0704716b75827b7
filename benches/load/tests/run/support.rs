//! The program as a child, against a server in this process.

use std::process::{Child, Command, Stdio};

use revring::config::Settings;
use serde_json::Value;

pub(crate) use crate::server::Server;

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with_ring(ring_ops: usize) -> Self {
        Self::with(Settings {
            ring_ops,
            ..Settings::default()
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address())
    }
}

fn program(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_revring-load"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Starts the program with these arguments, with its input and output in hand.
pub(crate) fn started(arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_revring-load"))
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs `revring-load run` against `url`; yields its exit code and its report.
pub(crate) fn load(url: &str, options: &str) -> (i32, Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let mut arguments = vec!["run", "--url", url, "--json", path];
    arguments.extend(options.split_whitespace());
    let output = program(&arguments);
    let text = std::fs::read(file.path()).unwrap();
    let report = serde_json::from_slice(&text);
    let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

/// Runs the program with arguments that it refuses; yields its exit code and what it says.
pub(crate) fn refused(arguments: &str) -> (i32, String) {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = program(&arguments);
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// What was checked, and whether it holds.
pub(crate) fn checks(report: &Value) -> Vec<(String, bool)> {
    let checks = report["chapters"][0]["runs"][0]["checks"]
        .as_array()
        .unwrap()
        .iter();
    checks
        .map(|check| {
            let text = format!(
                "{} ({})",
                check["what"].as_str().unwrap(),
                check["detail"].as_str().unwrap()
            );
            (text, check["holds"].as_bool().unwrap())
        })
        .collect()
}

/// The field `name` of each of `items`.
pub(crate) fn words(items: &Value, name: &str) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item[name].as_str().unwrap().to_owned())
        .collect()
}
