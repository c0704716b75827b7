//! A client of ShareDB: a subscription to one document of json0, and operations on one field each.
//!
//! As its own client does, it has one operation unanswered at a time, keeps the rest in a queue (without composing them: each is to be
//! delivered), and tells by the version which operations it has had.

use std::collections::{BTreeSet, VecDeque};

use serde::Deserialize;

use super::text::{field, number, shown, value};
use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

/// How an operation of another client begins; its version follows.
const OPERATION: &[u8] = br#"{"a":"op","c":"room","d":"record","v":"#;

/// A client that is subscribed.
#[derive(Debug, Default)]
pub(super) struct ShareDb {
    /// What the server calls this client.
    id: Option<String>,
    /// The version that the next operation makes a change to.
    version: Option<u64>,
    /// Versions of own operations that were acknowledged before others' came that stand before them.
    ahead: BTreeSet<u64>,
    /// Updates that wait, with their operations; the first is under way if `sent`.
    queue: VecDeque<(u32, String)>,
    sent: bool,
    subscribed: bool,
}

/// Any message of the server.
#[derive(Debug, Deserialize)]
struct Message {
    a: String,
    id: Option<String>,
    seq: Option<u64>,
    v: Option<u64>,
    data: Option<Snapshot>,
    error: Option<serde_json::Value>,
}

/// What a subscription begins with.
#[derive(Debug, Deserialize)]
struct Snapshot {
    v: u64,
}

impl Speaker for ShareDb {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/".to_owned(),
            subprotocol: None,
        }
    }

    fn opened(&mut self, out: &mut Outbox, _: &mut Heard) {
        self.subscribed = false;
        self.sent = false;
        let id = serde_json::json!(self.id);
        let version = serde_json::json!(self.version);
        out.text(&format!(
            r#"{{"a":"hs","id":{id},"protocol":1,"protocolMinor":2}}"#
        ));
        out.text(&format!(
            r#"{{"a":"s","c":"room","d":"record","v":{version}}}"#
        ));
    }

    fn hear(
        &mut self,
        _: Kind,
        payload: &[u8],
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        if let Some(rest) = payload.strip_prefix(OPERATION) {
            let version = number(rest).ok_or_else(|| unknown(payload))?;
            return self.operation(version, heard);
        }
        let message: Message = serde_json::from_slice(payload).map_err(|_| unknown(payload))?;
        if message.error.is_some() {
            return Err(unknown(payload));
        }
        match message.a.as_str() {
            "init" => {}
            "hs" => self.id = message.id,
            "s" => self.subscribed(message.data, out, heard)?,
            "op" => {
                let answered = message.seq.zip(message.v).ok_or_else(|| unknown(payload))?;
                self.acknowledged(answered, out, heard)?;
            }
            _ => return Err(unknown(payload)),
        }
        Ok(())
    }

    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let (field, value) = (field(stamp), value(stamp, bytes));
        let operation = format!(r#"{{"p":["{field}"],"oi":"{value}"}}"#);
        self.queue.push_back((stamp.sequence, operation));
        self.send(out);
    }
}

impl ShareDb {
    /// Sends what stands first in the queue, if nothing is under way.
    fn send(&mut self, out: &mut Outbox) {
        let (Some((sequence, operation)), Some(version)) = (self.queue.front(), self.version)
        else {
            return;
        };
        if self.sent || !self.subscribed {
            return;
        }
        self.sent = true;
        // A client's own count begins with 1.
        let seq = u64::from(*sequence) + 1;
        out.text(&format!(
            r#"{{"a":"op","c":"room","d":"record","v":{version},"seq":{seq},"op":[{operation}]}}"#
        ));
    }

    fn subscribed(
        &mut self,
        snapshot: Option<Snapshot>,
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        heard.snapshot = snapshot.is_some();
        heard.resumed = snapshot.is_none();
        self.version = snapshot.map(|snapshot| snapshot.v).or(self.version);
        if self.version.is_none() {
            return Err("ShareDB's subscription begins without a version".to_owned());
        }
        self.subscribed = true;
        heard.live = true;
        self.send(out);
        Ok(())
    }

    fn operation(&mut self, version: u64, heard: &mut Heard) -> Result<(), String> {
        let Some(next) = self.version else {
            return Err("ShareDB sends an operation before the document".to_owned());
        };
        if version > next {
            return Err(format!(
                "ShareDB sends version {version} where {next} is due"
            ));
        }
        // One sent again because it was not known here yet when an update was sent is not an arrival.
        if version == next {
            heard.operations = true;
            heard.deliveries = 1;
            self.advance(next + 1);
        }
        Ok(())
    }

    fn acknowledged(
        &mut self,
        (seq, version): (u64, u64),
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        match self.queue.pop_front() {
            Some((sequence, _)) if u64::from(sequence) + 1 == seq && self.sent => {
                heard.acknowledged.push(sequence);
            }
            _ => return Err(format!("ShareDB acknowledges {seq}, which was not sent")),
        }
        self.sent = false;
        if self.version == Some(version) {
            self.advance(version + 1);
        } else if self.version < Some(version) {
            self.ahead.insert(version);
        }
        self.send(out);
        Ok(())
    }

