//! Names and paths (section N).

use revring_protocol::{
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RoomName},
    value::Path,
};

use super::Line;

/// A kind of name, how it is read, and texts that are and are not of it. `*n` after a text repeats it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) read: fn(&str) -> Result<(), String>,
    pub(crate) valid: &'static [&'static str],
    pub(crate) invalid: &'static [&'static str],
}

macro_rules! kind {
    ($name:literal, $type:ty, $valid:expr, $invalid:expr) => {
        Kind {
            name: $name,
            read: |text| {
                <$type>::new(text)
                    .map(drop)
                    .map_err(|error| error.to_string())
            },
            valid: $valid,
            invalid: $invalid,
        }
    };
}

pub(crate) const KINDS: &[Kind] = &[
    kind!(
        "room",
        RoomName,
        &["a", "Aa0-_.:~@/", "/", "a*128"],
        &["", "a*129", "a b", "a\n", "é", "a#b", "a%2f", "a?"]
    ),
    kind!(
        "collection",
        Collection,
        &["a", " ", "größe", "😀*16", "a*64", "\u{2028}", "a/b\"\\"],
        &[
            "", "a*65", "é*33", "😀*17", "\u{0}", "a\tb", "\u{7f}", "\u{80}", "\u{9f}"
        ]
    ),
    kind!(
        "id",
        RecordId,
        &["a", "1", "é*64", "a*128", "a b/c~"],
        &["", "a*129", "é*65", "a\rb", "\u{85}"]
    ),
    kind!(
        "clientReqId",
        ClientReqId,
        &["a", "!", "~", "a*64", "\"\\"],
        &["", "a*65", "a b", " ", "é", "\u{7f}"]
    ),
    kind!(
        "epoch",
        Epoch,
        &["e", "!\"~", "e*64"],
        &["", "e*65", "e f", "ë"]
    ),
    kind!(
        "clientKey",
        ClientKey,
        &["0123456789abcdef", "~*16", "a*128"],
        &["", "a*15", "a*129", "0123456789 abcdef", "é*16"]
    ),
    kind!(
        "clientId",
        ClientId,
        &["a*16", "AZaz09-_AZaz09-_"],
        &["", "a*15", "a*17", "AZaz09+/AZaz09-_", "é*8"]
    ),
];

/// The tokens of paths (rule N-3).
pub(crate) const PATHS: &[(&str, &[&str])] = &[
    ("/title", &["title"]),
    ("/a/b/c", &["a", "b", "c"]),
    ("/", &[""]),
    ("//", &["", ""]),
    ("/a~1b/~0/~01/~10", &["a/b", "~", "~1", "/0"]),
    ("/größe/😀/ \"\\", &["größe", "😀", " \"\\"]),
    ("/0/-", &["0", "-"]),
    ("/#/%20", &["#", "%20"]),
];

pub(crate) const NO_PATHS: &[&str] = &[
    "", "a", "a/b", "#/a", "/~", "/a~", "/~2", "/a~b/c", "/a*1024",
];

/// Keys and the ids made of them (rule N-2).
pub(crate) const IDENTITIES: &[(&str, &str)] = &[
    ("0123456789abcdef", "n59REfeyengfHx3d"),
    ("abcdefghijklmnop", "852sbLq6U14sIHzQ"),
    ("correct-horse-battery-staple", "h8vr_uvAX3xUrJM2"),
];

/// The text that `pattern` stands for.
pub(crate) fn expand(pattern: &str) -> String {
    match pattern.rsplit_once('*') {
        Some((start, count)) => {
            // The last character of the text is what repeats.
            let mut text = start.to_owned();
            let last = text.pop().unwrap();
            text.extend(std::iter::repeat_n(last, count.parse().unwrap()));
            text
        }
        None => pattern.to_owned(),
    }
}

pub(crate) fn check(kind: &Kind) {
    for text in kind.valid.iter().map(|text| expand(text)) {
        assert_eq!((kind.read)(&text), Ok(()), "{} {text:?}", kind.name);
    }
    for text in kind.invalid.iter().map(|text| expand(text)) {
        let error = (kind.read)(&text).expect_err(&text);
        assert!(
            error.starts_with(kind.name),
            "{error} names the {}",
            kind.name
        );
    }
}

pub(crate) fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for kind in KINDS {
        check(kind);
        let (valid, invalid): (Vec<_>, Vec<_>) = (
            kind.valid.iter().map(|text| expand(text)).collect(),
            kind.invalid.iter().map(|text| expand(text)).collect(),
        );
        let line = Line::new()
            .text("name", kind.name)
            .texts("valid", valid.iter().map(String::as_str));
        lines.push(line.texts("invalid", invalid.iter().map(String::as_str)));
    }
    for (path, tokens) in PATHS {
        lines.push(
            Line::new()
                .text("name", "path")
                .text("path", path)
                .texts("tokens", tokens.iter().copied()),
        );
    }
    let invalid: Vec<_> = NO_PATHS.iter().map(|text| expand(text)).collect();
    let longest = expand("/a*1023");
    let valid = PATHS
        .iter()
        .map(|(path, _)| *path)
        .chain([longest.as_str()]);
    assert!(valid.clone().all(|text| Path::parse(text).is_ok()));
    let line = Line::new().text("name", "path").texts("valid", valid);
    lines.push(line.texts("invalid", invalid.iter().map(String::as_str)));
    assert!(invalid.iter().all(|text| Path::parse(text).is_err()));
    for (key, id) in IDENTITIES {
        assert_eq!(
            ClientKey::new(key).unwrap().client_id().as_str(),
            *id,
            "{key}"
        );
        lines.push(
            Line::new()
                .text("name", "identity")
                .text("clientKey", key)
                .text("clientId", id),
        );
    }
    lines
}
