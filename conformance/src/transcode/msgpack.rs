//! MessagePack, as far as JSON has it.

use serde_json::{Map, Number, Value};

/// Nesting levels that are read; far above what a server may send.
const DEPTH: usize = 128;

pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(false) => out.push(0xc2),
        Value::Bool(true) => out.push(0xc3),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            write_length(out, items.len(), (0x90, 16), None, (0xdc, 0xdd));
            items.iter().for_each(|item| write(out, item));
        }
        Value::Object(fields) => {
            write_length(out, fields.len(), (0x80, 16), None, (0xde, 0xdf));
            for (name, field) in fields {
                write_text(out, name);
                write(out, field);
            }
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_length(out, text.len(), (0xa0, 32), Some(0xd9), (0xda, 0xdb));
    out.extend_from_slice(text.as_bytes());
}

/// Writes a header in its shortest form: in one byte when `length` is below `short.1`, then with 8, 16 or 32 bits.
fn write_length(
    out: &mut Vec<u8>,
    length: usize,
    short: (u8, usize),
    bits8: Option<u8>,
    wide: (u8, u8),
) {
    match (u8::try_from(length), bits8) {
        (Ok(n), _) if length < short.1 => out.push(short.0 | n),
        (Ok(n), Some(marker)) => out.extend([marker, n]),
        _ => {
            if let Ok(n) = u16::try_from(length) {
                out.push(wide.0);
                out.extend(n.to_be_bytes());
            } else {
                out.push(wide.1);
                out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(n) = number.as_u64() {
        write_unsigned(out, n);
    } else if let Some(n) = number.as_i64() {
        write_negative(out, n);
    } else if let Some(x) = number.as_f64() {
        out.push(0xcb);
        out.extend(x.to_be_bytes());
    }
}

fn write_unsigned(out: &mut Vec<u8>, n: u64) {
    if let Ok(n) = u8::try_from(n) {
        if n >= 0x80 {
            out.push(0xcc);
        }
        out.push(n);
    } else if let Ok(n) = u16::try_from(n) {
        out.push(0xcd);
        out.extend(n.to_be_bytes());
    } else if let Ok(n) = u32::try_from(n) {
        out.push(0xce);
        out.extend(n.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend(n.to_be_bytes());
    }
}

fn write_negative(out: &mut Vec<u8>, n: i64) {
    if let Ok(n) = i8::try_from(n) {
        if n < -32 {
            out.push(0xd0);
        }
        out.extend(n.to_be_bytes());
    } else if let Ok(n) = i16::try_from(n) {
        out.push(0xd1);
        out.extend(n.to_be_bytes());
    } else if let Ok(n) = i32::try_from(n) {
        out.push(0xd2);
        out.extend(n.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend(n.to_be_bytes());
    }
}

/// The one value in `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(DEPTH)?;
    match reader.rest.len() {
        0 => Ok(value),
        n => Err(format!("{n} bytes after the end of the message")),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(*taken)
    }

    fn length8(&mut self) -> Result<usize, String> {
        Ok(usize::from(u8::from_be_bytes(self.bytes()?)))
    }

    fn length16(&mut self) -> Result<usize, String> {
        Ok(usize::from(u16::from_be_bytes(self.bytes()?)))
    }

    fn length32(&mut self) -> Result<usize, String> {
        usize::try_from(u32::from_be_bytes(self.bytes()?)).map_err(|error| error.to_string())
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        let [marker] = self.bytes()?;
        match marker {
            0x00..=0x7f => Ok(Value::from(marker)),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f), depth),
            0x90..=0x9f => self.array(usize::from(marker & 0x0f), depth),
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f)).map(Value::String),
            0xc0 => Ok(Value::Null),
            0xc2 => Ok(Value::Bool(false)),
            0xc3 => Ok(Value::Bool(true)),
            0xca | 0xcb => self.float(marker == 0xca),
            0xcc => Ok(Value::from(u8::from_be_bytes(self.bytes()?))),
            0xcd => Ok(Value::from(u16::from_be_bytes(self.bytes()?))),
            0xce => Ok(Value::from(u32::from_be_bytes(self.bytes()?))),
            0xcf => Ok(Value::from(u64::from_be_bytes(self.bytes()?))),
            0xd0 => Ok(Value::from(i8::from_be_bytes(self.bytes()?))),
            0xd1 => Ok(Value::from(i16::from_be_bytes(self.bytes()?))),
            0xd2 => Ok(Value::from(i32::from_be_bytes(self.bytes()?))),
            0xd3 => Ok(Value::from(i64::from_be_bytes(self.bytes()?))),
            0xd9 => self.length8().and_then(|n| self.text(n)).map(Value::String),
            0xda => self
                .length16()
                .and_then(|n| self.text(n))
                .map(Value::String),
            0xdb => self
                .length32()
                .and_then(|n| self.text(n))
                .map(Value::String),
            0xdc => self.length16().and_then(|n| self.array(n, depth)),
            0xdd => self.length32().and_then(|n| self.array(n, depth)),
            0xde => self.length16().and_then(|n| self.map(n, depth)),
            0xdf => self.length32().and_then(|n| self.map(n, depth)),
            0xe0..=0xff => Ok(Value::from(i8::from_be_bytes([marker]))),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => Err(format!(
                "type {marker:#04x} has no place in the protocol (V-4)"
            )),
        }
    }

    fn float(&mut self, single: bool) -> Result<Value, String> {
        let x = if single {
            f64::from(f32::from_be_bytes(self.bytes()?))
        } else {
            f64::from_be_bytes(self.bytes()?)
        };
        Number::from_f64(x)
            .map(Value::Number)
            .ok_or_else(|| format!("the number {x} (V-1)"))
    }

    fn text(&mut self, n: usize) -> Result<String, String> {
        String::from_utf8(self.take(n)?.to_vec()).map_err(|error| error.to_string())
    }

    fn array(&mut self, n: usize, depth: usize) -> Result<Value, String> {
        let depth = depth.checked_sub(1).ok_or("it nests too deep")?;
        (0..n)
            .map(|_| self.value(depth))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array)
    }

    fn map(&mut self, n: usize, depth: usize) -> Result<Value, String> {
        let depth = depth.checked_sub(1).ok_or("it nests too deep")?;
        let mut fields = Map::new();
        for _ in 0..n {
            let Value::String(name) = self.value(depth)? else {
                return Err("a key is not a string (V-4)".into());
            };
            let field = self.value(depth)?;
            if fields.insert(name.clone(), field).is_some() {
                return Err(format!("the key {name:?} twice (V-3)"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn w3_every_width_comes_back() {
        let integers = [
            0_i64,
            1,
            127,
            128,
            255,
            256,
            65_535,
            65_536,
            1 << 32,
            (1 << 53) - 1,
        ];
        for n in integers.into_iter().flat_map(|n| [n, -n, -n - 1]) {
            assert_eq!(decode(&encode(&json!(n))), Ok(json!(n)));
        }
        for n in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
            let text = json!("x".repeat(n));
            assert_eq!(decode(&encode(&text)), Ok(text));
            let items: Value = vec![json!(true); n].into();
            assert_eq!(decode(&encode(&items)), Ok(items));
        }
        let fields: Map<_, _> = (0..70_000).map(|n| (n.to_string(), json!(1.5))).collect();
        let map = Value::Object(fields);
        assert_eq!(decode(&encode(&map)), Ok(map));
    }

    #[test]
    fn w4_what_a_server_must_not_send_is_refused() {
        let nested = [[0x91_u8; 200].as_slice(), &[0xc0]].concat();
        let bad: [&[u8]; 8] = [
            b"",
            b"\xc0\xc0",
            b"\xc4\x01x",
            b"\x81\x01\x01",
            b"\x82\xa1a\x01\xa1a\x02",
            b"\xcb\x7f\xf8\0\0\0\0\0\0",
            b"\xa2\xff\xff",
            &nested,
        ];
        for bytes in bad {
            assert!(decode(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
