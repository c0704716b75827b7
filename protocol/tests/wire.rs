//! The wire is a contract (rule W-9): what is committed is what the code says, and it changes with the version only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contract;
mod support {
    pub(crate) mod schema;
}

use std::path::{Path, PathBuf};

use revring_protocol::{PROTOCOL_VERSION, codec::Codec, error::Code, schema};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use contract::{files::files, hex, invalid, lenient, messages};
use support::schema::problem;

fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the committed files are what is tested"
)]
fn committed(path: &str) -> String {
    std::fs::read_to_string(package(path)).unwrap_or_default()
}

#[test]
fn w9_the_committed_files_are_those_of_the_code() {
    for (path, text) in files() {
        let same = committed(path) == text;
        assert!(
            same,
            "protocol/{path} is not what the code says; run `just generate` and look at the difference"
        );
    }
}

/// `tests/contract.pin` holds the protocol's version and a hash of the wire at that version. Nothing writes it but people.
#[test]
fn w9_wire_contract_changes_with_the_version_only() {
    let now = format!("version {PROTOCOL_VERSION}\nhash {}\n", contract_hash());
    let same = committed("tests/contract.pin") == now;
    assert!(
        same,
        "\nThe wire is not the one that protocol/tests/contract.pin stands for.\n\
         - If an older client or server would not understand it: raise PROTOCOL_VERSION, the path and the subprotocols.\n\
         - If it only adds optional fields or vectors: keep the version.\n\
         Either way run `just generate`, say what changed in CHANGELOG.md, and let contract.pin be:\n\n{now}"
    );
}

/// A hash of schemas and vectors, without the words that only people read.
fn contract_hash() -> String {
    let mut hasher = Sha256::new();
    for (path, text) in files() {
        let mut content: Json = serde_json::from_str(&text).unwrap();
        strip(&mut content);
        hasher.update(format!("{path}\n{content}\n"));
    }
    hex(&hasher.finalize()[..16])
}

