//! A client of Socket.IO: packets of protocol 5 in messages of Engine.IO 4, as text over a WebSocket.
//!
//! An update asks for an acknowledgement under its sequence as the packet's id. A client that comes back asks for what it missed, by
//! the session and the offset of the last packet it had.

use memchr::memmem;

use super::text::{field, number, shown, value};
use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

/// A client in the room.
#[derive(Debug, Default)]
pub(super) struct SocketIo {
    /// The session to recover.
    session: Option<String>,
    /// The offset of the last packet.
    offset: Vec<u8>,
}

impl Speaker for SocketIo {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/socket.io/?EIO=4&transport=websocket".to_owned(),
            subprotocol: None,
        }
    }

    fn opened(&mut self, _: &mut Outbox, _: &mut Heard) {
        // The server speaks first.
    }

    fn hear(
        &mut self,
        _: Kind,
        payload: &[u8],
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        match payload {
            [b'4', b'2', ..] => self.event(payload, heard),
            [b'4', b'3', rest @ ..] => acknowledged(rest, heard),
            [b'2', ..] => {
                out.text("3");
                Ok(())
            }
            [b'0', ..] => {
                self.connect(out);
                Ok(())
            }
            [b'4', b'0', rest @ ..] => {
                self.connected(rest, heard);
                Ok(())
            }
            _ => Err(format!("Socket.IO says {}", shown(payload))),
        }
    }

    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let (field, value) = (field(stamp), value(stamp, bytes));
        let sequence = stamp.sequence;
        out.text(&format!(r#"42{sequence}["op",{{"{field}":"{value}"}}]"#));
    }
}

impl SocketIo {
    fn connect(&self, out: &mut Outbox) {
        match &self.session {
            Some(session) if !self.offset.is_empty() => {
                let offset = String::from_utf8_lossy(&self.offset);
                out.text(&format!(r#"40{{"pid":"{session}","offset":"{offset}"}}"#));
            }
            _ => out.text("40"),
        }
    }

    fn connected(&mut self, packet: &[u8], heard: &mut Heard) {
        let session = after(packet, br#""pid":""#).map(shown);
        // A session that was recovered is told by its name; then there is no first state, only the packets that were missed.
        heard.resumed = session.is_some() && session == self.session;
        heard.live = heard.resumed;
        self.session = session;
    }

    fn event(&mut self, packet: &[u8], heard: &mut Heard) -> Result<(), String> {
        if packet.starts_with(br#"42["op","#) {
            heard.operations = true;
            heard.deliveries = 1;
        } else if packet.starts_with(br#"42["state","#) {
            heard.live = true;
            heard.snapshot = true;
        } else {
            return Err(format!("Socket.IO says {}", shown(packet)));
        }
        // `…,"offset"]`
        if let [before @ .., b'"', b']'] = packet
            && let Some(quote) = memchr::memrchr(b'"', before)
        {
            self.offset.clear();
            self.offset.extend_from_slice(&before[quote + 1..]);
        }
        Ok(())
    }
}

/// The string that begins after `name`.
fn after<'packet>(packet: &'packet [u8], name: &[u8]) -> Option<&'packet [u8]> {
    let rest = &packet[memmem::find(packet, name)? + name.len()..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

/// `43` is gone; what is left is `7[1]`.
fn acknowledged(packet: &[u8], heard: &mut Heard) -> Result<(), String> {
    let sequence = number(packet).and_then(|id| u32::try_from(id).ok());
    let sequence = sequence.ok_or_else(|| {
        format!(
            "Socket.IO acknowledges nothing that is known: {}",
            shown(packet)
        )
    })?;
    heard.acknowledged.push(sequence);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::testing::{hear, sent, stamp};

    fn joined() -> (SocketIo, Outbox) {
        let mut speaker = SocketIo::default();
        let mut out = Outbox::default();
        hear(
            &mut speaker,
            r#"0{"sid":"a","pingInterval":25000}"#,
            &mut out,
        )
        .unwrap();
        assert_eq!(sent(&mut out), ["40"]);
        let heard = hear(&mut speaker, r#"40{"sid":"b","pid":"secret"}"#, &mut out).unwrap();
        assert!(!heard.live);
        let heard = hear(&mut speaker, r#"42["state",0,{},"first"]"#, &mut out).unwrap();
        assert!(heard.live && heard.snapshot && !heard.operations);
        (speaker, out)
    }

    #[test]
    fn pings_are_answered() {
        let (mut speaker, mut out) = joined();
        hear(&mut speaker, "2", &mut out).unwrap();
        assert_eq!(sent(&mut out), ["3"]);
    }

    #[test]
    fn an_update_is_acknowledged_by_its_sequence() {
        let (mut speaker, mut out) = joined();
        speaker.update(stamp(0, 12), 1, &mut out);
        assert_eq!(
            sent(&mut out),
            [r#"4212["op",{"w0":"~rv.00000000000c000000000000x"}]"#]
        );
        let heard = hear(&mut speaker, "4312[1]", &mut out).unwrap();
        assert_eq!(heard.acknowledged, [12]);
        assert!(hear(&mut speaker, "43[1]", &mut out).is_err());
    }

    #[test]
    fn a_client_that_comes_back_asks_for_what_it_missed() {
        let (mut speaker, mut out) = joined();
        let operation = r#"42["op",1,{"w0":"~rv.x"},"second"]"#;
        assert!(hear(&mut speaker, operation, &mut out).unwrap().operations);

        hear(&mut speaker, r#"0{"sid":"c"}"#, &mut out).unwrap();
        assert_eq!(sent(&mut out), [r#"40{"pid":"secret","offset":"second"}"#]);
        let again = r#"40{"sid":"b","pid":"secret"}"#;
        let heard = hear(&mut speaker, again, &mut out).unwrap();
        assert!(heard.live && heard.resumed && !heard.snapshot);
    }

    #[test]
    fn a_session_that_is_not_recovered_waits_for_its_state() {
        let (mut speaker, mut out) = joined();
        let other = r#"40{"sid":"d","pid":"other"}"#;
        assert!(!hear(&mut speaker, other, &mut out).unwrap().live);
    }

    #[test]
    fn refusals_fail_the_run() {
        let (mut speaker, mut out) = joined();
        for refusal in [r#"44{"message":"no"}"#, "41", "1", r#"42["else"]"#] {
            assert!(hear(&mut speaker, refusal, &mut out).is_err(), "{refusal}");
        }
    }
}
