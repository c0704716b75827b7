//! Splices against each other (SPEC.md, section S): whatever the order, everyone ends with the same value.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

use proptest::{collection::vec, prelude::*};
use revring_protocol::{
    change::{Edit, Effect, Operation, Sequence, Splice},
    document::{Concurrent, Document, EditError, Patch},
    ids::{ClientId, ClientReqId, Collection, RecordId, RecordKey, Rev},
    value::{Object, Path, Value},
};

fn text(at: usize, remove: usize, insert: &str) -> Splice {
    Splice {
        at,
        remove,
        insert: Sequence::Text(insert.to_owned()),
    }
}

fn key() -> RecordKey {
    RecordKey {
        collection: Collection::new("notes").unwrap(),
        id: RecordId::new("n").unwrap(),
    }
}

/// Applies `splices` in order through the public door: a document and an operation.
fn apply(value: &Value, splices: &[Splice]) -> Result<Value, EditError> {
    let path = Path::parse("/v").unwrap();
    let effect = |edit| Effect {
        key: key(),
        version: 1,
        edit,
    };
    let data = Object::from([("v".to_owned(), value.clone())]);
    let splice = |splice: &Splice| {
        effect(Edit::Splice {
            path: path.clone(),
            splice: splice.clone(),
        })
    };
    let mut changes = vec![effect(Edit::Put { data })];
    changes.extend(splices.iter().map(splice));
    let operation = Operation {
        rev: Rev::new(1),
        client_id: ClientId::new("AAAAAAAAAAAAAAAA").unwrap(),
        client_req_id: ClientReqId::new("r").unwrap(),
        at: 0,
        changes,
    };
    let mut document = Document::new();
    document
        .apply(&operation)
        .map_err(|diverged| diverged.problem)?;
    Ok(document.get(&key()).unwrap().data()["v"].clone())
}

fn applied(value: &Value, splices: &[Splice]) -> Value {
    apply(value, splices).unwrap_or_else(|problem| panic!("{splices:?} on {value:?}: {problem}"))
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        other => panic!("no sequence: {other:?}"),
    }
}

/// What is moved over what was accepted before it, in both directions.
fn over(theirs: &[Splice], own: &[Splice]) -> Vec<Splice> {
    let mut concurrent = Concurrent::new();
    theirs.iter().for_each(|splice| concurrent.push(splice));
    own.iter()
        .flat_map(|splice| concurrent.rebase(splice))
        .collect()
}

/// One character each: ASCII, combining, astral, of two code points, right to left.
fn character() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("a"),
        Just("b"),
        Just("é"),
        Just("e\u{301}"),
        Just("\u{301}"),
        Just("😀"),
        Just("𝄞"),
        Just("א")
    ]
}

fn any_text(most: usize) -> impl Strategy<Value = String> {
    vec(character(), 0..=most).prop_map(|parts| parts.concat())
}

fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u8>().prop_map(|n| Value::from(u32::from(n))),
        character().prop_map(Value::from),
        Just(Value::Null),
        Just(Value::Array(vec![Value::Null])),
    ]
}

/// A value and what several authors do to it at once: for each, raw places and insertions.
type Raw = (u16, u8, Value);

fn raw(insert: impl Strategy<Value = Value>) -> impl Strategy<Value = Raw> {
    (
        any::<u16>(),
        prop_oneof![3 => 0u8..4, 1 => any::<u8>()],
        insert,
    )
}

fn value_and_authors(authors: usize) -> impl Strategy<Value = (Value, Vec<Vec<Raw>>)> {
    let texts = (
        any_text(8).prop_map(Value::String),
        vec(vec(raw(any_text(3).prop_map(Value::String)), 1..4), authors),
    );
    let arrays = (
        vec(item(), 0..8).prop_map(Value::Array),
        vec(
            vec(raw(vec(item(), 0..3).prop_map(Value::Array)), 1..4),
            authors,
        ),
    );
    prop_oneof![texts, arrays]
}

