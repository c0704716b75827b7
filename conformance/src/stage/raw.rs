//! Steps that send frames as they are.

use serde_json::Value;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame,
    coding::{Control, Data, OpCode},
};

use revring_protocol::codec::Codec;

use super::{
    Outcome,
    actor::{Actor, PATIENCE},
};
use crate::{
    fixture::{Fragment, Opcode, Raw, RawMessage},
    net::frame,
    pattern::Bindings,
    transcode,
};

impl Actor {
    /// Sends frames as they are.
    pub(super) async fn raw(&mut self, raw: &Raw, bindings: &Bindings) -> Outcome<()> {
        self.transcript.event(&self.name, &format!("raw {raw:?}"));
        let frames = match raw {
            Raw::Text(text) => vec![frame(
                OpCode::Data(Data::Text),
                text.clone().into_bytes(),
                true,
            )],
            Raw::Hex(hex) => vec![frame(OpCode::Data(Data::Binary), bytes_of(hex)?, true)],
            Raw::Message(message) => self.unusual(message, bindings)?,
            Raw::Repeat(repeat) => {
                let bytes = bytes_of(&repeat.hex)?.repeat(repeat.times);
                vec![frame(OpCode::Data(self.data()), bytes, true)]
            }
            Raw::Frames(fragments) => fragments.iter().map(frame_of).collect::<Outcome<_>>()?,
            Raw::Close(code) => {
                return self
                    .link()?
                    .close(*code, "")
                    .await
                    .map_err(|error| error.to_string());
            }
        };
        for frame in frames {
            self.link()?
                .send_frame(frame)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The kind of frame that messages come in.
    fn data(&self) -> Data {
        match self.codec {
            Codec::Json => Data::Text,
            Codec::MessagePack => Data::Binary,
        }
    }

    fn unusual(&mut self, message: &RawMessage, bindings: &Bindings) -> Outcome<Vec<Frame>> {
        let filled = bindings.fill(&message.of)?;
        self.monitor.sent(&filled);
        let mut bytes = transcode::encode(self.codec, &filled);
        bytes.truncate(bytes.len() - message.cut.unwrap_or(0).min(bytes.len()));
        bytes.extend(bytes_of(message.append.as_deref().unwrap_or_default())?);
        let count = message.fragments.unwrap_or(1).max(1);
        let size = bytes.len().div_ceil(count).max(1);
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        let mut frames = Vec::new();
        for (i, chunk) in chunks.iter().enumerate() {
            if i > 0 && message.pings {
                frames.push(frame(OpCode::Control(Control::Ping), i.to_string(), true));
            }
            let opcode = if i == 0 { self.data() } else { Data::Continue };
            frames.push(frame(
                OpCode::Data(opcode),
                chunk.to_vec(),
                i + 1 == chunks.len(),
            ));
        }
        Ok(frames)
    }

    /// Sends a ping and receives its pong.
    pub(super) async fn ping(&mut self, payload: &str) -> Outcome<()> {
        let ping = frame(OpCode::Control(Control::Ping), payload.to_owned(), true);
        self.link()?
            .send_frame(ping)
            .await
            .map_err(|error| error.to_string())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(pong) = self.pongs.pop_front() {
                if pong == payload.as_bytes() {
                    return Ok(());
                }
            }
            if !self.pump(deadline).await? {
                return Err(format!(
                    "no pong came for the ping {}",
                    Value::from(payload)
                ));
            }
        }
    }
}

fn frame_of(fragment: &Fragment) -> Outcome<Frame> {
    let opcode = match fragment.opcode {
        Opcode::Text => OpCode::Data(Data::Text),
        Opcode::Binary => OpCode::Data(Data::Binary),
        Opcode::Continuation => OpCode::Data(Data::Continue),
        Opcode::Ping => OpCode::Control(Control::Ping),
        Opcode::Reserved => OpCode::Data(Data::Reserved(3)),
    };
    let mut frame = frame(opcode, bytes_of(&fragment.hex)?, fragment.fin);
    frame.header_mut().rsv1 = fragment.rsv1;
    Ok(frame)
}

/// The bytes that `hex` writes, two digits each; spaces are free.
fn bytes_of(hex: &str) -> Outcome<Vec<u8>> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| *digit != b' ').collect();
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair)
            .ok()
            .filter(|text| text.len() == 2);
        text.and_then(|text| u8::from_str_radix(text, 16).ok())
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.ok_or_else(|| format!("{hex:?} is not hex"))
}
