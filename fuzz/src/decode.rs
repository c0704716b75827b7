//! Any bytes, read as a value and as a message.

use revring_protocol::{
    codec::Codec,
    limits::MESSAGE_DEPTH,
    value::{Value, canonical},
};

/// Any bytes, read in both codecs as what a client or a server might have sent. What can be read is written the same in
/// both codecs, whatever it was written like.
pub fn decode(data: &[u8]) {
    for codec in Codec::ALL {
        if let Ok(value) = codec.decode_value(data) {
            check_value(&value);
        }
        if let Ok(message) = codec.decode_client(data) {
            for codec in Codec::ALL {
                let again = codec.decode_client(&codec.encode(&message));
                assert_eq!(again.as_ref(), Ok(&message), "{codec:?}");
            }
        }
        if let Ok(message) = codec.decode_server(data) {
            for codec in Codec::ALL {
                let again = codec.decode_server(&codec.encode(&message));
                assert_eq!(again.as_ref(), Ok(&message), "{codec:?}");
            }
        }
    }
}

/// Rules V-1, V-5 and V-6.
fn check_value(value: &Value) {
    assert!(value.depth() <= MESSAGE_DEPTH);
    let text = canonical(value);
    assert!(
        text.len() <= value.size(),
        "the canonical form is within the size"
    );
    assert_eq!(
        Codec::Json.decode_value(text.as_bytes()).as_ref(),
        Ok(value)
    );
    for codec in Codec::ALL {
        let bytes = codec.encode(value);
        assert!(bytes.len() <= value.size(), "{codec:?}");
        assert_eq!(codec.decode_value(&bytes).as_ref(), Ok(value), "{codec:?}");
    }
}
