//! Messages of servers, read by clients. Writing them is derived (`message.rs`).

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{
    Codec,
    entry::{read_list, read_operation},
    fields::{DecodeError, Fields, Problem, entries, object, wrong},
};
use crate::{
    error::Code,
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, RoomName},
    limits::Limits,
    message::{
        Acked, Conflict, Deltas, Gap, GapReason, Joined, Reject, ServerMessage, SnapshotPart, State,
    },
    record::Record,
    value::{Entries, Node, Path, excerpt},
};

pub(super) fn decode(codec: Codec, value: Node<'_>) -> Result<ServerMessage, DecodeError> {
    let mut fields =
        Fields::named(value).map_err(|problem| problem.within("a message").invalid(None))?;
    let kind = fields
        .text("type")
        .map_err(|problem| problem.invalid(None))?;
    let message = match &*kind {
        "JOINED" => joined(&mut fields).map(ServerMessage::Joined),
        "SYNC.SNAPSHOT" => snapshot(&mut fields).map(ServerMessage::Snapshot),
        "SYNC.DELTAS" => deltas(codec, &mut fields).map(ServerMessage::Deltas),
        "REVISION_GAP" => gap(&mut fields).map(ServerMessage::Gap),
        "ACK" => ack(&mut fields),
        "REJECT" => reject(&mut fields).map(ServerMessage::Reject),
        "PRESENCE" => presence(&mut fields),
        "HEARTBEAT" => heartbeat(&mut fields),
        "ERROR" => error(&mut fields),
        _ => return Err(DecodeError::UnknownType(excerpt(&kind).to_owned())),
    };
    message.map_err(|problem| problem.within(kind).invalid(None))
}

fn req_id(fields: &mut Fields<'_>) -> Result<ClientReqId, Problem> {
    Ok(ClientReqId::new(&fields.text("clientReqId")?)?)
}

fn joined(fields: &mut Fields<'_>) -> Result<Joined, Problem> {
    Ok(Joined {
        client_id: ClientId::new(&fields.text("clientId")?)?,
        client_key: fields
            .optional_text("clientKey")?
            .map(|text| ClientKey::new(&text))
            .transpose()?,
        room: RoomName::new(&fields.text("room")?)?,
        epoch: Epoch::new(&fields.text("epoch")?)?,
        rev: fields.rev("rev")?,
        resumed: fields.flag("resumed")?,
        limits: limits(fields.required("limits")?).map_err(|problem| problem.within("limits"))?,
        heartbeat_ms: fields.integer("heartbeatMs")?,
    })
}

fn limits(value: Node<'_>) -> Result<Limits, Problem> {
    let mut fields = Fields::named(value)?;
    let mut bound = |name| {
        let n = fields.integer(name)?;
        usize::try_from(n).map_err(|_| Problem::new(format!("{name} is too large: {n}")))
    };
    Ok(Limits {
        ring_ops: bound("ringOps")?,
        ring_bytes: bound("ringBytes")?,
        in_flight: bound("inFlight")?,
        message_bytes: bound("messageBytes")?,
        changes_per_update: bound("changesPerUpdate")?,
        operation_bytes: bound("operationBytes")?,
        record_bytes: bound("recordBytes")?,
        document_bytes: bound("documentBytes")?,
        depth: bound("depth")?,
        presence_bytes: bound("presenceBytes")?,
        silence_ms: fields.integer("silenceMs")?,
        updates_per_second: u32::try_from(fields.integer("updatesPerSecond")?)
            .map_err(|_| Problem::new("updatesPerSecond is too large"))?,
    })
}

fn snapshot(fields: &mut Fields<'_>) -> Result<SnapshotPart, Problem> {
    Ok(SnapshotPart {
        rev: fields.rev("rev")?,
        epoch: Epoch::new(&fields.text("epoch")?)?,
        part: fields.integer("part")?,
        last: fields.flag("last")?,
        state: state(fields.entries("state")?)?,
        checksum: fields.optional_text("checksum")?.map(Cow::into_owned),
    })
}

fn state(state: Entries<'_>) -> Result<State, Problem> {
    let mut read = State::new();
    for (name, records) in state {
        let collection = Collection::new(&name)?;
        let records = entries(&name, records)?.into_iter();
        let records = records.map(|(id, value)| record(&collection, &id, value));
        let records: Result<BTreeMap<_, _>, _> = records.collect();
        read.insert(collection, records?);
    }
    Ok(read)
}

fn record(
    collection: &Collection,
    id: &str,
    value: Node<'_>,
) -> Result<(RecordId, Arc<Record>), Problem> {
    let key = RecordKey {
        collection: collection.clone(),
        id: RecordId::new(id)?,
    };
    let record = read_record(&key, value).map_err(|problem| problem.within(&key))?;
    Ok((key.id, Arc::new(record)))
}

