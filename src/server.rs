//! The network's side: binds, accepts, speaks HTTP, and hands each WebSocket to its room.

mod accept;
mod handshake;
mod http;
mod page;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, thread};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::timeout,
};
use tracing::{debug, info, warn};

use crate::{
    auth::Auth,
    config::{ConfigError, Settings},
    log::{Durability, Log, MemoryLog, SqliteLog, StoreError, StoreOptions},
    transport::{ConnectionPermit, ServiceSettings, Services, serve_socket},
};

/// Connections waiting in the kernel to be accepted.
const BACKLOG: u32 = 4096;
/// Connections over the limit that are told so at once; past these they are just closed.
const TURNED_AWAY_AT_ONCE: usize = 64;

/// A server that listens.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use revring::{Server, config::Settings};
///
/// let settings = Settings { listen: "127.0.0.1:0".parse()?, ..Settings::default() };
/// let server = Server::bind(settings).await?;
/// println!("ws://{}/v1/ws", server.local_addr());
/// server.run(std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
    log: Arc<dyn Log>,
    kept: Kept,
}

/// Where a server keeps its rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In memory.
    InMemory,
    /// On disk.
    OnDisk {
        /// The directory.
        dir: PathBuf,
        /// What an acknowledgement means.
        durability: Durability,
        /// How many there were at the start.
        rooms: usize,
    },
    /// Wherever the given log keeps them.
    Elsewhere,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", reason(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The rooms on disk cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "something else listens there already; --listen takes another port, or 0 for a free one"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need privileges".to_owned()
        }
        _ => error.to_string(),
    }
}

impl Server {
    /// Checks `settings`, opens the log and listens. Connections wait until [`Server::run`].
    ///
    /// # Errors
    /// When the settings do not fit, the rooms on disk cannot be had, or the address cannot.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        // First what fails without a trace.
        let listener = Listener::bind(settings.listen)?;
        if settings.ephemeral {
            let log = Arc::new(MemoryLog::new(settings.max_rooms));
            return Ok(Self::new(listener, settings, log, Kept::InMemory));
        }
        let options = StoreOptions {
            durability: settings.durability,
            ..StoreOptions::new(&settings.data_dir)
        };
        let opened = spawn_blocking(move || SqliteLog::open(&options)).await;
        let log = opened.map_err(|error| StoreError::Io {
            path: settings.data_dir.clone(),
            source: io::Error::other(error),
        })??;
        let kept = Kept::OnDisk {
            dir: settings.data_dir.clone(),
            durability: settings.durability,
            rooms: log.rooms(),
        };
        Ok(Self::new(listener, settings, Arc::new(log), kept))
    }

    /// Like [`Server::bind`], with rooms in a log of your own.
    ///
    /// # Errors
    /// When the settings do not fit or the address cannot be had.
    #[expect(clippy::unused_async, reason = "listening needs a runtime")]
    pub async fn with_log(settings: Settings, log: Arc<dyn Log>) -> Result<Self, StartError> {
        settings.check()?;
        let listener = Listener::bind(settings.listen)?;
        Ok(Self::new(listener, settings, log, Kept::Elsewhere))
    }

    fn new(listener: Listener, settings: Settings, log: Arc<dyn Log>, kept: Kept) -> Self {
        let Listener { listener, address } = listener;
        Self {
            listener,
            address,
            settings,
            log,
            kept,
        }
    }

    /// Where it keeps its rooms.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done, then tells all clients (rule C-11) and waits for them to go, for the
    /// grace time at most.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            address,
            settings,
            log,
            kept: _,
        } = self;
        info!(%address, max_connections = settings.max_connections, tokens = settings.tokens.len(), "serving");
        let frame = Frame {
            places: Arc::new(Semaphore::new(settings.max_connections)),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE)),
            services: services(&settings, Arc::clone(&log)),
            routes: http::routes(Arc::clone(&log)),
            log,
            ending: watch::Sender::new(false),
            settings,
        };

        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                (stream, peer) = accept::next(&listener) => frame.admit(stream, peer),
            }
        }
        drop(listener);
        frame.end().await;
    }
}

/// A listener, and where it listens.
struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let listener = listen(address).map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        Ok(Self { listener, address })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for the connections of the process before it to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What all connections share.
struct Frame {
    places: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    services: Arc<Services>,
    routes: http::Routes,
    log: Arc<dyn Log>,
    /// True once the server shuts down; whoever speaks HTTP watches it.
    ending: watch::Sender<bool>,
    settings: Settings,
}

impl Frame {
    /// Serves a new connection, if there is a place for it (rule C-10).
    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        accept::tune(&stream);
        let wire = http::Wire {
            stream,
            handshake_time: self.settings.handshake_time,
        };
        let ending = self.ending.subscribe();
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let connection = Connection {
                peer,
                place,
                services: Arc::clone(&self.services),
            };
            tokio::spawn(connection.serve(wire, self.routes.usual(), ending));
        } else if let Ok(permit) = Arc::clone(&self.turned_away).try_acquire_owned() {
            debug!(%peer, "turned away: as many connections as there may be");
            let routes = self.routes.full();
            tokio::spawn(async move {
                let _permit = permit;
                http::serve(wire, routes, ending).await;
            });
        }
    }

    /// Tells everyone to go and waits until they have, for the grace time at most.
    async fn end(self) {
        info!("shutting down");
        let grace = self.settings.shutdown_grace;
        let spread = self.settings.reconnect_spread;
        self.ending.send_replace(true);
        let requests = timeout(grace, self.ending.closed());
        let (_, left) = tokio::join!(requests, self.services.shut_down(spread, grace));
        if left > 0 {
            warn!(left, "connections that did not end in time are cut");
        }
        if let Err(error) = self.log.close().await {
            warn!(%error, "the log did not end in order");
        }
        info!("stopped");
    }
}

fn services(settings: &Settings, log: Arc<dyn Log>) -> Arc<Services> {
    let own = ServiceSettings {
        limits: settings.limits(),
        heartbeat: settings.heartbeat,
        join_time: settings.join_time,
        room_idle: settings.room_idle,
        max_rooms: settings.max_rooms,
        max_room_connections: settings.max_room_connections,
        send_buffer: settings.send_buffer,
    };
    Services::start(own, Auth::new(&settings.tokens), log, workers(settings))
}

fn workers(settings: &Settings) -> usize {
    match settings.workers {
        0 => thread::available_parallelism().map_or(1, Into::into),
        workers => workers,
    }
}

/// A connection that has its place.
struct Connection {
    peer: SocketAddr,
    place: ConnectionPermit,
    services: Arc<Services>,
}

impl Connection {
    async fn serve(
        self,
        mut wire: http::Wire,
        routes: axum::Router,
        mut ending: watch::Receiver<bool>,
    ) {
        let Self {
            peer,
            place,
            services,
        } = self;
        let Some(left) = accept::first_word(&wire.stream, wire.handshake_time, &mut ending).await
        else {
            return;
        };
        wire.handshake_time = left;
        services.door().pass().await;
        let Some(socket) = http::serve(wire, routes, ending).await else {
            return;
        };
        // A task of its own: this one had room for all that HTTP needs, and that is freed now.
        tokio::spawn(serve_socket(
            services,
            socket.stream,
            socket.leftover,
            socket.codec,
            peer,
            place,
        ));
    }
}
