//! Rules that a reference server breaks on purpose.

use revring_protocol::{
    change::{Edit, Update},
    codec::Codec,
    error::Code,
    ids::{ClientReqId, Rev},
    room::Room,
};
use serde_json::{Value, json};

use crate::{random, transcode};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A rule that is broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

faults! {
    /// U-2: a resend is applied again.
    ForgetsDuplicates,
    /// U-2: a duplicate gets the head as its revision.
    AcksTheHead,
    /// U-5: a resend whose outcome is forgotten is applied.
    AppliesUnknownOutcome,
    /// O-1: a revision is left out.
    SkipsRevision,
    /// O-3: the first change of a refused update is applied.
    AppliesHalf,
    /// O-5: an update refused for a conflict is applied all the same.
    AppliesRejected,
    /// D-3: `ifVersion` is not looked at.
    IgnoresIfVersion,
    /// D-1: a merge is passed on without its nulls.
    LosesNulls,
    /// D-4: versions begin anew with each re-create.
    RestartsVersions,
    /// D-8: snapshots have no checksum.
    NoChecksum,
    /// D-8: heartbeats have another checksum.
    WrongChecksum,
    /// S-3: splices are taken as they come.
    UnmovedSplice,
    /// S-4: of two insertions at one place the later stands first.
    WrongTie,
    /// S-6: a splice on a value that was replaced is applied.
    SpliceOverReplaced,
    /// S-7: a splice with a base outside the ring is applied.
    AcceptsOldBase,
    /// F-2: a client at the ring's edge gets a gap.
    GapAtTheEdge,
    /// F-2: a client past the ring's edge gets what is left.
    DeltaPastTheEdge,
    /// F-3: a delta of several operations begins with the second.
    DeltaHole,
    /// F-4: no gap is announced.
    NoGap,
    /// F-5: `bufferFirstRev` is one too high.
    WrongBufferFirstRev,
    /// F-6: nothing is acknowledged in a gap.
    ForgetsAcked,
    /// F-7: a snapshot comes in one part, whatever its size.
    OnePart,
    /// F-8: a client that is far behind is dropped.
    DropsSlowReaders,
    /// F-8: a client that is far behind gets only the newest.
    ThinsSlowReaders,
    /// C-2: what comes before `JOIN` is not answered.
    SilentBeforeJoin,
    /// C-2: a second `JOIN` is taken.
    JoinsTwice,
    /// C-4: a room is forgotten when the last one leaves.
    ForgetsIdleRooms,
    /// C-5: two connections of one client live side by side.
    NoSupersede,
    /// C-5: the end of a superseded connection takes its successor's presence.
    LateEndHurts,
    /// C-6: `resumed` is the other way round.
    WrongResumed,
    /// C-6: a client of another epoch resumes.
    ResumesOtherEpoch,
    /// C-6: a client ahead of the room resumes.
    ResumesAhead,
    /// C-7: `RESYNC` is answered without `JOINED`.
    ResyncWithoutJoined,
    /// C-8: `LEAVE` closes nothing.
    StaysOnLeave,
    /// W-1: an unknown subprotocol is taken for JSON.
    AnySubprotocol,
    /// W-2: an unknown type ends the connection.
    ClosesOnUnknownType,
    /// W-2: an unknown field is refused.
    RefusesUnknownFields,
    /// W-4: what follows a message is not looked at.
    IgnoresTrailing,
    /// W-4: a malformed message ends the connection.
    ClosesOnMalformed,
    /// W-4: a malformed message ends the connections of others.
    ClosesOthers,
    /// W-4: an invalid message is not answered.
    IgnoresInvalid,
    /// V-1: numbers out of range are taken for 0.
    ClampsNumbers,
    /// V-5: deep nesting is cut off.
    CutsNesting,
    /// W-5: a frame of the wrong kind is read.
    ReadsWrongFrame,
    /// W-6: a message that is too large ends the connection without a word.
    SilentOnTooLarge,
    /// W-6: text that is not UTF-8 ends the connection without a word.
    SilentOnBadText,
    /// P-1: presence outlives its connection.
    PresenceStays,
    /// P-3: the first presence is not full.
    PresenceNeverFull,
    /// H-1: heartbeats are not answered.
    NoHeartbeat,
    /// H-2: quiet clients are not pinged.
    NoPing,
    /// H-3: silent clients are not dropped.
    KeepsSilent,
    /// E-1: errors have `retryable` the other way round.
    WrongRetryable,
}

/// Operations behind the head from which a broken server takes a client for slow.
pub(super) const FAR_BEHIND: u64 = 64;

impl Fault {
    /// Changes `update` before it is judged.
    pub(super) fn bend(self, update: &mut Update, room: &Room) {
        match self {
            Self::ForgetsDuplicates => update.client_req_id = fresh_id(),
            Self::AppliesUnknownOutcome => update.first_rev = None,
            Self::IgnoresIfVersion => update
                .changes
                .iter_mut()
                .for_each(|change| change.if_version = None),
            Self::UnmovedSplice => rebase(update, room.head()),
            Self::WrongTie if ties(update, room) => rebase(update, room.head()),
            Self::AcceptsOldBase
                if update
                    .base_rev
                    .is_some_and(|base| base.next() < room.buffer_first_rev()) =>
            {
                rebase(update, room.head());
            }
            _ => {}
        }
    }

    /// What is applied although `update` was refused with `code`.
    pub(super) fn forced(self, update: &Update, code: Code, head: Rev) -> Option<Update> {
        let mut forced = Update {
            client_req_id: fresh_id(),
            ..update.clone()
        };
        match self {
            Self::AppliesHalf if forced.changes.len() > 1 => forced.changes.truncate(1),
            Self::AppliesRejected if code == Code::Conflict => {
                forced
                    .changes
                    .iter_mut()
                    .for_each(|change| change.if_version = None);
            }
            Self::SpliceOverReplaced if code == Code::Conflict => rebase(&mut forced, head),
            _ => return None,
        }
        Some(forced)
    }

