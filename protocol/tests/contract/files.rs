//! The generated files.

use revring_protocol::schema;

use super::{checksums, document, invalid, lenient, merges, messages, names, splices, values};

/// The generated files: path inside the package, and text.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    vec![
        ("schema/client.json", pretty(&schema::client())),
        ("schema/server.json", pretty(&schema::server())),
        ("schema/protocol.json", pretty(&schema::protocol())),
        (
            "vectors/client.json",
            document(
                "Messages of clients: the JSON form and the MessagePack of the same message. Fields may stand in any order.",
                messages::client_lines(),
            ),
        ),
        (
            "vectors/server.json",
            document(
                "Messages of servers: the JSON form and the MessagePack of the same message. Fields may stand in any order.",
                messages::server_lines(),
            ),
        ),
        (
            "vectors/values.json",
            document(
                "Values: all of `json` (texts) and all of `msgpack` (hex) are the value whose canonical form and size (rule V-6) follow.",
                values::lines(),
            ),
        ),
        (
            "vectors/lenient.json",
            document(
                "Inputs that are accepted although nothing writes them so, and the message they are.",
                lenient::lines(),
            ),
        ),
        (
            "vectors/invalid.json",
            document(
                "Inputs that are refused. `code` is the one of the ERROR, or, where `clientReqId` is given, of the REJECT.",
                invalid::lines(),
            ),
        ),
        (
            "vectors/names.json",
            document(
                "Names and paths that are accepted, and those that are not (section N).",
                names::lines(),
            ),
        ),
        (
            "vectors/merges.json",
            document(
                "JSON Merge Patch (RFC 7396): `data` with `patch` merged into it is `result`.",
                merges::lines(),
            ),
        ),
        (
            "vectors/checksums.json",
            document(
                "Each record of a state, the text that is hashed for it and its XXH64, and the checksum of the state (rule D-8).",
                checksums::lines(),
            ),
        ),
        (
            "vectors/splices.json",
            document(
                "Splices on `value`, made concurrently: `theirs` in the order of their revisions, then `own`, both as their authors \
                 made them. `moved` is what `own` becomes behind `theirs`, `result` is the value after both (rules S-3 to S-5).",
                splices::lines(),
            ),
        ),
    ]
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}
