//! The proof that every client was shown what leads to the server's state.

use std::collections::{BTreeMap, HashMap};

use revring_protocol::{change::Operation, document::Document, message::ServerMessage};
use twox_hash::XxHash64;

use super::{
    Follower, Raw, Room,
    raw::Base,
    room::{Extent, Snapshot, comma},
    wire,
};
use crate::model::Check;

const UNTOLD: &str = "the server has not told its checksum";

/// A client, for the proof.
pub(crate) enum Tally<'a> {
    /// One that hashed what it was shown.
    Raw(&'a Raw),
    /// One that holds a replica.
    Follower(&'a Follower),
}

/// What was looked at, and what was found wrong first.
#[derive(Default)]
struct Finding {
    looked: u64,
    wrong: u64,
    first: Option<String>,
}

impl Finding {
    fn look(&mut self, wrong: Option<String>) {
        self.looked += 1;
        if let Some(wrong) = wrong {
            self.wrong += 1;
            self.first.get_or_insert(wrong);
        }
    }

    fn check(self, what: &str, of: &str) -> Check {
        Check {
            what: what.to_owned(),
            holds: self.wrong == 0 && self.looked > 0,
            detail: match self.first {
                None => format!("{} {of}", self.looked),
                Some(first) => format!("{} of {} {of}: {first}", self.wrong, self.looked),
            },
        }
    }
}

/// Checks `rooms` and `clients`, each given with its room. What there are no clients for is left out.
pub(crate) fn verify<'a>(
    rooms: &[Room],
    clients: impl Iterator<Item = (usize, Tally<'a>)>,
) -> Vec<Check> {
    let mut raws: Vec<Vec<&Raw>> = rooms.iter().map(|_| Vec::new()).collect();
    let (mut revisions, mut replicas) = (Finding::default(), Finding::default());
    for (room, tally) in clients {
        match tally {
            Tally::Raw(raw) => {
                revisions.look(raw.fault.clone());
                raws[room].push(raw);
            }
            Tally::Follower(follower) => replicas.look(differs(&rooms[room], follower)),
        }
    }
    let (mut states, mut snapshots, mut digests) =
        (Finding::default(), Finding::default(), Finding::default());
    let mut skipped = 0;
    for (room, raws) in rooms.iter().zip(&raws) {
        if raws.is_empty() {
            skipped += 1;
            continue;
        }
        let log = Log::of(room, raws);
        states.look(log.replay(room, &mut snapshots).err());
        log.compare(room, raws, &mut digests);
    }
    let mut checks = Vec::new();
    if revisions.looked > 0 {
        let mut states = states.check("the operations lead to the server's checksum", "rooms");
        if skipped > 0 {
            let without = format!("; {skipped} more have no clients that only read frames");
            states.detail.push_str(&without);
        }
        checks = vec![
            revisions.check(
                "every client's revisions follow one another without hole",
                "clients",
            ),
            states,
            snapshots.check("every snapshot is the state at its revision", "snapshots"),
            digests.check("every client was shown exactly those operations", "clients"),
        ];
    }
    if replicas.looked > 0 {
        checks.push(replicas.check("every replica's checksum is the server's", "replicas"));
    }
    checks
}

fn differs(room: &Room, follower: &Follower) -> Option<String> {
    let Some((head, checksum)) = &room.answer else {
        return Some(format!("{}: {UNTOLD}", room.name));
    };
    let (rev, own) = (follower.rev(), follower.checksum());
    (rev != *head || own != *checksum)
        .then(|| format!("at revision {rev} {own}, the server at {head} {checksum}"))
}

/// All operations of a room since the first state that a client has as its base.
struct Log {
    run: Extent,
    /// Where each operation ends in the run; `None`: they are not what they should be.
    ends: Option<Vec<usize>>,
}

impl Log {
    fn of(room: &Room, raws: &[&Raw]) -> Self {
        let bases = raws
            .iter()
            .filter_map(|raw| raw.seen())
            .map(|(base, _)| base.rev);
        let known = room.snapshots.values().map(|snapshot| snapshot.rev);
        let run = room.run_from(bases.chain(known).min().unwrap_or(0));
        let ends = wire::ends(room.codec, &run.bytes)
            .filter(|ends| ends.len() as u64 == run.to - run.from);
        Self { run, ends }
    }

    /// The bytes of the operations after `rev`.
    fn after(&self, room: &Room, rev: u64) -> Option<&[u8]> {
        let ends = self.ends.as_deref()?;
        if rev == self.run.to {
            return Some(&[]);
        }
        match usize::try_from(rev.checked_sub(self.run.from)?).ok()? {
            0 => Some(&self.run.bytes),
            count => self
                .run
                .bytes
                .get(ends.get(count - 1)? + comma(room.codec)..),
        }
    }

    /// Applies all operations to the oldest snapshot and compares with the server and with every other snapshot.
    fn replay(&self, room: &Room, snapshots: &mut Finding) -> Result<(), String> {
        let Some(ends) = &self.ends else {
            return Err(format!(
                "{}: the operations are not those of their revisions",
                room.name
            ));
        };
        let mut at: BTreeMap<u64, Vec<&Snapshot>> = BTreeMap::new();
        for snapshot in room.snapshots.values() {
            at.entry(snapshot.rev).or_default().push(snapshot);
        }
        let Some((first, _)) = at.first_key_value() else {
            return Err(format!("{}: no client was given a state", room.name));
        };
        let mut document = state(room, at[first][0])?;
        let mut begin = 0;
        for (rev, end) in (self.run.from..).zip(std::iter::once(&0).chain(ends)) {
            if rev > self.run.from {
                let operation = decode(room, &self.run.bytes[begin..*end])?;
                begin = end + comma(room.codec);
                if operation.rev.get() != rev {
                    return Err(format!(
                        "{}: revision {} stands in the place of {rev}",
                        room.name, operation.rev
                    ));
                }
                document
                    .apply(&operation)
                    .map_err(|error| format!("{}: {error}", room.name))?;
            }
            for snapshot in at.get(&rev).into_iter().flatten() {
                snapshots.look(unlike(room, snapshot, &document));
            }
        }
        let (head, checksum) = room.answer.as_ref().ok_or(UNTOLD)?;
        let own = document.checksum();
        if self.run.to != *head || own != *checksum {
            let (name, rev) = (&room.name, self.run.to);
            return Err(format!(
                "{name}: at revision {rev} {own}, the server at {head} {checksum}"
            ));
        }
        Ok(())
    }

    /// Compares each client's digest with that of the same operations here.
    fn compare(&self, room: &Room, raws: &[&Raw], digests: &mut Finding) {
        let mut known: HashMap<u64, Option<u64>> = HashMap::new();
        let head = room.answer.as_ref().map(|(head, _)| *head);
        for raw in raws {
            let Some((Base { rev, .. }, digest)) = raw.seen() else {
                digests.look(Some("a client was never given a state".to_owned()));
                continue;
            };
            let wanted = known.entry(rev).or_insert_with(|| {
                self.after(room, rev)
                    .map(|bytes| XxHash64::oneshot(0, bytes))
            });
            let equal = *wanted == Some(digest) && head == Some(raw.rev);
            digests.look((!equal).then(|| {
                let known = if wanted.is_some() {
                    "others"
                } else {
                    "operations that nobody was shown"
                };
                format!(
                    "{}: a client with the state of revision {rev} is at {}, and saw {known}",
                    room.name, raw.rev
                )
            }));
        }
    }
}

fn unlike(room: &Room, snapshot: &Snapshot, document: &Document) -> Option<String> {
    match state(room, snapshot) {
        Err(problem) => Some(problem),
        Ok(state) if state.checksum() != document.checksum() => Some(format!(
            "{}: the snapshot at revision {} is another state",
            room.name, snapshot.rev
        )),
        Ok(_) => None,
    }
}

fn state(room: &Room, snapshot: &Snapshot) -> Result<Document, String> {
    let mut document = Document::new();
    let mut told = None;
    for payload in room.payloads(snapshot) {
        match room.codec.decode_server(payload) {
            Ok(ServerMessage::Snapshot(part)) => {
                document.add_part(&part.state);
                told = part.checksum;
            }
            Ok(_) => {
                return Err(format!(
                    "{}: a part of a snapshot is something else",
                    room.name
                ));
            }
            Err(error) => return Err(format!("{}: a snapshot cannot be read: {error}", room.name)),
        }
    }
    if told.as_deref() != Some(document.checksum().as_str()) {
        return Err(format!(
            "{}: the snapshot at revision {} has another checksum than it says",
            room.name, snapshot.rev
        ));
    }
    Ok(document)
}

/// The one operation in `bytes`.
fn decode(room: &Room, bytes: &[u8]) -> Result<Operation, String> {
    let list = match room.codec {
        revring_protocol::codec::Codec::Json => [b"[".as_slice(), bytes, b"]"].concat(),
        revring_protocol::codec::Codec::MessagePack => [b"\x91".as_slice(), bytes].concat(),
    };
    let operations = room
        .codec
        .decode_operations(&list)
        .map_err(|error| format!("{}: {error}", room.name))?;
    operations
        .into_iter()
        .next()
        .ok_or_else(|| format!("{}: an operation is missing", room.name))
}

#[cfg(test)]
mod tests {
    use revring_protocol::{
        codec::Codec,
        ids::{ClientKey, RoomName},
    };

    use super::*;
    use crate::revring::Identity;

    #[test]
    fn nothing_holds_of_a_server_that_does_not_tell_its_checksum() {
        let room = || Room::new(RoomName::new("a").unwrap(), Codec::Json);
        let identity = |key| Identity {
            room: RoomName::new("a").unwrap(),
            key: ClientKey::new(key).unwrap(),
            codec: Codec::Json,
        };
        let follower = Follower::new(identity("client-of-the-first-kind"));
        let raw = Raw::new(identity("client-of-the-second-kind"), None);
        let rooms = [room(), room()];
        let checks = verify(&rooms, [(0, Tally::Follower(&follower))].into_iter());
        let [replicas] = &checks[..] else {
            panic!("{checks:?}");
        };
        assert!(
            !replicas.holds && replicas.detail.contains(UNTOLD),
            "{}",
            replicas.detail
        );
        let checks = verify(&rooms, [(1, Tally::Raw(&raw))].into_iter());
        let holding: Vec<&str> = checks
            .iter()
            .filter(|check| check.holds)
            .map(|check| &*check.what)
            .collect();
        assert_eq!(
            holding,
            ["every client's revisions follow one another without hole"]
        );
        assert!(
            checks[1].detail.contains("; 1 more"),
            "{}",
            checks[1].detail
        );
    }
}