/// Makes raw places valid: each splice within the result of those before it.
fn fit(value: &Value, raw: &[Raw]) -> Vec<Splice> {
    let mut value = value.clone();
    let mut splices = Vec::new();
    for (at, remove, insert) in raw {
        let length = length(&value);
        let at = usize::from(*at) % (length + 1);
        let remove = usize::from(*remove).min(length - at);
        let insert = match insert {
            Value::String(text) => Sequence::Text(text.clone()),
            Value::Array(items) => Sequence::Items(items.clone()),
            other => panic!("no sequence: {other:?}"),
        };
        let splice = Splice { at, remove, insert };
        value = applied(&value, std::slice::from_ref(&splice));
        splices.push(splice);
    }
    splices
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    /// Both orders of two splices give the same value.
    #[test]
    fn s3_two_splices_commute((value, authors) in value_and_authors(2)) {
        let (own, their) = (&fit(&value, &authors[0])[0], &fit(&value, &authors[1])[0]);
        let (mine, theirs) = own.transform(their);
        let their_first = applied(&applied(&value, std::slice::from_ref(their)), &mine);
        let own_first = applied(&applied(&value, std::slice::from_ref(own)), &theirs);
        prop_assert_eq!(&their_first, &own_first);
        prop_assert_eq!(mine, over(std::slice::from_ref(their), std::slice::from_ref(own)));
    }

    /// A client that sees the operations of others one by one ends with what the server makes of its update at once.
    #[test]
    fn s3_moving_step_by_step_is_moving_at_once((value, authors) in value_and_authors(2)) {
        let (own, theirs) = (fit(&value, &authors[0]), fit(&value, &authors[1]));
        let at_once = over(&theirs, &own);
        let step_by_step = theirs.iter().fold(own, |own, their| over(std::slice::from_ref(their), &own));
        prop_assert_eq!(&at_once, &step_by_step);
        applied(&applied(&value, &theirs), &at_once);
    }

    /// The view of a client (its own first, then theirs moved) is what the room has (theirs first).
    #[test]
    fn s3_view_and_room_agree((value, authors) in value_and_authors(2)) {
        let (own, theirs) = (fit(&value, &authors[0]), fit(&value, &authors[1]));
        let room = applied(&applied(&value, &theirs), &over(&theirs, &own));
        // Theirs moved over own, cell by cell through the public pair.
        let (mut mine, mut moved) = (own.clone(), Vec::new());
        for their in theirs {
            let (mut next, mut their) = (Vec::new(), vec![their]);
            for own in &mine {
                let (own, rest) = cross(own, &their);
                next.extend(own);
                their = rest;
            }
            mine = next;
            moved.extend(their);
        }
        prop_assert_eq!(applied(&applied(&value, &own), &moved), room);
    }

    /// Three authors on one base: the room takes them in turn, and each replica ends with the same value.
    #[test]
    fn s3_three_clients_converge((value, authors) in value_and_authors(3)) {
        let own: Vec<_> = authors.iter().map(|raw| fit(&value, raw)).collect();
        let first = own[0].clone();
        let second = over(&first, &own[1]);
        let accepted = [first.clone(), second.clone()].concat();
        let third = over(&accepted, &own[2]);
        let room = applied(&value, &[accepted, third.clone()].concat());
        // The third author sees the operations one by one and moves its own over each.
        let later = over(&second, &over(&first, &own[2]));
        let seen = applied(&applied(&applied(&value, &first), &second), &later);
        prop_assert_eq!(seen, room);
        prop_assert_eq!(later, third);
    }

    /// S-8: one update in flight and what was typed meanwhile composed into the next; theirs come between.
    #[test]
    fn s8_bridging_moves_what_is_in_flight_and_what_waits(
        (value, authors) in value_and_authors(2),
        typed in vec(raw(any_text(2).prop_map(Value::String)), 1..6),
    ) {
        let (flight, theirs) = (fit(&value, &authors[0]), fit(&value, &authors[1]));
        let typed: Vec<Raw> = match value {
            Value::String(_) => typed,
            _ => typed.into_iter().map(|(at, remove, _)| (at, remove, Value::Array(vec![Value::Null]))).collect(),
        };
        let waiting = fit(&applied(&value, &flight), &typed);
        let composed = Patch::from_splices(&waiting).unwrap().to_splices();

        let mut concurrent = Concurrent::new();
        theirs.iter().for_each(|splice| concurrent.push(splice));
        let flight_moved: Vec<_> = flight.iter().flat_map(|splice| concurrent.rebase(splice)).collect();
        let waiting_moved: Vec<_> = composed.iter().flat_map(|splice| concurrent.rebase(splice)).collect();
        let client = applied(&value, &[theirs.clone(), flight_moved.clone(), waiting_moved.clone()].concat());

        // The server moves the first over theirs; the second comes with that as its base.
        let server_flight = over(&theirs, &flight);
        prop_assert_eq!(&server_flight, &flight_moved);
        let room = applied(&value, &[theirs, server_flight, waiting_moved].concat());
        prop_assert_eq!(client, room);
    }

    /// Composing is applying one after the other; the splices of a patch are that patch.
    #[test]
    fn s8_composition_is_sequential_application((value, authors) in value_and_authors(1)) {
        let splices = fit(&value, &authors[0]);
        let patch = Patch::from_splices(&splices).unwrap();
        let row = patch.to_splices();
        prop_assert_eq!(applied(&value, &row), applied(&value, &splices));
        match Patch::from_splices(&row) {
            Some(again) => prop_assert_eq!(again, patch),
            None => prop_assert!(patch.is_noop()),
        }
        // S-5: from left to right, with something kept between them.
        for pair in row.windows(2) {
            prop_assert!(pair[1].at > pair[0].at + pair[0].insert.len());
        }
    }

    /// S-5: what is left of a moved splice stands in order from left to right.
    #[test]
    fn s5_pieces_stand_from_left_to_right((value, authors) in value_and_authors(2)) {
        let own = fit(&value, &authors[0])[0].clone();
        let pieces = over(&fit(&value, &authors[1]), std::slice::from_ref(&own));
        for pair in pieces.windows(2) {
            prop_assert!(pair[1].at >= pair[0].at + pair[0].insert.len());
        }
        prop_assert!(pieces.iter().all(|piece| !piece.is_noop()));
        prop_assert!(pieces.iter().map(|piece| piece.remove).sum::<usize>() <= own.remove);
        let inserted: usize = pieces.iter().map(|piece| piece.insert.len()).sum();
        prop_assert_eq!(inserted, own.insert.len());
    }

    /// Positions no value has: no overflow, no panic, no memory in proportion to them.
    #[test]
    fn s3_huge_positions_are_survived(
        own in vec((huge(), huge(), any_text(2)), 1..4),
        theirs in vec((huge(), huge(), any_text(2)), 1..4),
    ) {
        let splices = |raw: Vec<(usize, usize, String)>| -> Vec<Splice> {
            raw.into_iter().map(|(at, remove, insert)| text(at, remove, &insert)).collect()
        };
        let (own, theirs) = (splices(own), splices(theirs));
        let moved = over(&theirs, &own);
        let _ = apply(&Value::from("abc"), &moved);
        let _ = Patch::from_splices(own.iter().chain(&theirs)).unwrap().to_splices();
        let _ = own[0].transform(&theirs[0]);
    }
}

