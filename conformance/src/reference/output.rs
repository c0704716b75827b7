//! What a connection is to be sent next.

use bytes::Bytes;
use revring_protocol::{
    codec::{Codec, delta_payloads, snapshot_payloads},
    ids::{ClientId, Rev},
    limits::FRAME_BYTES,
    message::{GapReason, Position, ServerMessage},
    room::{CatchUp, Room},
};
use serde_json::Value;

use super::fault::{FAR_BEHIND, Fault};
use crate::transcode;

/// Payloads, and the revision the client has after them.
pub(super) struct Catch {
    pub(super) payloads: Vec<Vec<u8>>,
    pub(super) cursor: Rev,
}

/// Whether a broken server drops the client at `cursor` for being slow.
pub(super) fn drops(room: &Room, cursor: Rev, fault: Option<Fault>) -> bool {
    fault == Some(Fault::DropsSlowReaders) && room.head().since(cursor) > FAR_BEHIND
}

/// What the client at `position` needs.
pub(super) fn need(room: &Room, position: Option<&Position>, fault: Option<Fault>) -> CatchUp {
    let need = room.catch_up(position);
    let rev = position.map_or(Rev::ZERO, |position| position.last_rev);
    match (fault, need) {
        (Some(Fault::ResumesOtherEpoch), CatchUp::Gap(GapReason::Epoch)) => room.behind(rev),
        (Some(Fault::ResumesAhead), CatchUp::Gap(GapReason::Ahead)) => CatchUp::Nothing,
        (Some(Fault::GapAtTheEdge), CatchUp::Delta { from })
            if from.next() == room.buffer_first_rev() =>
        {
            CatchUp::Gap(GapReason::Behind)
        }
        (Some(Fault::DeltaPastTheEdge), CatchUp::Gap(GapReason::Behind)) => {
            CatchUp::Delta { from: rev }
        }
        (_, need) => need,
    }
}

/// The payloads that meet `need`.
pub(super) fn meet(
    room: &Room,
    client: &ClientId,
    cursor: Rev,
    need: CatchUp,
    codec: Codec,
    fault: Option<Fault>,
) -> Catch {
    let head = room.head();
    match need {
        CatchUp::Nothing => Catch {
            payloads: Vec::new(),
            cursor,
        },
        CatchUp::Delta { from } => {
            let from = match fault {
                Some(Fault::DeltaPastTheEdge) => {
                    Rev::new(from.get().max(room.buffer_first_rev().get() - 1))
                }
                Some(Fault::ThinsSlowReaders) if head.since(from) > FAR_BEHIND => {
                    Rev::new(head.get() - 1)
                }
                _ => from,
            };
            let ops: Vec<Bytes> = room
                .after(from)
                .map(|entry| entry.encoded(codec).clone())
                .collect();
            let payloads = delta_payloads(codec, from, &ops, FRAME_BYTES)
                .into_iter()
                .map(|(_, payload)| payload);
            Catch {
                payloads: payloads.collect(),
                cursor: head,
            }
        }
        CatchUp::Snapshot => Catch {
            payloads: snapshot(room, codec, fault),
            cursor: head,
        },
        CatchUp::Gap(reason) => {
            let gap = ServerMessage::Gap(room.gap(client, cursor, reason, head));
            let mut payloads = vec![codec.encode(&gap)];
            payloads.extend(snapshot(room, codec, fault));
            Catch {
                payloads,
                cursor: head,
            }
        }
    }
}

fn snapshot(room: &Room, codec: Codec, fault: Option<Fault>) -> Vec<Vec<u8>> {
    let parts = snapshot_payloads(codec, room.epoch(), room.head(), room.document());
    if fault == Some(Fault::OnePart) {
        vec![one_part(codec, &parts)]
    } else {
        parts
    }
}

/// The parts of a snapshot as one.
fn one_part(codec: Codec, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = parts
        .iter()
        .filter_map(|part| transcode::decode(codec, part).ok());
    let mut whole = parts.next().unwrap_or_default();
    for part in parts {
        for (collection, records) in part["state"].as_object().into_iter().flatten() {
            for (id, record) in records.as_object().into_iter().flatten() {
                whole["state"][collection][id] = record.clone();
            }
        }
        whole["last"] = part["last"].clone();
        if part["checksum"] != Value::Null {
            whole["checksum"] = part["checksum"].clone();
        }
    }
    transcode::encode(codec, &whole)
}
