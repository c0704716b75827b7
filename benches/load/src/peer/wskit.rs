//! A client of ws-kit: messages with a type and a payload.

use super::text::{field, shown, value};
use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

/// A client of the router.
#[derive(Debug, Default)]
pub(super) struct WsKit {
    live: bool,
}

impl Speaker for WsKit {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/".to_owned(),
            subprotocol: None,
        }
    }

    fn opened(&mut self, out: &mut Outbox, _: &mut Heard) {
        self.live = false;
        out.text(r#"{"type":"JOIN","meta":{}}"#);
    }

    fn hear(
        &mut self,
        _: Kind,
        payload: &[u8],
        _: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        if payload.starts_with(br#"{"payload":{"revision":"#) {
            // What is published before the state came is in the state.
            heard.operations = self.live;
            heard.deliveries = u64::from(self.live);
        } else if payload.starts_with(br#"{"type":"STATE""#) {
            self.live = true;
            heard.live = true;
            heard.snapshot = true;
        } else {
            return Err(format!("ws-kit says {}", shown(payload)));
        }
        Ok(())
    }

    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let (field, value) = (field(stamp), value(stamp, bytes));
        out.text(&format!(
            r#"{{"type":"UPDATE","meta":{{}},"payload":{{"field":"{field}","value":"{value}"}}}}"#
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::testing::{hear, sent, stamp};

    #[test]
    fn the_state_makes_it_live_and_what_is_published_is_operations() {
        let mut speaker = WsKit::default();
        let mut out = Outbox::default();
        speaker.opened(&mut out, &mut Heard::default());
        assert_eq!(sent(&mut out), [r#"{"type":"JOIN","meta":{}}"#]);

        let updated = r#"{"payload":{"revision":1,"field":"w0","value":"x"},"type":"UPDATED"}"#;
        assert!(!hear(&mut speaker, updated, &mut out).unwrap().operations);
        let state = r#"{"type":"STATE","meta":{},"payload":{"revision":1,"record":{"w0":"x"}}}"#;
        let heard = hear(&mut speaker, state, &mut out).unwrap();
        assert!(heard.live && heard.snapshot && !heard.operations);
        assert!(hear(&mut speaker, updated, &mut out).unwrap().operations);
        assert!(hear(&mut speaker, r#"{"type":"ERROR"}"#, &mut out).is_err());
    }

    #[test]
    fn an_update_is_a_message_with_a_payload() {
        let mut out = Outbox::default();
        WsKit::default().update(stamp(1, 2), 0, &mut out);
        assert_eq!(
            sent(&mut out),
            [
                r#"{"type":"UPDATE","meta":{},"payload":{"field":"w1","value":"~rv.000100000002000000000000"}}"#
            ]
        );
    }
}