fn huge() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..4usize,
        Just(usize::MAX),
        Just(usize::MAX - 1),
        Just(1 << 53),
        any::<usize>()
    ]
}

fn cross(own: &Splice, theirs: &[Splice]) -> (Vec<Splice>, Vec<Splice>) {
    let (mut mine, mut moved) = (vec![own.clone()], Vec::new());
    for their in theirs {
        let (mut next, mut their) = (Vec::new(), vec![their.clone()]);
        for own in &mine {
            let (own, rest) = match their.as_slice() {
                [their] => own.transform(their),
                several => cross(own, several),
            };
            next.extend(own);
            their = rest;
        }
        mine = next;
        moved.extend(their);
    }
    (mine, moved)
}

/// What becomes of `base` when `their` is accepted before `own`.
fn both(base: &str, own: &Splice, their: &Splice) -> String {
    let value = Value::from(base);
    let moved = over(std::slice::from_ref(their), std::slice::from_ref(own));
    let room = applied(&applied(&value, std::slice::from_ref(their)), &moved);
    room.as_str().unwrap().to_owned()
}

#[test]
fn s4_the_lower_revision_stands_left_at_the_same_place() {
    assert_eq!(
        both("ab", &text(1, 0, "OWN"), &text(1, 0, "their")),
        "atheirOWNb"
    );
}

#[test]
fn s4_a_replacing_splice_inserts_before_the_range_it_removes() {
    assert_eq!(
        both("abcd", &text(1, 2, "OWN"), &text(1, 0, "their")),
        "atheirOWNd"
    );
    assert_eq!(
        both("abcd", &text(1, 0, "OWN"), &text(1, 2, "their")),
        "atheirOWNd"
    );
    assert_eq!(
        both("abcd", &text(1, 2, "OWN"), &text(1, 2, "their")),
        "atheirOWNd"
    );
}

#[test]
fn s4_an_insertion_at_the_end_of_a_replaced_range_stays_behind_it() {
    assert_eq!(
        both("abcd", &text(3, 0, "OWN"), &text(1, 2, "their")),
        "atheirOWNd"
    );
    assert_eq!(
        both("abcd", &text(1, 2, "OWN"), &text(3, 0, "their")),
        "aOWNtheird"
    );
}

#[test]
fn s3_an_insertion_inside_a_removed_range_survives_where_the_range_was() {
    assert_eq!(both("abcd", &text(2, 0, "OWN"), &text(1, 2, "")), "aOWNd");
    assert_eq!(
        both("abcd", &text(1, 2, ""), &text(2, 0, "their")),
        "atheird"
    );
    assert_eq!(
        both("abcd", &text(2, 0, "OWN"), &text(1, 2, "their")),
        "atheirOWNd"
    );
}

