//! Clients that write as fast as they can, and note what they are told.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use parking_lot::Mutex;
use revring_client::{
    ClientKey, Codec, Room, UpdateError, UpdateResult,
    change::{self, Draft},
    protocol::{ids::ClientReqId, value::Value},
};
use serde_json::json;
use tokio::{sync::watch, time::sleep};

use crate::{
    ledger::{ALL, COUNTERS, Deed, Entry, Ledger, NOTES, TEXTS, own},
    support::{Dice, dice, open, quick, roll, soon},
};

/// A room, and what its writers were told.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) room: String,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

/// How a writer writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Updates without an answer at once.
    pub(crate) depth: usize,
    /// Records of its own, and of everyone.
    pub(crate) records: u64,
    /// Characters of a record that is put.
    pub(crate) padding: u64,
    /// Updates in one room before it goes to another and leaves this one; `None`: it stays.
    pub(crate) burst: Option<u64>,
}

/// A client that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    url: String,
    number: usize,
    key: ClientKey,
    codec: Codec,
    style: Style,
    dice: Dice,
    count: u64,
}

/// An update that was asked for, and its answer.
type Asked = (ClientReqId, Deed, UpdateResult);

impl Book {
    pub(crate) fn new(room: String) -> Self {
        Self {
            room,
            ledger: Arc::default(),
        }
    }

    /// Makes the counters and texts of `writers`.
    pub(crate) async fn prepare(&self, url: &str, writers: usize) {
        let room = open(quick(), url, &self.room).await;
        let owners = (0..writers).map(own).chain([ALL.to_owned()]);
        let drafts: Vec<Draft> = owners
            .flat_map(|owner| {
                let counter = change::put(COUNTERS, &owner, json!({"n": 0}));
                [counter, change::put(TEXTS, &owner, json!({"text": ""}))]
            })
            .collect();
        let id: ClientReqId = "prepare".parse().unwrap();
        let rev = soon("the first update", room.update_as(id.clone(), drafts))
            .await
            .unwrap();
        self.ledger.lock().accept(Entry {
            rev,
            client: room.client_id().clone(),
            id,
            writer: 0,
            deed: Deed::Prepare,
        });
    }
}

impl Writer {
    pub(crate) fn new(url: String, number: usize, seed: u64, style: Style) -> Self {
        let mut dice = dice(seed, 1000 + number as u64);
        let mut key = [0; 32];
        key.fill_with(|| u8::try_from(roll(&mut dice, 0, 256)).unwrap());
        Self {
            url,
            number,
            key: ClientKey::from_random(key),
            codec: Codec::ALL[number % Codec::ALL.len()],
            style,
            dice,
            count: 0,
        }
    }

    /// Writes into the rooms of `books` until told to stop and everything is answered. Returns the room of a writer that stays.
    pub(crate) async fn run(
        mut self,
        books: Vec<Book>,
        stop: watch::Receiver<bool>,
    ) -> Option<Room> {
        let stays = self.style.burst.is_none();
        let mut at = self.number % books.len();
        loop {
            let book = &books[at];
            let options = quick().codec(self.codec).client_key(self.key.clone());
            let room = open(options, &self.url, &book.room).await;
            self.write(&room, book, &stop).await;
            if stays {
                return Some(room);
            }
            room.close().await;
            if *stop.borrow() {
                return None;
            }
            at = usize::try_from(roll(&mut self.dice, 0, books.len() as u64)).unwrap();
            sleep(Duration::from_millis(roll(&mut self.dice, 0, 60))).await;
        }
    }

    async fn write(&mut self, room: &Room, book: &Book, stop: &watch::Receiver<bool>) {
        let mut asked = FuturesUnordered::new();
        let mut left = self.style.burst.unwrap_or(u64::MAX);
        let mut typing = false;
        loop {
            while asked.len() < self.style.depth && left > 0 && !*stop.borrow() {
                let (deed, drafts) = self.think(room, typing);
                typing |= is_typing(&deed);
                left -= 1;
                self.count += 1;
                let id: ClientReqId = format!("w{}-{}", self.number, self.count).parse().unwrap();
                let answer = room.update_as(id.clone(), drafts);
                asked.push(async move { (id, deed, answer.await) });
            }
            let Some(answered) = soon("an answer", asked.next()).await else {
                return;
            };
            typing &= !is_typing(&answered.1);
            self.note(room, book, answered);
        }
    }

    /// The next update. At most one edits a text: it is then known what it was made on.
    fn think(&mut self, room: &Room, typing: bool) -> (Deed, Vec<Draft>) {
        let stamp = format!("{}.{}", self.number, self.count);
        match roll(&mut self.dice, 0, 100) {
            0..=7 if !typing => self.type_something(room),
            8..=9 if !typing => {
                let said = change::splice(TEXTS, ALL, "/text", 0, 0, format!("{stamp} "));
                (Deed::Say { word: stamp }, vec![said])
            }
            10..=49 => {
                let by = i64::try_from(roll(&mut self.dice, 1, 10)).unwrap();
                let add = |counter: &str| change::add(COUNTERS, counter, "/n", by);
                (Deed::Add { by }, vec![add(ALL), add(&own(self.number))])
            }
            choice => {
                // Every tenth record is everyone's.
                let shared = roll(&mut self.dice, 0, 10) == 0;
                let owner = if shared {
                    ALL.to_owned()
                } else {
                    own(self.number)
                };
                let record = format!("{owner}-{}", roll(&mut self.dice, 0, self.style.records));
                if choice < 60 && room.record(NOTES, &record).is_some() {
                    let delete = change::delete(NOTES, &record);
                    return (Deed::Delete { record }, vec![delete]);
                }
                let padding = roll(&mut self.dice, 0, self.style.padding);
                let padding = "x".repeat(usize::try_from(padding).unwrap());
                let data = json!({"stamp": stamp, "padding": padding});
                let put = change::put(NOTES, &record, data);
                (Deed::Put { record, stamp }, vec![put])
            }
        }
    }

    fn type_something(&mut self, room: &Room) -> (Deed, Vec<Draft>) {
        let text = room
            .record(TEXTS, &own(self.number))
            .expect("it was prepared");
        let text = text
            .data()
            .get("text")
            .and_then(Value::as_str)
            .expect("a text");
        let length = text.chars().count() as u64;
        let at = roll(&mut self.dice, 0, length + 1);
        // Long texts get shorter.
        let most = if length > 200 { 60 } else { 6 };
        let remove = roll(&mut self.dice, 0, most).min(length - at);
        let insert = "aé漢🦀".repeat(usize::try_from(roll(&mut self.dice, 1, 4)).unwrap());
        let (at, remove) = (
            usize::try_from(at).unwrap(),
            usize::try_from(remove).unwrap(),
        );
        let drafts = vec![change::splice(
            TEXTS,
            &own(self.number),
            "/text",
            at,
            remove,
            &insert,
        )];
        (Deed::Type { at, remove, insert }, drafts)
    }

    fn note(&self, room: &Room, book: &Book, (id, deed, answer): Asked) {
        let mut ledger = book.ledger.lock();
        match answer {
            Ok(rev) => ledger.accept(Entry {
                rev,
                client: room.client_id().clone(),
                id,
                writer: self.number,
                deed,
            }),
            Err(UpdateError::Rejected(reject)) => ledger.rejected.push((id, reject.code)),
            // It did not apply to the view; nothing was sent.
            Err(UpdateError::Refused(_)) => {}
            Err(error) => panic!("{id}: {error}"),
        }
    }
}

fn is_typing(deed: &Deed) -> bool {
    matches!(deed, Deed::Type { .. } | Deed::Say { .. })
}