fn strip(content: &mut Json) {
    match content {
        Json::Object(fields) => {
            // A field of this name is only ever text for people; a schema of one would be an object.
            fields.retain(|name, value| {
                !(["description", "title", "about", "advice", "when"].contains(&&**name)
                    && value.is_string())
            });
            fields.values_mut().for_each(strip);
        }
        Json::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn w9_the_version_stands_in_the_subprotocols() {
    for codec in Codec::ALL {
        assert!(
            codec
                .subprotocol()
                .starts_with(&format!("revring.v{PROTOCOL_VERSION}."))
        );
        assert_eq!(Codec::from_subprotocol(codec.subprotocol()), Some(codec));
    }
    assert_eq!(Codec::from_subprotocol("revring.v2.json"), None);
    assert_eq!(
        schema::protocol()["path"],
        format!("/v{PROTOCOL_VERSION}/ws")
    );
}

#[test]
fn w3_every_vector_is_the_same_message_in_both_codecs() {
    for (name, json) in messages::CLIENT {
        let message = Codec::Json.decode_client(json.as_bytes()).unwrap();
        let packed = Codec::MessagePack.encode(&message);
        assert_eq!(
            Codec::MessagePack.decode_client(&packed).as_ref(),
            Ok(&message),
            "{name}"
        );
    }
    for (name, json) in messages::SERVER {
        let message = Codec::Json
            .decode_server(messages::server_json(json).as_bytes())
            .unwrap();
        let packed = Codec::MessagePack.encode(&message);
        assert_eq!(
            Codec::MessagePack.decode_server(&packed).as_ref(),
            Ok(&message),
            "{name}"
        );
    }
}

#[test]
fn w9_the_vectors_fit_the_schemas() {
    let (client, server) = (schema::client(), schema::server());
    for (name, json) in messages::CLIENT {
        assert_eq!(
            problem(&client, &serde_json::from_str(json).unwrap()),
            None,
            "{name}"
        );
    }
    for (name, json) in messages::SERVER {
        let json = serde_json::from_str(&messages::server_json(json)).unwrap();
        assert_eq!(problem(&server, &json), None, "{name}");
    }
}

#[test]
fn w9_what_is_refused_as_invalid_does_not_fit_the_schemas() {
    let (client, server) = (schema::client(), schema::server());
    // Rules that a schema cannot tell.
    let beyond = [
        "SYNC.DELTAS with too few operations",
        "SYNC.DELTAS with a wrong revision",
        "SYNC.DELTAS without operations",
    ];
    for case in invalid::MESSAGES
        .iter()
        .filter(|case| case.code != Code::Malformed && !beyond.contains(&case.name))
    {
        let contract::Input::Json(text) = case.input else {
            continue;
        };
        let json = serde_json::from_str(text).unwrap();
        let schema = if case.side == contract::Side::Client {
            &client
        } else {
            &server
        };
        assert!(problem(schema, &json).is_some(), "{} fits", case.name);
    }
}

#[test]
fn w3_the_places_are_the_fields_in_the_order_of_the_json_form() {
    let places = &schema::protocol()["places"];
    let (_, every_effect) = messages::SERVER
        .iter()
        .find(|(name, _)| *name == "SYNC.DELTAS: every effect")
        .unwrap();
    let changes = messages::CLIENT.iter().map(|(_, json)| ("change", *json));
    for (side, json) in changes.chain([("effect", *every_effect)]) {
        let value: Json = serde_json::from_str(json).unwrap();
        for change in value["changes"]
            .as_array()
            .into_iter()
            .chain(value["ops"][0]["changes"].as_array())
            .flatten()
        {
            let names = places[side][change["op"].as_str().unwrap()]
                .as_array()
                .unwrap();
            let known = change.as_object().unwrap();
            assert!(
                known
                    .keys()
                    .all(|field| names.iter().any(|name| name == field)),
                "{change}"
            );
        }
    }
    let operation = Codec::Json.decode_server(every_effect.as_bytes()).unwrap();
    let packed: Json = rmp_serde::from_slice(&Codec::MessagePack.encode(&operation)).unwrap();
    let named: Json = serde_json::from_str(every_effect).unwrap();
    let (packed, named) = (&packed["ops"][0], &named["ops"][0]);
    for (place, name) in places["operation"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .take(4)
    {
        assert_eq!(packed[place], named[name.as_str().unwrap()], "{name}");
    }
    for (packed, named) in packed[4]
        .as_array()
        .unwrap()
        .iter()
        .zip(named["changes"].as_array().unwrap())
    {
        let names = places["effect"][named["op"].as_str().unwrap()]
            .as_array()
            .unwrap();
        assert_eq!(packed.as_array().unwrap().len(), names.len(), "{named}");
        for (place, name) in names.iter().enumerate() {
            assert_eq!(
                packed[place],
                named[name.as_str().unwrap()],
                "{name} of {named}"
            );
        }
    }
}

#[test]
fn w2_w3_other_forms_are_accepted() {
    lenient::CASES.iter().for_each(lenient::check);
}

/// The rows of the tables of SPEC.md whose first cell is in backquotes or a number.
fn rows(section: &str, end: &str) -> Vec<Vec<String>> {
    let spec = committed("SPEC.md");
    let section = &spec[spec.find(section).unwrap()..];
    let section = &section[..section.find(end).unwrap()];
    let cells = |line: &str| {
        line.split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect::<Vec<_>>()
    };
    let lines = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1);
    lines.map(|line| cells(line)[1..].to_vec()).collect()
}

#[test]
fn e1_the_table_of_the_specification_is_the_one_in_code() {
    let spec: Vec<_> = rows("- **E-1**", "- **E-2**")
        .into_iter()
        .map(|cells| (cells[0].clone(), cells[2] == "yes", cells[3].clone()))
        .collect();
    let code: Vec<_> = Code::ALL
        .iter()
        .map(|code| {
            (
                code.as_str().to_owned(),
                code.retryable(),
                code.advice().to_owned(),
            )
        })
        .collect();
    assert_eq!(spec, code);
    for code in Code::ALL {
        assert_eq!(Code::parse(code.as_str()), Some(*code));
    }
}

#[test]
fn e2_the_close_codes_of_the_specification_are_those_in_code() {
    let mut spec = Vec::new();
    for cells in rows("- **E-2**", "Any other end") {
        spec.extend(
            cells[0]
                .split(", ")
                .map(|code| (code.parse::<u64>().unwrap(), cells[2].starts_with("yes"))),
        );
    }
    let protocol = schema::protocol();
    let codes = protocol["closeCodes"].as_array().unwrap();
    let code: Vec<_> = codes
        .iter()
        .map(|row| {
            (
                row["code"].as_u64().unwrap(),
                row["reconnect"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(spec, code);
}
