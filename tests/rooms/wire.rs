//! Messages that are not what they should be, and frames that are unusual.

use std::time::Duration;

use futures_util::SinkExt as _;
use revring_protocol::{codec::Codec, error::Code, message::ClientMessage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::support::{Client, End, Server, put, settings, update};

async fn still_works(client: &mut Client) {
    let before = client.settle().await.0;
    client
        .update(&format!("after{before}"), vec![put("a", "text")])
        .await;
    client.reach(before + 1).await;
}

#[tokio::test]
async fn w4_what_cannot_be_parsed_or_lacks_a_field_is_an_error_and_the_connection_goes_on() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    let cases = [
        ("{", Code::Malformed),
        (r#"{"type":"HEARTBEAT"} 1"#, Code::Malformed),
        (r#"{"type":"HEARTBEAT","n":1e999}"#, Code::Malformed),
        (r#"{"type":"PRESENCE"}"#, Code::Invalid),
        (r#"{"type":"UPDATE"}"#, Code::Invalid),
        ("[]", Code::Invalid),
        (r#"{"type":"WAVE"}"#, Code::UnknownType),
    ];
    for (payload, code) in cases {
        client.send_payload(payload).await;
        assert_eq!(client.error().await, code, "{payload}");
    }
    client
        .send_payload(r#"{"type":"UPDATE","clientReqId":"u1","changes":7}"#)
        .await;
    assert_eq!(client.reject().await.code, Code::Invalid);
    still_works(&mut client).await;

    let mut client = server.join(Codec::MessagePack, "room").await;
    for payload in [&[0xc1][..], &[0xc0, 0xc0], &[]] {
        client.send_payload(payload).await;
        assert_eq!(client.error().await, Code::Malformed, "{payload:?}");
    }
    still_works(&mut client).await;
}

#[tokio::test]
async fn w5_a_frame_of_the_wrong_kind_is_ignored_with_an_error() {
    let server = Server::start(settings()).await;
    for (codec, frame) in [
        (Codec::Json, Message::binary(&b"{\"type\":\"LEAVE\"}"[..])),
        (Codec::MessagePack, Message::text("{\"type\":\"LEAVE\"}")),
    ] {
        let mut client = server.join(codec, "room").await;
        client.send_frame(frame).await;
        assert_eq!(client.error().await, Code::WrongFrame);
        still_works(&mut client).await;
    }
}

#[tokio::test]
async fn w6_too_large_a_message_ends_the_connection_after_its_error() {
    let mut settings = settings();
    settings.limits.message_bytes = 10_000;
    let server = Server::start(settings).await;
    for codec in Codec::ALL {
        let mut client = server.join(codec, "room").await;
        let update = ClientMessage::Update(update("u1", vec![put("a", &"x".repeat(2_000_000))]));
        // Far more than the socket takes: without lingering the ERROR would be lost in a reset.
        let frame = client.frame(codec.encode(&update));
        // The server may close before all of it is out.
        let _ = client.socket.send(frame).await;
        assert_eq!(client.error().await, Code::TooLarge);
        assert_eq!(client.end().await, End::Closed(4009));
        drop(client);
    }
    // Fragments count together.
    let mut client = server.join(Codec::Json, "room").await;
    for n in 0..3 {
        let opcode = if n == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![b' '; 4_000], OpCode::Data(opcode), false);
        client.socket.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(client.error().await, Code::TooLarge);
    assert_eq!(client.end().await, End::Closed(4009));
    drop(client);
    server.until_empty().await;
}

#[tokio::test]
async fn w6_text_that_is_not_utf8_and_broken_frames_end_the_connection_after_their_error() {
    let server = Server::start(settings()).await;
    let broken: [&[u8]; 4] = [
        // Text that is not UTF-8.
        &[0x81, 0x81, 0, 0, 0, 0, 0xff],
        // Not masked.
        &[0x81, 0x01, b'{'],
        // A reserved opcode.
        &[0x83, 0x80, 0, 0, 0, 0],
        // A continuation of nothing.
        &[0x80, 0x80, 0, 0, 0, 0],
    ];
    for bytes in broken {
        let client = server.join(Codec::Json, "room").await;
        let mut socket = client.socket.into_inner();
        socket.write_all(bytes).await.unwrap();
        let mut told = Vec::new();
        socket.read_to_end(&mut told).await.unwrap();
        assert!(
            String::from_utf8_lossy(&told).contains(Code::Malformed.as_str()),
            "{bytes:?}"
        );
        assert_eq!(told[told.len() - 4..], [0x88, 2, 0x0f, 0xa0], "{bytes:?}");
    }
    server.until_empty().await;
}

#[tokio::test]
async fn w7_fragments_with_pings_in_between_make_one_message() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    let payload = Codec::Json.encode(&ClientMessage::Update(update("u1", vec![put("a", "äöü")])));
    let last = payload.len() - 1;
    for (n, byte) in payload.iter().enumerate() {
        let opcode = if n == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![*byte], OpCode::Data(opcode), n == last);
        client.socket.send(Message::Frame(frame)).await.unwrap();
        if n % 10 == 0 {
            client
                .socket
                .send(Message::Ping(vec![7].into()))
                .await
                .unwrap();
        }
    }
    let mut pongs = 0;
    while pongs < last / 10 {
        if let Message::Pong(payload) = client.next_frame().await.unwrap() {
            assert_eq!(payload[..], [7]);
            pongs += 1;
        }
    }
    assert_eq!(client.settle().await.0, 1);
}

#[tokio::test]
async fn w7_a_frame_that_comes_byte_by_byte_is_a_frame() {
    let server = Server::start(settings()).await;
    let client = server.connect(Codec::Json).await;
    let mut socket = client.socket.into_inner();
    let message = br#"{"type":"HEARTBEAT"}"#;
    let mut frame = vec![
        0x81,
        0x80 | u8::try_from(message.len()).unwrap(),
        0,
        0,
        0,
        0,
    ];
    frame.extend_from_slice(message);
    for byte in frame {
        socket.write_all(&[byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut told = [0; 200];
    let read = socket.read(&mut told).await.unwrap();
    assert!(String::from_utf8_lossy(&told[..read]).contains(Code::Unauthenticated.as_str()));
}
