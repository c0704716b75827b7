//! The things that can happen.

/// One thing that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// An application makes updates.
    Update,
    /// A client sends what is due.
    Send,
    /// A client reads.
    ClientRead,
    /// The server reads from a connection.
    ServerRead,
    /// The server looks at what was asked for.
    Take,
    /// The server offers what is new in a room to everyone in it.
    Pass,
    /// The server writes to one connection.
    Write,
    /// A room proposes its next batch.
    Advance,
    /// The log's writer takes a step.
    Log,
    /// A room reads the log after a failed append.
    Reload,
    /// A snapshot in the making is ready.
    Encode,
    /// The timers of rooms run.
    Tick,
    /// A client connects.
    Connect,
    /// A client gives its connection up and connects anew at once.
    Reconnect,
    /// A connection is lost.
    Cut,
    /// A client asks for the head and its checksum.
    Heartbeat,
    /// A client asks for a snapshot.
    Resync,
    /// Someone joins with an odd position and reads little.
    Stranger,
    /// The server ends silent connections.
    Silence,
    /// An idle room leaves memory.
    Evict,
    /// The server process is killed.
    Kill,
    /// The power goes.
    PowerLoss,
    /// The server starts.
    Start,
    /// The disk begins to fail.
    BadDisk,
    /// The disk is full.
    FullDisk,
    /// The disk is well again.
    Mend,
    /// An operator restores a backup while the server is down.
    Restore,
}

impl Action {
    /// Every one there is.
    pub(super) const ALL: &'static [Self] = &[
        Self::Update,
        Self::Send,
        Self::ClientRead,
        Self::ServerRead,
        Self::Take,
        Self::Pass,
        Self::Write,
        Self::Advance,
        Self::Log,
        Self::Reload,
        Self::Encode,
        Self::Tick,
        Self::Connect,
        Self::Reconnect,
        Self::Cut,
        Self::Heartbeat,
        Self::Resync,
        Self::Stranger,
        Self::Silence,
        Self::Evict,
        Self::Kill,
        Self::PowerLoss,
        Self::Start,
        Self::BadDisk,
        Self::FullDisk,
        Self::Mend,
        Self::Restore,
    ];
}
