//! A client of the relay on Bun: there is nothing to say but the update itself, which comes back to its author like to all others.

use super::text::{field, value};
use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

/// A client of the relay.
#[derive(Debug)]
pub(super) struct Bun;

impl Speaker for Bun {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/".to_owned(),
            subprotocol: None,
        }
    }

    fn opened(&mut self, _: &mut Outbox, heard: &mut Heard) {
        heard.live = true;
    }

    fn hear(&mut self, _: Kind, _: &[u8], _: &mut Outbox, heard: &mut Heard) -> Result<(), String> {
        heard.operations = true;
        heard.deliveries = 1;
        Ok(())
    }

    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let (field, value) = (field(stamp), value(stamp, bytes));
        out.text(&format!(r#"{{"field":"{field}","value":"{value}"}}"#));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::testing::{sent, stamp};

    #[test]
    fn an_update_is_one_field_and_its_value() {
        let mut out = Outbox::default();
        Bun.update(stamp(1, 2), 3, &mut out);
        assert_eq!(
            sent(&mut out),
            [r#"{"field":"w1","value":"~rv.000100000002000000000000xxx"}"#]
        );
    }
}
