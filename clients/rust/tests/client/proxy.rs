//! A network that breaks.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// How many bytes pass in each direction before a connection is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    to_server: u64,
    to_client: u64,
    /// Whether what is on its way is thrown away too, as by a machine that dies.
    abrupt: bool,
}

/// A TCP proxy that cuts each connection after a number of bytes, until it is told to behave.
pub(crate) struct Proxy {
    pub(crate) url: String,
    calm: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    task: AbortHandle,
}

impl Proxy {
    /// A proxy for `server`, which cuts connections after fewer than `most` bytes.
    pub(crate) async fn start(server: SocketAddr, seed: u64, most: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/v1/ws", listener.local_addr().expect("bound"));
        let (calm, cuts) = (watch::Sender::new(false), watch::Sender::new(0));
        let dice = Arc::new(Mutex::new(Dice::new(seed)));
        let task = tokio::spawn({
            let (calm, cuts) = (calm.clone(), cuts.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let budget = roll(&mut dice.lock().expect("no panic"), most);
                    tokio::spawn(pass(client, server, budget, calm.subscribe(), cuts.clone()));
                }
            }
        });
        Self {
            url,
            calm,
            cuts,
            task: task.abort_handle(),
        }
    }

    /// Connections made or alive from now on live.
    pub(crate) fn calm_down(&self) {
        self.calm.send_replace(true);
    }

    /// How many connections were cut.
    pub(crate) fn cuts(&self) -> u64 {
        *self.cuts.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn roll(dice: &mut Dice, most: u64) -> Budget {
    // One direction is cut, the other is not what counts.
    let (bytes, abrupt) = (dice.below(most), dice.below(2) == 0);
    match dice.below(2) {
        0 => Budget {
            to_server: bytes,
            to_client: u64::MAX,
            abrupt,
        },
        _ => Budget {
            to_server: u64::MAX,
            to_client: bytes,
            abrupt,
        },
    }
}

async fn pass(
    client: TcpStream,
    server: SocketAddr,
    budget: Budget,
    calm: watch::Receiver<bool>,
    cuts: watch::Sender<u64>,
) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    if budget.abrupt {
        // With no linger the kernel sends a reset in place of what is queued.
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let was_cut = tokio::select! {
        was_cut = copy(from_client, to_server, budget.to_server, calm.clone()) => was_cut,
        was_cut = copy(from_server, to_client, budget.to_client, calm) => was_cut,
    };
    if was_cut {
        cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// Passes on up to `budget` bytes, or all while it is calm; true when the budget ended it.
async fn copy<R, W>(mut from: R, mut to: W, mut budget: u64, calm: watch::Receiver<bool>) -> bool
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = [0; 4096];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return false;
        };
        let is_calm = *calm.borrow();
        let allowed = if is_calm {
            read
        } else {
            read.min(usize::try_from(budget).unwrap_or(usize::MAX))
        };
        if to.write_all(&buffer[..allowed]).await.is_err() {
            return false;
        }
        if allowed < read {
            return true;
        }
        budget = budget.saturating_sub(allowed as u64);
    }
}
