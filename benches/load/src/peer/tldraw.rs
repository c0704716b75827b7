//! A client of tldraw sync: pushes with differences of one record, answered by their clock; the server gathers what it has for a
//! client in one message for a sixtieth of a second.

use memchr::memmem;

use super::text::{field, number, shown, value};
use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

/// What stands before the server's clock in its messages.
const CLOCK: &[u8] = br#""serverClock":"#;
/// What stands before the clock of a push in its answer.
const RESULT: &[u8] = br#"{"type":"push_result","clientClock":"#;

/// A client in the room.
#[derive(Debug, Default)]
pub(super) struct Tldraw {
    /// The server's clock at the last message.
    clock: Option<u64>,
}

impl Speaker for Tldraw {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/".to_owned(),
            subprotocol: None,
        }
    }

    fn opened(&mut self, out: &mut Outbox, _: &mut Heard) {
        let clock = self
            .clock
            .map_or_else(|| "-1".to_owned(), |clock| clock.to_string());
        // The schema of the server's one type of record, which has no migrations.
        out.text(&format!(
            r#"{{"type":"connect","connectRequestId":"load","lastServerClock":{clock},"protocolVersion":8,"schema":{{"schemaVersion":2,"sequences":{{}}}}}}"#
        ));
    }

    fn hear(
        &mut self,
        _: Kind,
        payload: &[u8],
        _: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        if payload.starts_with(br#"{"type":"data""#) {
            heard.operations = memmem::find(payload, br#""type":"patch""#).is_some();
            results(payload, heard)?;
        } else if payload.starts_with(br#"{"type":"connect""#) {
            heard.live = true;
            // What is new since the clock comes as one difference, or all as one.
            heard.snapshot = true;
            heard.resumed = self.clock.is_some();
        } else if !payload.starts_with(br#"{"type":"pong""#) {
            return Err(format!("tldraw says {}", shown(payload)));
        }
        if let Some(at) = memmem::rfind(payload, CLOCK) {
            self.clock = number(&payload[at + CLOCK.len()..]);
        }
        Ok(())
    }

    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let (field, value) = (field(stamp), value(stamp, bytes));
        let sequence = stamp.sequence;
        out.text(&format!(
            r#"{{"type":"push","clientClock":{sequence},"diff":{{"note:record":["patch",{{"props":["patch",{{"{field}":["put","{value}"]}}]}}]}}}}"#
        ));
    }
}

/// The pushes that a message answers. Only their author hears of them.
fn results(message: &[u8], heard: &mut Heard) -> Result<(), String> {
    for at in memmem::find_iter(message, RESULT) {
        let rest = &message[at + RESULT.len()..];
        let sequence = number(rest).and_then(|clock| u32::try_from(clock).ok());
        let sequence = sequence.ok_or_else(|| format!("tldraw says {}", shown(rest)))?;
        let end = memchr::memchr(b'}', rest).unwrap_or(rest.len());
        if memmem::find(&rest[..end], br#""action":"discard""#).is_some() {
            return Err(format!("tldraw discards push {sequence}"));
        }
        heard.acknowledged.push(sequence);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::testing::{hear, sent, stamp};

    const CONNECTED: &str = r#"{"type":"connect","connectRequestId":"load","hydrationType":"wipe_all","protocolVersion":8,"schema":{},"serverClock":7,"diff":{"note:record":["put",{"id":"note:record","props":{"w0":"~rv."},"typeName":"note"}]},"isReadonly":false}"#;

    #[test]
    fn a_client_connects_from_the_clock_it_has() {
        let mut speaker = Tldraw::default();
        let mut out = Outbox::default();
        speaker.opened(&mut out, &mut Heard::default());
        assert!(sent(&mut out)[0].contains(r#""lastServerClock":-1,"#));
        let heard = hear(&mut speaker, CONNECTED, &mut out).unwrap();
        assert!(heard.live && heard.snapshot && !heard.operations && !heard.resumed);

        let patches = r#"{"type":"data","data":[{"type":"patch","diff":{"note:record":["patch",{}]},"serverClock":8},{"type":"patch","diff":{"note:record":["patch",{}]},"serverClock":9}]}"#;
        let heard = hear(&mut speaker, patches, &mut out).unwrap();
        assert!(heard.operations && !heard.live && heard.acknowledged.is_empty());
        speaker.opened(&mut out, &mut Heard::default());
        assert!(sent(&mut out)[0].contains(r#""lastServerClock":9,"#));
    }

    #[test]
    fn pushes_are_answered_by_their_clock() {
        let mut speaker = Tldraw::default();
        let mut out = Outbox::default();
        speaker.update(stamp(1, 2), 0, &mut out);
        assert_eq!(
            sent(&mut out),
            [
                r#"{"type":"push","clientClock":2,"diff":{"note:record":["patch",{"props":["patch",{"w1":["put","~rv.000100000002000000000000"]}]}]}}"#
            ]
        );
        let results = r#"{"type":"data","data":[{"type":"push_result","clientClock":2,"serverClock":2,"action":"commit"},{"type":"push_result","clientClock":3,"serverClock":3,"action":{"rebaseWithDiff":{}}}]}"#;
        let heard = hear(&mut speaker, results, &mut out).unwrap();
        assert_eq!(heard.acknowledged, [2, 3]);
        assert!(!heard.operations);
    }

    #[test]
    fn refusals_fail_the_run() {
        let mut speaker = Tldraw::default();
        let mut out = Outbox::default();
        for refusal in [
            r#"{"type":"incompatibility_error","reason":"invalidRecord"}"#,
            r#"{"type":"data","data":[{"type":"push_result","clientClock":2,"serverClock":2,"action":"discard"}]}"#,
        ] {
            assert!(hear(&mut speaker, refusal, &mut out).is_err(), "{refusal}");
        }
    }
}