    fn advance(&mut self, mut version: u64) {
        while self.ahead.remove(&version) {
            version += 1;
        }
        self.version = Some(version);
    }
}

fn unknown(message: &[u8]) -> String {
    format!("ShareDB says {}", shown(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::testing::{hear, sent, stamp};

    fn joined(version: u64) -> (ShareDb, Outbox) {
        let mut speaker = ShareDb::default();
        let mut out = Outbox::default();
        speaker.opened(&mut out, &mut Heard::default());
        assert_eq!(
            sent(&mut out),
            [
                r#"{"a":"hs","id":null,"protocol":1,"protocolMinor":2}"#,
                r#"{"a":"s","c":"room","d":"record","v":null}"#
            ]
        );
        for message in [
            r#"{"a":"init","protocol":1,"protocolMinor":2,"id":"x","type":"t"}"#,
            r#"{"a":"hs","protocol":1,"protocolMinor":2,"id":"me","type":"t"}"#,
        ] {
            assert!(!hear(&mut speaker, message, &mut out).unwrap().live);
        }
        let state =
            format!(r#"{{"data":{{"v":{version},"data":{{}}}},"a":"s","c":"room","d":"record"}}"#);
        let heard = hear(&mut speaker, &state, &mut out).unwrap();
        assert!(heard.live && heard.snapshot && !heard.operations);
        (speaker, out)
    }

    fn operation(version: u64) -> String {
        format!(
            r#"{{"a":"op","c":"room","d":"record","v":{version},"src":"other","seq":1,"op":[{{"p":["w9"],"oi":"x"}}]}}"#
        )
    }

    fn own(version: u64, seq: u64) -> String {
        format!(r#"{{"src":"me","seq":{seq},"v":{version},"a":"op","c":"room","d":"record"}}"#)
    }

    #[test]
    fn one_update_is_under_way_at_a_time() {
        let (mut speaker, mut out) = joined(4);
        speaker.update(stamp(0, 0), 0, &mut out);
        speaker.update(stamp(0, 1), 0, &mut out);
        assert_eq!(
            sent(&mut out),
            [
                r#"{"a":"op","c":"room","d":"record","v":4,"seq":1,"op":[{"p":["w0"],"oi":"~rv.000000000000000000000000"}]}"#
            ]
        );
        let heard = hear(&mut speaker, &own(4, 1), &mut out).unwrap();
        assert_eq!(heard.acknowledged, [0]);
        assert_eq!(
            sent(&mut out),
            [
                r#"{"a":"op","c":"room","d":"record","v":5,"seq":2,"op":[{"p":["w0"],"oi":"~rv.000000000001000000000000"}]}"#
            ]
        );
    }

    #[test]
    fn an_operation_counts_once_and_holes_fail() {
        let (mut speaker, mut out) = joined(4);
        assert!(
            hear(&mut speaker, &operation(4), &mut out)
                .unwrap()
                .operations
        );
        assert!(
            !hear(&mut speaker, &operation(4), &mut out)
                .unwrap()
                .operations
        );
        assert!(hear(&mut speaker, &operation(6), &mut out).is_err());
    }

    #[test]
    fn an_acknowledgement_may_come_before_the_operations_it_follows() {
        let (mut speaker, mut out) = joined(4);
        speaker.update(stamp(0, 0), 0, &mut out);
        hear(&mut speaker, &own(5, 1), &mut out).unwrap();
        assert!(
            hear(&mut speaker, &operation(4), &mut out)
                .unwrap()
                .operations
        );
        assert!(
            hear(&mut speaker, &operation(6), &mut out)
                .unwrap()
                .operations
        );
    }

    #[test]
    fn a_client_that_comes_back_asks_from_its_version() {
        let (mut speaker, mut out) = joined(4);
        speaker.opened(&mut out, &mut Heard::default());
        assert_eq!(
            sent(&mut out),
            [
                r#"{"a":"hs","id":"me","protocol":1,"protocolMinor":2}"#,
                r#"{"a":"s","c":"room","d":"record","v":4}"#
            ]
        );
        assert!(
            hear(&mut speaker, &operation(4), &mut out)
                .unwrap()
                .operations
        );
        let subscribed = r#"{"a":"s","c":"room","d":"record"}"#;
        let heard = hear(&mut speaker, subscribed, &mut out).unwrap();
        assert!(heard.live && heard.resumed && !heard.snapshot);
    }

    #[test]
    fn errors_fail_the_run() {
        let (mut speaker, mut out) = joined(4);
        let error =
            r#"{"a":"op","c":"room","d":"record","seq":1,"error":{"code":"E","message":"no"}}"#;
        assert!(hear(&mut speaker, error, &mut out).is_err());
    }
}
