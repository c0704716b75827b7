//! What is written is read as it was, and what was touched is not read.

use std::sync::Arc;

use revring_protocol::{
    change::{Edit, Effect, Operation},
    ids::{ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName},
    limits::Limits,
    room::{Image, Room},
    value::{Object, Value},
};

use super::{Exported, ReadError, Sum, read, write};

/// More revisions than a client has ids remembered.
const MANY: u64 = 299;

fn key(id: &str) -> RecordKey {
    RecordKey {
        collection: Collection::new("notes \u{1f600}").unwrap(),
        id: RecordId::new(id).unwrap(),
    }
}

fn operation(rev: u64, client: u8, key: RecordKey, version: u64, edit: Edit) -> Arc<Operation> {
    Arc::new(Operation {
        rev: Rev::new(rev),
        client_id: ClientKey::from_random([client; 32]).client_id(),
        client_req_id: ClientReqId::new(&format!("u{rev}")).unwrap(),
        at: 1_000 + rev,
        changes: vec![Effect { key, version, edit }],
    })
}

fn put(text: &str) -> Edit {
    let text = ("text".to_owned(), Value::from(text));
    Edit::Put {
        data: Object::from([text]),
    }
}

/// Two records and a tombstone of two clients, the second of which wrote all from revision 4 on.
fn image(revs: u64) -> Image {
    let mut room = Room::new(Epoch::from_random([1; 12]), Limits::DEFAULT);
    let mut operations = vec![
        operation(1, 1, key("a"), 1, put("bell\u{7} c1\u{9b}")),
        operation(2, 1, key("b"), 1, put("b")),
        operation(3, 1, key("b"), 2, Edit::Delete),
    ];
    for rev in 4..=revs {
        operations.push(operation(rev, 2, key("c"), rev - 3, put("c")));
    }
    room.absorb(&operations).unwrap();
    room.image()
}

fn written(revs: u64) -> String {
    let mut out = Vec::new();
    write(&mut out, &RoomName::new("board").unwrap(), &image(revs)).unwrap();
    String::from_utf8(out).unwrap()
}

fn read_text(text: &str) -> Result<Exported, ReadError> {
    read(&mut text.as_bytes())
}

fn refusal(text: &str) -> String {
    read_text(text).unwrap_err().to_string()
}

/// `text` with `from` replaced, and an end that says so.
fn forged(from: &str, to: &str) -> String {
    let text = written(MANY);
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    let changed = text.replacen(from, to, 1);
    let (lines, _) = changed.trim_end().rsplit_once('\n').unwrap();
    let lines = format!("{lines}\n");
    let mut sum = Sum::default();
    sum.add(lines.as_bytes());
    let (count, sum) = (lines.lines().count(), sum.text());
    format!("{lines}{{\"end\":{{\"lines\":{count},\"sum\":\"{sum}\"}}}}\n")
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let text = written(MANY);
    let header = text.lines().next().unwrap();
    assert!(
        header.starts_with(r#"{"format":"revring-room","version":1,"room":"board","#),
        "{header}"
    );
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    let exported = read_text(&text).unwrap();
    assert_eq!(exported.room.as_str(), "board");
    assert_eq!(exported.image, image(MANY));
    exported.image.document.check();
}

#[test]
fn a_file_that_was_cut_anywhere_is_noticed() {
    let text = written(6);
    let ends = text.char_indices().map(|(end, _)| end);
    for end in ends {
        let error = read_text(&text[..end]).unwrap_err();
        let noticed = matches!(error, ReadError::Cut(_)) || end == 0;
        assert!(noticed, "cut at {end}: {error}");
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let text = written(6).into_bytes();
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        read(&mut &*changed).expect_err("a changed byte");
    }
}

/// That each change of a file is refused, in words that contain the third text.
fn assert_refused(changes: &[(&str, &str, &str)]) {
    for (from, to, expected) in changes {
        let refusal = refusal(&forged(from, to));
        assert!(refusal.contains(expected), "{from} -> {to}: {refusal}");
    }
}

#[test]
fn a_wrong_header_is_refused() {
    let version = r#""version":1,"room""#;
    assert_refused(&[
        (version, r#""version":2,"room""#, "version 2 of the format"),
        (
            version,
            r#""version":0,"room""#,
            "line 1: there is no version 0",
        ),
        (
            r#""room":"board""#,
            r#""room":"a b""#,
            "line 1: room must be of",
        ),
        (
            r#""rev":299,"at""#,
            r#""rev":0,"at""#,
            "line 1: rev must be 1 or more",
        ),
        (
            "revring-room",
            "x",
            "not a room that `revring export` wrote",
        ),
        (
            r#""records":2"#,
            r#""records":1"#,
            "line 3: tombstone is missing",
        ),
        (
            r#""records":2"#,
            r#""records":3"#,
            "line 4: record is missing",
        ),
        (r#""clients":2"#, r#""clients":1"#, "line 6: end is missing"),
    ]);
    let trailing = written(MANY) + "{}\n";
    assert!(refusal(&trailing).ends_with("line 8: nothing may follow the end"));
}

#[test]
fn records_and_tombstones_that_no_server_could_have_made_are_refused() {
    let record = r#""id":"c","version":296"#;
    assert_refused(&[
        (record, r#""id":"a","version":296"#, "is there twice"),
        (record, r#""id":"A","version":296"#, "must stand before"),
        (
            record,
            r#""id":"c","version":0"#,
            "version must be 1 or more",
        ),
        (record, r#""id":"c","version":9"#, "the checksum"),
        (
            r#""createdAt":1004"#,
            r#""createdAt":1999"#,
            "createdAt must be at most 1299",
        ),
        (
            r#""id":"b","version":2"#,
            r#""id":"a","version":2"#,
            "is a record",
        ),
        (
            r#""rev":3,"place""#,
            r#""rev":300,"place""#,
            "line 4: rev must be at most 299",
        ),
    ]);
}

#[test]
fn clients_that_no_server_could_have_had_are_refused() {
    let client = ClientKey::from_random([1; 32]).client_id();
    let client = format!(r#""clientId":"{client}""#);
    let id = r#""clientReqId":"u2""#;
    assert_refused(&[
        (r#"{"rev":2,"#, r#"{"rev":1,"#, "rev 1 must come after 1"),
        (r#"{"rev":2,"#, r#"{"rev":99,"#, "rev 3 must come after 99"),
        (r#"{"rev":3,"#, r#"{"rev":299,"#, "rev 299 is there twice"),
        (id, r#""clientReqId":"u1""#, "clientReqId u1 is there twice"),
        (
            &client,
            r#""clientId":"x""#,
            "clientId must be 16 to 16 bytes long",
        ),
    ]);
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let endless = vec![b'{'; super::LINE_BYTES + 10];
    let refusal = read(&mut &*endless).unwrap_err().to_string();
    assert!(refusal.contains("line 1: is longer than"), "{refusal}");
}
