//! Messages of clients.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{
    Codec,
    entry::{read_change, read_list},
    fields::{DecodeError, Fields, Problem, object},
};
use crate::{
    change::Update,
    ids::{ClientKey, ClientReqId, Epoch, Rev, RoomName},
    limits::TOKEN_BYTES,
    message::{ClientMessage, Join, Position},
    value::{Node, excerpt},
};

pub(super) fn decode(codec: Codec, value: Node<'_>) -> Result<ClientMessage, DecodeError> {
    let mut fields =
        Fields::named(value).map_err(|problem| problem.within("a message").invalid(None))?;
    let kind = fields
        .text("type")
        .map_err(|problem| problem.invalid(None))?;
    let message = match &*kind {
        "UPDATE" => return update(codec, &mut fields).map(ClientMessage::Update),
        "JOIN" => join(&mut fields).map(ClientMessage::Join),
        "PRESENCE" => presence(&mut fields),
        "HEARTBEAT" => Ok(ClientMessage::Heartbeat),
        "RESYNC" => position(&mut fields).map(ClientMessage::Resync),
        "LEAVE" => Ok(ClientMessage::Leave),
        _ => return Err(DecodeError::UnknownType(excerpt(&kind).to_owned())),
    };
    message.map_err(|problem| problem.within(kind).invalid(None))
}

fn join(fields: &mut Fields<'_>) -> Result<Join, Problem> {
    let room = RoomName::new(&fields.text("room")?)?;
    let client_key = fields
        .optional_text("clientKey")?
        .map(|text| ClientKey::new(&text))
        .transpose()?;
    let position = position(fields)?;
    let token = fields.optional_text("token")?;
    if token
        .as_ref()
        .is_some_and(|token| token.len() > TOKEN_BYTES)
    {
        return Err(Problem::new(format!(
            "token must be at most {TOKEN_BYTES} bytes long"
        )));
    }
    Ok(Join {
        room,
        client_key,
        position,
        token: token.map(Cow::into_owned),
    })
}

fn position(fields: &mut Fields<'_>) -> Result<Option<Position>, Problem> {
    let epoch = fields
        .optional_text("epoch")?
        .map(|text| Epoch::new(&text))
        .transpose()?;
    match (epoch, fields.optional_rev("lastRev")?) {
        (Some(epoch), Some(last_rev)) => Ok(Some(Position { epoch, last_rev })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Problem::new(
            "epoch is given without lastRev; give both or neither",
        )),
        (None, Some(_)) => Err(Problem::new(
            "lastRev is given without epoch; give both or neither",
        )),
    }
}

fn presence(fields: &mut Fields<'_>) -> Result<ClientMessage, Problem> {
    let data = fields
        .raw("data")
        .ok_or_else(|| Problem::new("data is missing; null means none"))?;
    match data {
        Node::Null => Ok(ClientMessage::Presence(None)),
        data => object("data", data).map(|data| ClientMessage::Presence(Some(data))),
    }
}

fn update(codec: Codec, fields: &mut Fields<'_>) -> Result<Update, DecodeError> {
    let id = fields
        .text("clientReqId")
        .and_then(|text| Ok(ClientReqId::new(&text)?));
    let client_req_id = id.map_err(|problem| problem.within("UPDATE").invalid(None))?;
    match update_body(codec, fields, client_req_id.clone()) {
        Ok(update) => Ok(update),
        Err(problem) => Err(problem.within("UPDATE").invalid(Some(client_req_id))),
    }
}

fn update_body(
    codec: Codec,
    fields: &mut Fields<'_>,
    client_req_id: ClientReqId,
) -> Result<Update, Problem> {
    let changes = read_list("changes", fields.array("changes")?, |value| {
        read_change(codec, value)
    })?;
    let base_rev = fields.optional_rev("baseRev")?;
    let first_rev = fields.optional_rev("firstRev")?;
    Ok(Update {
        client_req_id,
        changes,
        base_rev,
        first_rev,
    })
}

impl Serialize for ClientMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields()))?;
        match self {
            Self::Join(join) => {
                map.serialize_entry("type", "JOIN")?;
                map.serialize_entry("room", &join.room)?;
                optional(&mut map, "clientKey", join.client_key.as_ref())?;
                write_position(&mut map, join.position.as_ref())?;
                optional(&mut map, "token", join.token.as_ref())?;
            }
            Self::Update(update) => {
                map.serialize_entry("type", "UPDATE")?;
                map.serialize_entry("clientReqId", &update.client_req_id)?;
                map.serialize_entry("changes", &update.changes)?;
                optional(&mut map, "baseRev", update.base_rev.as_ref())?;
                optional(&mut map, "firstRev", update.first_rev.as_ref())?;
            }
            Self::Presence(data) => {
                map.serialize_entry("type", "PRESENCE")?;
                map.serialize_entry("data", data)?;
            }
            Self::Heartbeat => map.serialize_entry("type", "HEARTBEAT")?,
            Self::Resync(position) => {
                map.serialize_entry("type", "RESYNC")?;
                write_position(&mut map, position.as_ref())?;
            }
            Self::Leave => map.serialize_entry("type", "LEAVE")?,
        }
        map.end()
    }
}

impl ClientMessage {
    /// How many fields stand on the wire, which MessagePack writes first.
    fn fields(&self) -> usize {
        match self {
            Self::Join(join) => {
                2 + usize::from(join.client_key.is_some())
                    + 2 * usize::from(join.position.is_some())
                    + usize::from(join.token.is_some())
            }
            Self::Update(update) => {
                3 + usize::from(update.base_rev.is_some()) + usize::from(update.first_rev.is_some())
            }
            Self::Presence(_) => 2,
            Self::Resync(position) => 1 + 2 * usize::from(position.is_some()),
            Self::Heartbeat | Self::Leave => 1,
        }
    }
}

fn optional<M: serde::ser::SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

fn write_position<M: serde::ser::SerializeMap>(
    map: &mut M,
    position: Option<&Position>,
) -> Result<(), M::Error> {
    let Some(Position { epoch, last_rev }) = position else {
        return Ok(());
    };
    map.serialize_entry::<_, Epoch>("epoch", epoch)?;
    map.serialize_entry::<_, Rev>("lastRev", last_rev)
}
