//! The generated files.

use revring_protocol::schema;

use super::{
    Line, checksums, document, invalid, lenient, merges, messages, names, rebases, splices, values,
};

/// Path inside the package, what people are told of the file, and what makes its lines.
type Vectors = (&'static str, &'static str, fn() -> Vec<Line>);

const VECTORS: &[Vectors] = &[
    (
        "vectors/client.json",
        "Messages of clients: the JSON form and the MessagePack of the same message. Fields may stand in any order.",
        messages::client_lines,
    ),
    (
        "vectors/server.json",
        "Messages of servers: the JSON form and the MessagePack of the same message. Fields may stand in any order.",
        messages::server_lines,
    ),
    (
        "vectors/values.json",
        "Values: all of `json` (texts) and all of `msgpack` (hex) are the value whose canonical form and size (rule V-6) follow.",
        values::lines,
    ),
    (
        "vectors/lenient.json",
        "Inputs that are accepted although nothing writes them so, and the message they are.",
        lenient::lines,
    ),
    (
        "vectors/invalid.json",
        "Inputs that are refused. `code` is the one of the ERROR, or, where `clientReqId` is given, of the REJECT.",
        invalid::lines,
    ),
    (
        "vectors/names.json",
        "Names and paths that are accepted, and those that are not (section N).",
        names::lines,
    ),
    (
        "vectors/merges.json",
        "JSON Merge Patch (RFC 7396): `data` with `patch` merged into it is `result`.",
        merges::lines,
    ),
    (
        "vectors/checksums.json",
        "Each record of a state, the text that is hashed for it and its XXH64, and the checksum of the state (rule D-8).",
        checksums::lines,
    ),
    (
        "vectors/splices.json",
        "Splices on `value`, made concurrently: `theirs` in the order of their revisions, then `own`, both as their authors \
         made them. `moved` is what `own` becomes behind `theirs`, `result` is the value after both (rules S-3 to S-5).",
        splices::lines,
    ),
    (
        "vectors/rebase.json",
        "Splices at random, in the form of `splices.json`. `theirs` are operations of their own, each made on the result of \
         those before it; `own` is one update, its first splice made on `value`, each other on the result of those before it.",
        rebases::lines,
    ),
];

/// The generated files: path inside the package, and text.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("schema/client.json", pretty(&schema::client())),
        ("schema/server.json", pretty(&schema::server())),
        ("schema/protocol.json", pretty(&schema::protocol())),
    ];
    files.extend(
        VECTORS
            .iter()
            .map(|(path, about, lines)| (*path, document(about, lines()))),
    );
    files
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}
