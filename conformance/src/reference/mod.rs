//! A small server around [`revring_protocol::room::Room`]: a task per connection, a lock per room, nothing kept for a
//! restart. It stands behind `play`, and breaks one rule on purpose to show that the fixtures notice.

mod chamber;
mod connection;
mod fault;
mod handler;
mod output;

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use revring_protocol::limits::Limits;
use tokio::{net::TcpListener, task::JoinHandle};

use self::chamber::Hall;
pub use self::fault::Fault;

/// How a reference server behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bounds of its rooms.
    pub limits: Limits,
    /// After how long it pings a quiet client.
    pub heartbeat: Duration,
    /// How long it waits for `JOIN`.
    pub join_time: Duration,
    /// The rule it breaks.
    pub fault: Option<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            heartbeat: Duration::from_secs(15),
            join_time: Duration::from_secs(10),
            fault: None,
        }
    }
}

/// A running reference server; it ends with this value.
#[derive(Debug)]
pub struct Reference {
    url: String,
    accepting: JoinHandle<()>,
}

impl Reference {
    /// Starts one on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("ws://{}/v1/ws", listener.local_addr()?);
        let accepting = tokio::spawn(accept(listener, Arc::new(Hall::new(settings))));
        Ok(Self { url, accepting })
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, hall: Arc<Hall>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection::serve(stream, Arc::clone(&hall)));
    }
}