pub(super) fn read_record(key: &RecordKey, value: Node<'_>) -> Result<Record, Problem> {
    let mut fields = Fields::named(value)?;
    let version = fields.integer("version")?;
    let (created_at, updated_at) = (fields.integer("createdAt")?, fields.integer("updatedAt")?);
    Ok(Record::new(
        key,
        version,
        created_at,
        updated_at,
        fields.object("data")?,
    ))
}

fn deltas(codec: Codec, fields: &mut Fields<'_>) -> Result<Deltas, Problem> {
    let (from_rev, to_rev) = (fields.rev("fromRev")?, fields.rev("toRev")?);
    let ops = read_list("ops", fields.array("ops")?, |value| {
        read_operation(codec, value).map(Arc::new)
    })?;
    let numbered = ops
        .iter()
        .zip(from_rev.get() + 1..)
        .all(|(op, rev)| op.rev.get() == rev);
    if ops.is_empty() || ops.len() as u64 != to_rev.since(from_rev) || !numbered {
        return Err(Problem::new(
            "ops must be the operations fromRev + 1 to toRev in order",
        ));
    }
    Ok(Deltas {
        from_rev,
        to_rev,
        ops,
    })
}

fn gap(fields: &mut Fields<'_>) -> Result<Gap, Problem> {
    let acked = |value| {
        let mut fields = Fields::named(value)?;
        Ok(Acked {
            client_req_id: req_id(&mut fields)?,
            rev: fields.rev("rev")?,
        })
    };
    Ok(Gap {
        expected_rev: fields.rev("expectedRev")?,
        server_rev: fields.rev("serverRev")?,
        buffer_first_rev: fields.rev("bufferFirstRev")?,
        resume_from: fields.rev("resumeFrom")?,
        reason: match &*fields.text("reason")? {
            "behind" => GapReason::Behind,
            "ahead" => GapReason::Ahead,
            "epoch" => GapReason::Epoch,
            other => {
                return Err(Problem::new(format!(
                    "reason must be behind, ahead or epoch, not {:?}",
                    excerpt(other)
                )));
            }
        },
        acked: read_list("acked", fields.array("acked")?, acked)?,
    })
}

fn ack(fields: &mut Fields<'_>) -> Result<ServerMessage, Problem> {
    let (client_req_id, rev) = (req_id(fields)?, fields.rev("rev")?);
    Ok(ServerMessage::Ack {
        client_req_id,
        rev,
        duplicate: fields.flag("duplicate")?,
    })
}

fn code(fields: &mut Fields<'_>) -> Result<Code, Problem> {
    let text = fields.text("code")?;
    Code::parse(&text).ok_or_else(|| Problem::new(format!("unknown code {text:?}")))
}

fn reject(fields: &mut Fields<'_>) -> Result<Reject, Problem> {
    Ok(Reject {
        client_req_id: req_id(fields)?,
        code: code(fields)?,
        message: fields.text("message")?.into_owned(),
        retryable: fields.flag("retryable")?,
        retry_after_ms: fields.optional_integer("retryAfterMs")?,
        conflict: fields.optional("conflict").map(conflict).transpose()?,
    })
}

fn conflict(value: Node<'_>) -> Result<Conflict, Problem> {
    let mut fields = Fields::named(value)?;
    let path = fields
        .optional_text("path")?
        .map(|text| Path::parse(&text))
        .transpose();
    Ok(Conflict {
        collection: Collection::new(&fields.text("collection")?)?,
        id: RecordId::new(&fields.text("id")?)?,
        version: fields.integer("version")?,
        path: path.map_err(|error| Problem::new(error.to_string()))?,
    })
}

fn presence(fields: &mut Fields<'_>) -> Result<ServerMessage, Problem> {
    let one = |(id, value): (Cow<'_, str>, Node<'_>)| {
        let id = ClientId::new(&id)?;
        match value {
            Node::Null => Ok((id, None)),
            Node::Object(_) => Ok((id, Some(object("presence", value)?))),
            other => Err(wrong("presence", "an object or null", &other)),
        }
    };
    let clients: Result<_, Problem> = fields.entries("clients")?.into_iter().map(one).collect();
    Ok(ServerMessage::Presence {
        clients: clients?,
        full: fields.flag("full")?,
    })
}

fn heartbeat(fields: &mut Fields<'_>) -> Result<ServerMessage, Problem> {
    Ok(ServerMessage::Heartbeat {
        rev: fields.rev("rev")?,
        checksum: fields.text("checksum")?.into_owned(),
    })
}

fn error(fields: &mut Fields<'_>) -> Result<ServerMessage, Problem> {
    Ok(ServerMessage::Error {
        code: code(fields)?,
        message: fields.text("message")?.into_owned(),
        retryable: fields.flag("retryable")?,
        retry_after_ms: fields.optional_integer("retryAfterMs")?,
    })
}
