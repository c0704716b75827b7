//! A client of Hocuspocus: Yjs updates in messages that name their document.
//!
//! It sends every update to its author too, as the same merged update that all get, so authors hear of theirs as all others do. An
//! author's own clock says where each of its updates belongs; nothing of the others' has to be known.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
};

use super::{
    text::{field, value},
    yjs,
};
use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

const DOCUMENT: &[u8] = b"room";

// Types of messages.
const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTHENTICATION: u64 = 2;
const SYNC_ANSWER: u64 = 4;
const CLOSE: u64 = 7;
const STATUS: u64 = 8;
const PING: u64 = 9;
const PONG: u64 = 10;
// Types of those that synchronize: what a side has, what the other lacks of it, an update.
const HAVE: u64 = 0;
const LACK: u64 = 1;
const UPDATE: u64 = 2;
// Types of those that authenticate.
const TOKEN: u64 = 0;
const AUTHENTICATED: u64 = 2;

/// A client of the document.
#[derive(Debug)]
pub(super) struct Hocuspocus {
    /// Its number among all that ever write to the document.
    client: u64,
    /// Its updates so far.
    clock: u64,
    /// How far the changes of each client are known here.
    clocks: BTreeMap<u64, u64>,
}

impl Default for Hocuspocus {
    fn default() -> Self {
        Self {
            // Yjs draws 32 bits as well.
            client: RandomState::new().hash_one(0) >> 32,
            clock: 0,
            clocks: BTreeMap::new(),
        }
    }
}

impl Speaker for Hocuspocus {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/".to_owned(),
            subprotocol: None,
        }
    }

    fn opened(&mut self, out: &mut Outbox, _: &mut Heard) {
        let mut message = message(&[AUTHENTICATION, TOKEN]);
        yjs::push_text(&mut message, b"");
        yjs::push_text(&mut message, b"4.0.0");
        out.binary(&message);
    }

    fn hear(
        &mut self,
        _: Kind,
        payload: &[u8],
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        self.message(payload, out, heard)
            .unwrap_or_else(|| Err(format!("Hocuspocus sends {payload:02x?}")))
    }

    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let mut update = Vec::with_capacity(bytes + 64);
        let (key, value) = (field(stamp), value(stamp, bytes));
        yjs::push_set(
            &mut update,
            self.client,
            self.clock,
            key.as_bytes(),
            value.as_bytes(),
        );
        self.clock += 1;
        let mut message = message(&[SYNC, UPDATE]);
        yjs::push_text(&mut message, &update);
        out.binary(&message);
    }
}

