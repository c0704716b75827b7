//! What each peer does of what revring does, for the table beside its figures. The README of `benches/peers/` has the same table.

use super::PeerKind;

/// What a peer does, and what not, each in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Whether all clients see all operations in one order.
    pub(crate) order: &'static str,
    /// What a client gets that comes back.
    pub(crate) resume: &'static str,
    /// Whether an update that is sent again takes effect once.
    pub(crate) dedupe: &'static str,
    /// What an author learns of its update.
    pub(crate) acknowledgement: &'static str,
    /// What happens to clients that read too slowly.
    pub(crate) slow_readers: &'static str,
    /// Whether it keeps what was written.
    pub(crate) durability: &'static str,
}

impl Traits {
    /// What revring does.
    pub(crate) const REVRING: Self = Self {
        order: "yes",
        resume: "operations while they are held, then a snapshot",
        dedupe: "yes",
        acknowledgement: "yes, once durable",
        slow_readers: "a gap, then a snapshot; bounded",
        durability: "yes, on disk by default; here memory",
    };

    /// The heads of their columns.
    pub(crate) const COLUMNS: [&'static str; 6] = [
        "order",
        "resume",
        "dedupe",
        "acknowledgement",
        "slow readers",
        "durability",
    ];

    /// Their cells.
    pub(crate) fn cells(self) -> [&'static str; 6] {
        [
            self.order,
            self.resume,
            self.dedupe,
            self.acknowledgement,
            self.slow_readers,
            self.durability,
        ]
    }
}

pub(super) fn of(kind: PeerKind) -> Traits {
    match kind {
        PeerKind::SocketIo => Traits {
            order: "numbered by hand",
            resume: "packets of the last two minutes, kept for all; then the state, by hand",
            dedupe: "no",
            acknowledgement: "a callback, by hand",
            slow_readers: "buffers without bound",
            durability: "by hand",
        },
        PeerKind::ShareDb => Traits {
            order: "yes",
            resume: "operations from any version",
            dedupe: "yes",
            acknowledgement: "yes; one unanswered update at a time",
            slow_readers: "buffers without bound",
            durability: "a database adapter; here memory",
        },
        PeerKind::Hocuspocus => Traits {
            order: "no: states converge; of two that meet on one key, one is dropped",
            resume: "the difference of two states",
            dedupe: "yes",
            acknowledgement: "a status that names no update",
            slow_readers: "buffers without bound",
            durability: "an extension stores whole documents; here none",
        },
        PeerKind::Tldraw => Traits {
            order: "yes",
            resume: "the difference of two states",
            dedupe: "no: an unanswered push is made anew",
            acknowledgement: "yes",
            slow_readers: "buffers without bound",
            durability: "a storage adapter; here memory",
        },
        PeerKind::BunPublish => Traits {
            order: "as relayed; without numbers a loss is not seen",
            resume: "no",
            dedupe: "no",
            acknowledgement: "none; authors see their own come back",
            slow_readers: "messages beyond 16 MB are dropped",
            durability: "no",
        },
        PeerKind::WsKit => Traits {
            order: "numbered by hand",
            resume: "the state, by hand",
            dedupe: "no",
            acknowledgement: "none; authors see their own come back",
            slow_readers: "messages beyond 16 MB are dropped",
            durability: "no",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::peer::home;

    #[test]
    fn the_readme_of_the_peers_says_the_same() {
        let readme = fs::read_to_string(home().join("README.md")).unwrap();
        let row = |name: &str, cells: [&str; 6]| format!("| {name} | {} |\n", cells.join(" | "));
        for kind in PeerKind::ALL {
            let row = row(kind.name(), of(kind).cells());
            assert!(readme.contains(&row), "{row}");
        }
        assert!(readme.contains(&row("revring", Traits::REVRING.cells())));
        assert!(readme.contains(&Traits::COLUMNS.join(" | ")));
    }
}