    /// Changes a message on its way out; `None`: it does not go out.
    pub(super) fn alter(self, codec: Codec, payload: Vec<u8>) -> Option<Vec<u8>> {
        let Ok(mut message) = transcode::decode(codec, &payload) else {
            return Some(payload);
        };
        let kind = message["type"].as_str().unwrap_or_default().to_owned();
        match (self, kind.as_str()) {
            (Self::NoGap, "REVISION_GAP") => return None,
            (Self::AcksTheHead, "ACK") => {
                message["rev"] = json!(message["rev"].as_u64().unwrap_or(0) + 1);
            }
            (Self::SkipsRevision, "SYNC.DELTAS") => skip_revision(&mut message),
            (Self::LosesNulls, "SYNC.DELTAS") => lose_nulls(&mut message),
            (Self::DeltaHole, "SYNC.DELTAS") => drop_first(&mut message),
            (Self::RestartsVersions, "SYNC.SNAPSHOT") => restart_versions(&mut message),
            (Self::NoChecksum, "SYNC.SNAPSHOT") => {
                message
                    .as_object_mut()
                    .and_then(|fields| fields.remove("checksum"));
            }
            (Self::WrongChecksum, "HEARTBEAT") => message["checksum"] = json!("00000000000000ff"),
            (Self::WrongBufferFirstRev, "REVISION_GAP") => {
                message["bufferFirstRev"] =
                    json!(message["bufferFirstRev"].as_u64().unwrap_or(0) + 1);
            }
            (Self::ForgetsAcked, "REVISION_GAP") => message["acked"] = json!([]),
            (Self::WrongResumed, "JOINED") => {
                message["resumed"] = json!(message["resumed"] == false);
            }
            (Self::PresenceNeverFull, "PRESENCE") => {
                message
                    .as_object_mut()
                    .and_then(|fields| fields.remove("full"));
            }
            (Self::WrongRetryable, "ERROR" | "REJECT") => {
                message["retryable"] = json!(message["retryable"] == false);
            }
            _ => return Some(payload),
        }
        Some(transcode::encode(codec, &message))
    }

    /// Mends what a server would refuse, so that it is taken.
    pub(super) fn mend(self, codec: Codec, payload: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::IgnoresTrailing => (1..payload.len())
                .rev()
                .map(|end| payload[..end].to_vec())
                .find(|payload| codec.decode_client(payload).is_ok()),
            Self::ClampsNumbers | Self::CutsNesting => {
                let mut message = transcode::decode(codec, payload).ok()?;
                soften(&mut message, 0);
                Some(transcode::encode(codec, &message))
            }
            _ => None,
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "letters, a hyphen and hex digits are an id"
)]
fn fresh_id() -> ClientReqId {
    let text = format!("again-{}", random::hex(8).unwrap_or_default());
    ClientReqId::new(&text).expect("a valid id")
}

fn rebase(update: &mut Update, head: Rev) {
    if update.base_rev.is_some() {
        update.base_rev = Some(head);
    }
}

/// Whether a splice of `update` inserts where one accepted since its base did.
fn ties(update: &Update, room: &Room) -> bool {
    let Some(base) = update
        .base_rev
        .filter(|base| base.next() >= room.buffer_first_rev())
    else {
        return false;
    };
    let since = || {
        room.after(base)
            .flat_map(|entry| entry.operation().changes.iter())
    };
    update.changes.iter().any(|change| {
        let Edit::Splice { path, splice } = &change.edit else {
            return false;
        };
        since().any(|effect| match &effect.edit {
            Edit::Splice {
                path: other,
                splice: accepted,
            } => effect.key == change.key && other == path && accepted.at == splice.at,
            _ => false,
        })
    })
}

fn skip_revision(message: &mut Value) {
    if message["toRev"].as_u64().is_some_and(|to| to > 2) {
        let from = message["fromRev"].as_u64().unwrap_or(0).max(2);
        message["fromRev"] = json!(from + 1);
        message["toRev"] = json!(message["toRev"].as_u64().unwrap_or(0) + 1);
        for op in message["ops"].as_array_mut().into_iter().flatten() {
            op["rev"] = json!(op["rev"].as_u64().unwrap_or(0) + 1);
        }
    }
}

fn lose_nulls(message: &mut Value) {
    for op in message["ops"].as_array_mut().into_iter().flatten() {
        for change in op["changes"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .filter(|change| change["op"] == "merge")
        {
            if let Some(data) = change["data"].as_object_mut() {
                data.retain(|_, value| !value.is_null());
            }
        }
    }
}

fn drop_first(message: &mut Value) {
    if let Some(ops) = message["ops"].as_array_mut().filter(|ops| ops.len() > 1) {
        ops.remove(0);
        message["fromRev"] = json!(message["fromRev"].as_u64().unwrap_or(0) + 1);
    }
}

fn restart_versions(message: &mut Value) {
    for records in message["state"]
        .as_object_mut()
        .into_iter()
        .flat_map(|state| state.values_mut())
    {
        for record in records
            .as_object_mut()
            .into_iter()
            .flat_map(|records| records.values_mut())
        {
            record["version"] = json!(1);
        }
    }
}

fn soften(value: &mut Value, depth: usize) {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    match value {
        Value::Number(number) if number.as_f64().is_none_or(|x| x.abs() > LARGEST) => {
            *value = json!(0);
        }
        Value::Array(_) | Value::Object(_) if depth > 16 => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(|item| soften(item, depth + 1)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| soften(field, depth + 1)),
        _ => {}
    }
}
