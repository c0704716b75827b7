//! A client of the bare loop.

use crate::{
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::{self, Stamp},
};

/// Sends frames of a stamp and padding, and takes each binary frame that comes for operations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bare;

impl Speaker for Bare {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/".to_owned(),
            subprotocol: None,
        }
    }

    /// Says something and is answered, as whoever joins a room: the kernel acknowledges what comes to a connection later, and at the
    /// sender's cost, once both sides have spoken.
    fn opened(&mut self, out: &mut Outbox, _: &mut Heard) {
        out.text("");
    }

    fn hear(
        &mut self,
        kind: Kind,
        _: &[u8],
        _: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        match kind {
            Kind::Text => heard.live = true,
            Kind::Binary => heard.operations = true,
        }
        Ok(())
    }

    /// The whole payload is `bytes` long, the stamp included, but never shorter than that.
    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox) {
        let mut payload = stamp.text().to_vec();
        payload.resize(bytes.max(stamp::LENGTH), b'x');
        out.binary(&payload);
    }
}