impl Hocuspocus {
    /// `None`: the message is not one that the protocol has.
    fn message(
        &mut self,
        payload: &[u8],
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Option<Result<(), String>> {
        let (_, rest) = yjs::text(payload)?;
        let (kind, rest) = yjs::number(rest)?;
        match kind {
            SYNC | SYNC_ANSWER => return self.sync(rest, out, heard).map(Ok),
            AUTHENTICATION if yjs::number(rest)?.0 == AUTHENTICATED => self.ask(out),
            // The author sees its update come back; the status says no more, unless it is a refusal.
            STATUS if yjs::number(rest)?.0 == 1 => {}
            AWARENESS | PONG => {}
            PING => out.binary(&message(&[PONG])),
            AUTHENTICATION => return Some(Err("Hocuspocus refuses the client".to_owned())),
            STATUS => return Some(Err("Hocuspocus refuses an update".to_owned())),
            CLOSE => return Some(Err("Hocuspocus closes the document".to_owned())),
            _ => return None,
        }
        Some(Ok(()))
    }

    /// Asks for what is not known here.
    fn ask(&self, out: &mut Outbox) {
        let mut clocks = Vec::new();
        yjs::push_clocks(&mut clocks, &self.clocks);
        let mut message = message(&[SYNC, HAVE]);
        yjs::push_text(&mut message, &clocks);
        out.binary(&message);
    }

    fn sync(&mut self, payload: &[u8], out: &mut Outbox, heard: &mut Heard) -> Option<()> {
        let (step, rest) = yjs::number(payload)?;
        let (content, _) = yjs::text(rest)?;
        match step {
            // The server has all that was written here.
            HAVE => {
                let mut message = message(&[SYNC, LACK]);
                yjs::push_text(&mut message, &[0, 0]);
                out.binary(&message);
            }
            LACK => {
                heard.live = true;
                // What is new comes as one difference, or all as one.
                heard.snapshot = true;
                heard.resumed = !self.clocks.is_empty();
                yjs::advance(&mut self.clocks, content)?;
            }
            UPDATE => {
                heard.operations = true;
                heard.deliveries = yjs::advance(&mut self.clocks, content)?;
            }
            _ => return None,
        }
        Some(())
    }
}

/// A message of these types.
fn message(types: &[u64]) -> Vec<u8> {
    let mut message = Vec::new();
    yjs::push_text(&mut message, DOCUMENT);
    for kind in types {
        yjs::push_number(&mut message, *kind);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::testing::{hear_bytes, sent_bytes, stamp};

    fn joined() -> (Hocuspocus, Outbox) {
        let mut speaker = Hocuspocus::default();
        let mut out = Outbox::default();
        speaker.opened(&mut out, &mut Heard::default());
        assert_eq!(sent_bytes(&mut out), [b"\x04room\x02\x00\x00\x054.0.0"]);
        let accepted = b"\x04room\x02\x02\x0aread-write";
        assert!(!hear_bytes(&mut speaker, accepted, &mut out).unwrap().live);
        assert_eq!(sent_bytes(&mut out), [b"\x04room\x00\x00\x01\x00"]);
        let lacking = b"\x04room\x00\x01\x02\x00\x00";
        let heard = hear_bytes(&mut speaker, lacking, &mut out).unwrap();
        assert!(heard.live && heard.snapshot && !heard.operations && !heard.resumed);
        let have = b"\x04room\x00\x00\x01\x00";
        hear_bytes(&mut speaker, have, &mut out).unwrap();
        assert_eq!(sent_bytes(&mut out), [b"\x04room\x00\x01\x02\x00\x00"]);
        (speaker, out)
    }

    #[test]
    fn an_update_comes_back_and_moves_the_clock() {
        let (mut speaker, mut out) = joined();
        speaker.update(stamp(1, 2), 10, &mut out);
        speaker.update(stamp(1, 3), 10, &mut out);
        for update in sent_bytes(&mut out) {
            assert!(update.starts_with(b"\x04room\x00\x02"));
            let heard = hear_bytes(&mut speaker, &update, &mut out).unwrap();
            assert!(heard.operations && heard.acknowledged.is_empty());
            assert_eq!(heard.deliveries, 1);
        }
        let accepted = b"\x04room\x02\x02\x0aread-write";
        hear_bytes(&mut speaker, accepted, &mut out).unwrap();
        let asked = sent_bytes(&mut out).remove(0);
        let (clocks, _) = yjs::text(&asked[7..]).unwrap();
        assert_eq!((clocks[0], clocks.last()), (1, Some(&2)));
    }

    #[test]
    fn refusals_fail_the_run() {
        let (mut speaker, mut out) = joined();
        for refusal in [
            &b"\x04room\x02\x01\x02no"[..],
            b"\x04room\x08\x00",
            b"\x04room\x07\x02no",
            b"\x04room\x63",
            b"\x04room\x00\x02\x05\x01",
        ] {
            let heard = hear_bytes(&mut speaker, refusal, &mut out);
            assert!(heard.is_err(), "{refusal:02x?}");
        }
        let taken = b"\x04room\x08\x01";
        assert!(hear_bytes(&mut speaker, taken, &mut out).is_ok());
    }
}
