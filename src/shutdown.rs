//! SIGTERM and SIGINT: the first ends the server in order, the second at once.

use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// Added to a signal's number, the exit code of a process that it ended.
const KILLED: i32 = 128;

/// Listens for the signals that end the process.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on, the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When they cannot be listened for.
    pub fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            terminate,
            interrupt,
        })
    }

    /// Done at the first signal. From then on, the next ends the process at once.
    pub async fn first(mut self) {
        let (name, _) = self.next().await;
        info!(signal = name, "asked to end; the next signal ends at once");
        tokio::spawn(async move {
            let (name, number) = self.next().await;
            warn!(signal = name, "ending at once");
            process::exit(KILLED + number);
        });
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
        }
    }
}
