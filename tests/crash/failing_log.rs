//! A log that fails, under a whole server: updates wait until it works again, everything else goes on, and nothing counts twice.

use std::{future::ready, net::SocketAddr, path::Path, sync::Arc};

use parking_lot::Mutex;
use revring::{
    Server,
    config::Settings,
    log::{Appended, Checkpoint, Log, LogError, LogFuture, SqliteLog, StoreOptions, Stored},
};
use revring_client::Codec;
use revring_protocol::{
    change::Operation,
    error::Code,
    ids::{Epoch, Rev, RoomName},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    process::get,
    scene::{Cast, Scene},
    support::{directory, joined, leave, open, quick, reach, seed, soon, wait},
    wire::refusal,
    writer::Style,
};

const REASON: &str = "the disk is on strike";

/// A store whose appends fail when told to.
#[derive(Debug)]
struct Faulty {
    store: SqliteLog,
    fault: Mutex<Option<Fault>>,
    failed: watch::Sender<u32>,
}

/// How appends fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    /// The operations are stored all the same.
    stored: bool,
    /// What is stored cannot be read.
    blind: bool,
}

impl Faulty {
    fn open(place: &Path) -> Arc<Self> {
        let store = SqliteLog::open(&StoreOptions::new(place.join("data"))).expect("a store");
        Arc::new(Self {
            store,
            fault: Mutex::new(None),
            failed: watch::Sender::new(0),
        })
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.lock()
    }

    fn set(&self, fault: Option<Fault>) {
        *self.fault.lock() = fault;
    }
}

fn on_strike() -> LogError {
    LogError::Unavailable(REASON.to_owned())
}

impl Log for Faulty {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        self.store.open(room)
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        let Some(fault) = self.fault() else {
            return self.store.append(room, epoch, expected_head, operations);
        };
        Box::pin(async move {
            if fault.stored {
                let stored = self.store.append(room, epoch, expected_head, operations);
                stored.await?;
            }
            self.failed.send_modify(|failed| *failed += 1);
            Err(on_strike())
        })
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        match self.fault() {
            Some(Fault { blind: true, .. }) => Box::pin(ready(Err(on_strike()))),
            _ => self.store.read(room, after),
        }
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        self.store.checkpoint(room, checkpoint)
    }

    fn health(&self) -> Result<(), String> {
        match self.fault() {
            Some(_) => Err(REASON.to_owned()),
            None => self.store.health(),
        }
    }

    fn close(&self) -> LogFuture<'_, ()> {
        self.store.close()
    }
}

/// A server in this process; gone when dropped.
struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(log: Arc<dyn Log>) -> Self {
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Settings::default()
        };
        let server = Server::with_log(settings, log).await.expect("a server");
        let address = server.local_addr();
        let task = tokio::spawn(server.run(std::future::pending()));
        Self { address, task }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o5_appends_that_fail_before_they_are_stored() {
    strike("o5_appends_that_fail_before_they_are_stored", false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u6_appends_that_fail_after_they_are_stored() {
    strike("u6_appends_that_fail_after_they_are_stored", true, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u6_appends_that_fail_unstored_and_unseen() {
    strike("u6_appends_that_fail_unstored_and_unseen", false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u6_appends_that_fail_stored_and_unseen() {
    strike("u6_appends_that_fail_stored_and_unseen", true, true).await;
}

/// The log fails for a while.
async fn strike(test: &str, stored: bool, blind: bool) {
    let place = directory();
    let log = Faulty::open(place.path());
    let server = Running::start(Arc::clone(&log) as Arc<dyn Log>).await;
    let cast = Cast {
        rooms: 2,
        writers: 4,
        style: Style {
            depth: 8,
            records: 8,
            padding: 64,
            burst: None,
        },
        observers: &Codec::ALL,
    };
    let mut scene = Scene::begin(server.address, seed(test), cast).await;
    let url = format!("ws://{}/v1/ws", server.address);
    let late = open(quick(), &url, "room-0").await;
    leave(&late).await;
    wait("some updates", || scene.accepted() > 100).await;
    assert_eq!(get(server.address, "/readyz").0, 200);

    log.set(Some(Fault { stored, blind }));
    let mut failed = log.failed.subscribe();
    soon("failures", failed.wait_for(|failed| *failed > 0))
        .await
        .unwrap();
    let (status, body) = get(server.address, "/readyz");
    assert!(status == 503 && body.contains(REASON), "{status} {body}");
    if blind || !stored {
        let reject = refusal(server.address, "room-0").await;
        assert_eq!((reject.code, reject.retryable), (Code::Unavailable, true));
        assert!(reject.retry_after_ms.is_some());
    }
    // Whoever was away goes on, and whoever is new gets a snapshot.
    let mut events = late.subscribe();
    late.reconnect();
    assert_eq!(joined(&mut events).await, (true, None));
    let new = open(quick(), &url, "room-0").await;
    for room in [&late, &new] {
        let said = soon("a heartbeat", room.heartbeat()).await.unwrap();
        reach(room, said.rev).await;
    }

    log.set(None);
    assert_eq!(get(server.address, "/readyz").0, 200);
    let before = scene.accepted();
    wait("more updates", || scene.accepted() > before + 100).await;
    scene.settle().await;
    eprintln!("{test}: {} failures; {}", *failed.borrow(), scene.summary());
}
