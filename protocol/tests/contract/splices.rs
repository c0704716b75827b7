//! Concurrent splices (rules S-3 to S-5), settled by a room.

use revring_protocol::{
    change::{Sequence, Splice},
    codec::Codec,
    value::{Value, canonical},
};

use super::{Line, settle::settle};

/// Position, number removed, JSON of what is inserted.
type Cut = (usize, usize, &'static str);

pub(crate) struct Concurrent {
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    /// Accepted before, each made on the result of the ones before it.
    pub(crate) theirs: &'static [Cut],
    /// Made on `value`, each on the result of the ones before it, in one update.
    pub(crate) own: &'static [Cut],
    pub(crate) moved: &'static [Cut],
    pub(crate) result: &'static str,
}

const fn text(
    name: &'static str,
    theirs: &'static [Cut],
    own: &'static [Cut],
    moved: &'static [Cut],
    result: &'static str,
) -> Concurrent {
    Concurrent {
        name,
        value: "\"abcdef\"",
        theirs,
        own,
        moved,
        result,
    }
}

pub(crate) const CASES: &[Concurrent] = &[
    text(
        "nothing concurrent",
        &[],
        &[(2, 1, "\"Y\"")],
        &[(2, 1, "\"Y\"")],
        "\"abYdef\"",
    ),
    text(
        "behind an insertion",
        &[(1, 0, "\"X\"")],
        &[(3, 0, "\"Y\"")],
        &[(4, 0, "\"Y\"")],
        "\"aXbcYdef\"",
    ),
    text(
        "before an insertion",
        &[(3, 0, "\"X\"")],
        &[(1, 0, "\"Y\"")],
        &[(1, 0, "\"Y\"")],
        "\"aYbcXdef\"",
    ),
    text(
        "at the same place: the lower revision first",
        &[(2, 0, "\"X\"")],
        &[(2, 0, "\"Y\"")],
        &[(3, 0, "\"Y\"")],
        "\"abXYcdef\"",
    ),
    text(
        "at the start, both",
        &[(0, 0, "\"XX\"")],
        &[(0, 0, "\"Y\"")],
        &[(2, 0, "\"Y\"")],
        "\"XXYabcdef\"",
    ),
    text(
        "at the end, both",
        &[(6, 0, "\"X\"")],
        &[(6, 0, "\"Y\"")],
        &[(7, 0, "\"Y\"")],
        "\"abcdefXY\"",
    ),
    text(
        "at the place of two that follow each other",
        &[(2, 0, "\"X\""), (3, 0, "\"Z\"")],
        &[(2, 0, "\"Y\"")],
        &[(4, 0, "\"Y\"")],
        "\"abXZYcdef\"",
    ),
    text(
        "at the place of two that precede each other",
        &[(2, 0, "\"X\""), (2, 0, "\"W\"")],
        &[(2, 0, "\"Y\"")],
        &[(4, 0, "\"Y\"")],
        "\"abWXYcdef\"",
    ),
    text(
        "behind a removal",
        &[(1, 2, "\"\"")],
        &[(4, 1, "\"Y\"")],
        &[(2, 1, "\"Y\"")],
        "\"adYf\"",
    ),
    text(
        "what both removed is removed once",
        &[(1, 2, "\"\"")],
        &[(1, 2, "\"\"")],
        &[],
        "\"adef\"",
    ),
    text(
        "removals that overlap",
        &[(1, 3, "\"\"")],
        &[(2, 3, "\"\"")],
        &[(1, 1, "\"\"")],
        "\"af\"",
    ),
    text(
        "removals that overlap on the left",
        &[(2, 3, "\"\"")],
        &[(1, 3, "\"\"")],
        &[(1, 1, "\"\"")],
        "\"af\"",
    ),
    text(
        "a removal inside the other's",
        &[(1, 4, "\"\"")],
        &[(2, 2, "\"\"")],
        &[],
        "\"af\"",
    ),
    text(
        "a removal around the other's",
        &[(2, 2, "\"\"")],
        &[(1, 4, "\"\"")],
        &[(1, 2, "\"\"")],
        "\"af\"",
    ),
    text(
        "an insertion where the other removes",
        &[(1, 4, "\"\"")],
        &[(3, 0, "\"Y\"")],
        &[(1, 0, "\"Y\"")],
        "\"aYf\"",
    ),
    text(
        "an insertion at the left of a removal",
        &[(1, 4, "\"\"")],
        &[(1, 0, "\"Y\"")],
        &[(1, 0, "\"Y\"")],
        "\"aYf\"",
    ),
    text(
        "an insertion at the right of a removal",
        &[(1, 4, "\"\"")],
        &[(5, 0, "\"Y\"")],
        &[(1, 0, "\"Y\"")],
        "\"aYf\"",
    ),
    text(
        "a removal split by an insertion",
        &[(3, 0, "\"X\"")],
        &[(1, 4, "\"\"")],
        &[(1, 2, "\"\""), (2, 2, "\"\"")],
        "\"aXf\"",
    ),
    text(
        "a replacement split by an insertion",
        &[(3, 0, "\"X\"")],
        &[(1, 4, "\"Y\"")],
        &[(1, 2, "\"Y\""), (3, 2, "\"\"")],
        "\"aYXf\"",
    ),
    text(
        "a removal split twice",
        &[(2, 0, "\"X\""), (5, 0, "\"Z\"")],
        &[(1, 4, "\"\"")],
        &[(1, 1, "\"\""), (2, 2, "\"\""), (3, 1, "\"\"")],
        "\"aXZf\"",
    ),
    text(
        "a removal with an insertion at its left",
        &[(1, 0, "\"X\"")],
        &[(1, 2, "\"\"")],
        &[(2, 2, "\"\"")],
        "\"aXdef\"",
    ),
    text(
        "a removal with an insertion at its right",
        &[(3, 0, "\"X\"")],
        &[(1, 2, "\"\"")],
        &[(1, 2, "\"\"")],
        "\"aXdef\"",
    ),
    text(
        "a replacement with an insertion at its left",
        &[(1, 0, "\"X\"")],
        &[(1, 2, "\"Y\"")],
        &[(2, 2, "\"Y\"")],
        "\"aXYdef\"",
    ),
    text(
        "a replacement with an insertion at its right",
        &[(3, 0, "\"X\"")],
        &[(1, 2, "\"Y\"")],
        &[(1, 2, "\"Y\"")],
        "\"aYXdef\"",
    ),
    text(
        "both replace the same",
        &[(1, 2, "\"X\"")],
        &[(1, 2, "\"Y\"")],
        &[(2, 0, "\"Y\"")],
        "\"aXYdef\"",
    ),
    text(
        "an insertion at the left of a replacement",
        &[(1, 4, "\"X\"")],
        &[(1, 0, "\"Y\"")],
        &[(2, 0, "\"Y\"")],
        "\"aXYf\"",
    ),
    text(
        "an insertion inside a replacement",
        &[(1, 4, "\"X\"")],
        &[(3, 0, "\"Y\"")],
        &[(2, 0, "\"Y\"")],
        "\"aXYf\"",
    ),
    text(
        "an insertion at the right of a replacement",
        &[(1, 4, "\"X\"")],
        &[(5, 0, "\"Y\"")],
        &[(2, 0, "\"Y\"")],
        "\"aXYf\"",
    ),
    text(
        "everything removed",
        &[(0, 6, "\"\"")],
        &[(2, 2, "\"Y\"")],
        &[(0, 0, "\"Y\"")],
        "\"Y\"",
    ),
    text(
        "removed and typed anew",
        &[(0, 6, "\"\""), (0, 0, "\"new\"")],
        &[(6, 0, "\"Y\"")],
        &[(3, 0, "\"Y\"")],
        "\"newY\"",
    ),
    text(
        "nothing to do",
        &[(1, 0, "\"X\"")],
        &[(3, 0, "\"\"")],
        &[],
        "\"aXbcdef\"",
    ),
    text(
        "two in one update",
        &[(1, 0, "\"X\"")],
        &[(1, 0, "\"Y\""), (2, 0, "\"Z\"")],
        &[(2, 0, "\"Y\""), (3, 0, "\"Z\"")],
        "\"aXYZbcdef\"",
    ),
    text(
        "two in one update, apart",
        &[(3, 0, "\"X\"")],
        &[(1, 1, "\"\""), (4, 0, "\"Y\"")],
        &[(1, 1, "\"\""), (5, 0, "\"Y\"")],
        "\"acXdeYf\"",
    ),
    Concurrent {
        name: "positions are code points",
        value: "\"a😀é\u{301}z\"",
        theirs: &[(1, 1, "\"👩\u{200d}💻\"")],
        own: &[(3, 1, "\"\""), (4, 0, "\"😀\"")],
        moved: &[(5, 1, "\"\""), (6, 0, "\"😀\"")],
        result: "\"a👩\u{200d}💻éz😀\"",
    },
    Concurrent {
        name: "arrays",
        value: "[1,2,3]",
        theirs: &[(1, 1, "[{\"a\":null},[]]")],
        own: &[(1, 2, "[\"x\"]")],
        moved: &[(3, 1, "[\"x\"]")],
        result: "[1,{\"a\":null},[],\"x\"]",
    },
    Concurrent {
        name: "an empty array",
        value: "[]",
        theirs: &[(0, 0, "[1]")],
        own: &[(0, 0, "[2,3]")],
        moved: &[(1, 0, "[2,3]")],
        result: "[1,2,3]",
    },
];

fn json(text: &str) -> Value {
    Codec::Json.decode_value(text.as_bytes()).unwrap()
}

fn splice(&(at, remove, insert): &Cut) -> Splice {
    let insert = match json(insert) {
        Value::String(text) => Sequence::Text(text),
        Value::Array(items) => Sequence::Items(items),
        other => panic!("{other:?}"),
    };
    Splice { at, remove, insert }
}

fn splices(cuts: &[Cut]) -> Vec<Splice> {
    cuts.iter().map(splice).collect()
}

/// Checks that a room settles `case` as its table says.
pub(crate) fn check(case: &Concurrent) {
    let (theirs, own) = (splices(case.theirs), splices(case.own));
    let (moved, result) = settle(json(case.value), &theirs, &own);
    assert_eq!(moved, splices(case.moved), "{}", case.name);
    assert_eq!(
        canonical(&result),
        canonical(&json(case.result)),
        "{}",
        case.name
    );
}

fn cuts(cuts: &[Cut]) -> String {
    let cuts: Vec<_> = cuts
        .iter()
        .map(|(at, remove, insert)| format!(r#"{{"at":{at},"remove":{remove},"insert":{insert}}}"#))
        .collect();
    format!("[{}]", cuts.join(","))
}

pub(crate) fn lines() -> Vec<Line> {
    CASES
        .iter()
        .map(|case| {
            check(case);
            let line = Line::new().text("name", case.name).raw("value", case.value);
            let line = line
                .raw("theirs", &cuts(case.theirs))
                .raw("own", &cuts(case.own));
            line.raw("moved", &cuts(case.moved))
                .raw("result", case.result)
        })
        .collect()
}
