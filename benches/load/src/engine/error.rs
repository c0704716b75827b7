//! Why a load cannot be made.

use std::{io, net::SocketAddr};

use crate::process::ProcessError;

/// Why a run ends before it is done. What merely does not hold of a run is no error but a failed check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The plan cannot be carried out.
    #[error("{0}")]
    Plan(String),
    /// More sockets than the process may have.
    #[error(
        "{needed} connections need as many open files, but this process may have {allowed}: raise the hard limit \
         (`ulimit -Hn`), or ask for fewer clients"
    )]
    Files {
        /// Files needed.
        needed: usize,
        /// The hard limit.
        allowed: u64,
    },
    /// No connection to the server.
    #[error("cannot connect to {address}: {source}; is a server listening there?")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A client was refused, dropped, or told something that makes no sense.
    #[error("{who}: {problem}")]
    Client {
        /// Which client.
        who: String,
        /// What happened to it.
        problem: String,
    },
    /// Nothing happens any more.
    #[error("{phase}: nothing more came for {seconds} s; {missing}")]
    Stuck {
        /// What was to be done.
        phase: String,
        /// For how long nothing came.
        seconds: u64,
        /// What is missing.
        missing: String,
    },
    /// The kernel does not tell which sockets are ready.
    #[error("cannot wait for sockets: {0}")]
    Poll(#[from] io::Error),
    /// The server's process cannot be watched.
    #[error(transparent)]
    Process(#[from] ProcessError),
}
