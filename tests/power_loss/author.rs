//! Clients that want random things of a room.

use std::collections::VecDeque;

use rand::{RngExt as _, rngs::SmallRng, seq::IndexedRandom as _};
use revring_protocol::{
    change::{Change, Edit, Sequence, Splice, Update},
    ids::{ClientId, ClientKey, ClientReqId, Collection, RecordId, RecordKey},
    room::{Request, Room, Ticket},
    value::{Number, Object, Path, Value},
};

/// Who writes to a room, and what about.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    clients: Vec<ClientId>,
    records: u32,
    /// Characters of the longest text.
    text: usize,
    /// Ids given out; none is ever given twice.
    sent: u64,
}

impl Author {
    /// Clients of the room numbered `room`, about so many records with texts of up to so many characters.
    pub(crate) fn new(room: u8, records: u32, text: usize) -> Self {
        let client = |n: u8| ClientKey::from_random([16 * room + n; 32]).client_id();
        Self {
            clients: (0..4).map(client).collect(),
            records,
            text,
            sent: 0,
        }
    }

    /// `count` updates of the room as it is.
    pub(crate) fn requests(
        &mut self,
        room: &Room,
        count: usize,
        dice: &mut SmallRng,
    ) -> VecDeque<Request> {
        (0..count).map(|_| self.request(room, dice)).collect()
    }

    fn request(&mut self, room: &Room, dice: &mut SmallRng) -> Request {
        self.sent += 1;
        let id = RecordId::new(&format!("r{}", dice.random_range(0..self.records)));
        let collection = Collection::new("records").expect("a name");
        let key = RecordKey {
            collection,
            id: id.expect("an id"),
        };
        let edit = match room.document().get(&key) {
            Some(record) => self.edit(record.data(), dice),
            None => Edit::Put {
                data: self.data(dice),
            },
        };
        let update = Update {
            client_req_id: ClientReqId::new(&format!("u{}", self.sent)).expect("an id"),
            changes: vec![Change {
                key,
                if_version: None,
                edit,
            }],
            base_rev: Some(room.head()),
            first_rev: None,
        };
        let client_id = self
            .clients
            .choose(dice)
            .expect("there are clients")
            .clone();
        Request {
            client_id,
            update,
            ticket: Ticket(self.sent),
        }
    }

    /// An edit that a record with `data` allows.
    fn edit(&self, data: &Object, dice: &mut SmallRng) -> Edit {
        let length = data
            .get("text")
            .and_then(Value::as_str)
            .map_or(0, |text| text.chars().count());
        match dice.random_range(0..10) {
            0..=1 => Edit::Put {
                data: self.data(dice),
            },
            2 => Edit::Delete,
            3..=5 => Edit::Add {
                path: path("/n"),
                by: number(dice),
            },
            6 => Edit::Set {
                path: path("/n"),
                value: Value::Number(number(dice)),
            },
            7 => Edit::Merge {
                data: self.data(dice),
            },
            _ => {
                let at = dice.random_range(0..=length);
                let remove = dice.random_range(0..=(length - at).min(9));
                let insert = Sequence::Text(Self::text(9, dice));
                Edit::Splice {
                    path: path("/text"),
                    splice: Splice { at, remove, insert },
                }
            }
        }
    }

    fn data(&self, dice: &mut SmallRng) -> Object {
        let text = Value::String(Self::text(self.text, dice));
        [
            ("n".to_owned(), Value::Number(number(dice))),
            ("text".to_owned(), text),
        ]
        .into()
    }

    fn text(most: usize, dice: &mut SmallRng) -> String {
        let length = dice.random_range(0..=most);
        (0..length)
            .map(|_| *['a', 'b', 'ü', ' '].choose(dice).expect("four"))
            .collect()
    }
}

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

fn number(dice: &mut SmallRng) -> Number {
    Number::from_i64(dice.random_range(-1_000..1_000)).expect("in range")
}
