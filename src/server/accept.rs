//! Accepting connections, come what may.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, warn};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The next connection. Errors never end the server: those of one connection are passed over, and while the
/// machine has no file or memory to spare, the wait grows.
pub(super) async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = FIRST_PAUSE;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if concerns_one_connection(&error) => {
                debug!(%error, "a connection ended before it began");
            }
            Err(error) => {
                warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections now");
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Waits until the client says something. Returns what is left of `within`; `None` when nothing came in that time, or the server
/// is `ending`.
pub(super) async fn first_word(
    stream: &TcpStream,
    within: Duration,
    ending: &mut watch::Receiver<bool>,
) -> Option<Duration> {
    let deadline = Instant::now() + within;
    select! {
        biased;
        readable = stream.readable() => readable.ok()?,
        () = sleep_until(deadline) => return None,
        _ = ending.wait_for(|ending| *ending) => return None,
    }
    Some(deadline.saturating_duration_since(Instant::now()))
}

/// Sends small messages at once.
pub(super) fn tune(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a socket could not be told to send at once");
    }
}