#[test]
fn s3_what_both_removed_is_removed_once() {
    assert_eq!(both("abcdef", &text(1, 3, ""), &text(2, 3, "")), "af");
    assert_eq!(over(&[text(1, 3, "")], &[text(1, 3, "")]), []);
}

#[test]
fn s3_insertions_keep_their_neighbours() {
    assert_eq!(
        both("abcd", &text(4, 0, "OWN"), &text(0, 2, "their")),
        "theircdOWN"
    );
    assert_eq!(
        both("abcd", &text(0, 0, "OWN"), &text(2, 2, "their")),
        "OWNabtheir"
    );
}

#[test]
fn s5_a_range_split_by_an_insertion_becomes_two() {
    let moved = over(&[text(2, 0, "their")], &[text(1, 3, "OWN")]);
    assert_eq!(moved, [text(1, 1, "OWN"), text(4 + 5, 2, "")]);
}

#[test]
fn s1_positions_count_code_points() {
    let value = Value::from("e\u{301}😀𝄞x");
    assert_eq!(
        applied(&value, &[text(2, 1, "y")]),
        Value::from("e\u{301}y𝄞x")
    );
    assert_eq!(applied(&value, &[text(1, 1, "")]), Value::from("e😀𝄞x"));
    assert_eq!(
        applied(&value, &[text(5, 0, "!")]),
        Value::from("e\u{301}😀𝄞x!")
    );
}

#[test]
fn d2_a_splice_past_the_end_does_not_fit() {
    for (at, remove) in [(4, 0), (3, 1), (0, 4), (usize::MAX, 0), (1, usize::MAX)] {
        let problem = apply(&Value::from("abc"), &[text(at, remove, "x")]).unwrap_err();
        let EditError::OutOfBounds { length, .. } = problem else {
            panic!("{problem:?}")
        };
        assert_eq!(length, 3);
        let items = Splice {
            at,
            remove,
            insert: Sequence::Items(Vec::new()),
        };
        let array = Value::from(vec![Value::Null, Value::Null, Value::Null]);
        assert!(matches!(
            apply(&array, &[items]),
            Err(EditError::OutOfBounds { length: 3, .. })
        ));
    }
}

#[test]
fn d2_a_splice_needs_a_value_of_its_kind() {
    let items = Splice {
        at: 0,
        remove: 0,
        insert: Sequence::Items(Vec::new()),
    };
    let found = |value: &Value, splice: &Splice| match apply(value, std::slice::from_ref(splice)) {
        Err(EditError::WrongType {
            expected, found, ..
        }) => (expected, found),
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&Value::from("abc"), &items), ("an array", "a string"));
    assert_eq!(
        found(&Value::from(Vec::new()), &text(0, 0, "")),
        ("a string", "an array")
    );
    assert_eq!(found(&Value::Null, &text(0, 0, "")), ("a string", "null"));
}

#[test]
fn d2_a_splice_of_nothing_is_told_so() {
    let operation = |edit| Operation {
        rev: Rev::new(1),
        client_id: ClientId::new("AAAAAAAAAAAAAAAA").unwrap(),
        client_req_id: ClientReqId::new("r").unwrap(),
        at: 0,
        changes: vec![
            Effect {
                key: key(),
                version: 1,
                edit: Edit::Put {
                    data: Object::new(),
                },
            },
            Effect {
                key: key(),
                version: 1,
                edit,
            },
        ],
    };
    let path = Path::parse("/v").unwrap();
    let edit = Edit::Splice {
        path,
        splice: text(0, 0, "x"),
    };
    let diverged = Document::new().apply(&operation(edit)).unwrap_err();
    assert!(matches!(
        diverged.problem,
        EditError::WrongType {
            found: "nothing",
            ..
        }
    ));
}

#[test]
fn s8_typing_letter_by_letter_becomes_one_splice() {
    let letters = ["h", "e", "l", "l", "o"];
    let typed = letters
        .iter()
        .enumerate()
        .map(|(i, letter)| text(3 + i, 0, letter));
    let typed: Vec<_> = typed.collect();
    assert_eq!(
        Patch::from_splices(&typed).unwrap().to_splices(),
        [text(3, 0, "hello")]
    );
    let undone: Vec<_> = typed.into_iter().chain([text(3, 5, "")]).collect();
    assert!(Patch::from_splices(&undone).unwrap().is_noop());
}

#[test]
fn s8_patches_of_text_and_of_items_do_not_compose() {
    let items = Splice {
        at: 0,
        remove: 1,
        insert: Sequence::Items(Vec::new()),
    };
    assert_eq!(Patch::from_splices([&text(0, 1, ""), &items]), None);
    assert_eq!(Patch::from_splices([]), None);
}
