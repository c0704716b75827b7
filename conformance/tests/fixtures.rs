//! The fixtures as files: valid, named for their rules, and described by a schema that is current.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic, and so may its helpers"
)]

use std::{collections::BTreeSet, fs, path::Path};

use revring_conformance::fixture::{Action, Library};

fn specification() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/SPEC.md");
    fs::read_to_string(path).expect("SPEC.md is there")
}

#[test]
fn the_fixtures_that_are_built_in_are_those_of_the_folder() {
    let folder = Library::folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"))
        .expect("valid fixtures");
    let names = |library: &Library| {
        library
            .fixtures()
            .iter()
            .map(|fixture| fixture.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&folder),
        names(&Library::embedded().expect("valid fixtures"))
    );
}

#[test]
fn fixtures_are_numbered_without_a_gap_and_point_to_the_schema() {
    let library = Library::embedded().expect("valid fixtures");
    assert!(library.fixtures().len() >= 30);
    for (fixture, n) in library.fixtures().iter().zip(1..) {
        assert!(
            fixture.name.starts_with(&format!("{n:03}-")),
            "{} is number {n}",
            fixture.name
        );
        assert_eq!(
            fixture.schema.as_deref(),
            Some("../schema/fixture.schema.json"),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn fixtures_name_rules_that_exist() {
    let specification = specification();
    for fixture in Library::embedded().expect("valid fixtures").fixtures() {
        for rule in &fixture.rules {
            assert!(
                specification.contains(&format!("**{rule}**")),
                "{} names the rule {rule}",
                fixture.name
            );
        }
    }
}

/// What no fixture can show over a socket in reasonable time.
const NOT_BY_FIXTURES: [&str; 5] = [
    // The schema and vectors of the protocol crate are tested there.
    "W-9", // What a batch is shows to nobody; tests of the room.
    "O-7", // Ends of the server; its crash and power-loss tests, and the simulation.
    "O-8", // 65,536 tombstones or clients; tests of the room.
    "D-6", "U-4",
];

#[test]
fn every_rule_has_a_fixture_or_a_reason() {
    let specification = specification();
    let defined = specification
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("**"));
    let defined: BTreeSet<&str> = defined.map(|(rule, _)| rule).collect();
    let library = Library::embedded().expect("valid fixtures");
    let shown: BTreeSet<&str> = library
        .fixtures()
        .iter()
        .flat_map(|fixture| &fixture.rules)
        .map(String::as_str)
        .collect();
    let missing: Vec<_> = defined.difference(&shown).copied().collect();
    let mut excused = NOT_BY_FIXTURES.to_vec();
    excused.sort_unstable();
    assert_eq!(
        missing, excused,
        "the rules without a fixture are those that cannot have one"
    );
}

#[test]
fn a_fixture_for_a_client_lets_it_act() {
    for fixture in Library::embedded().expect("valid fixtures").fixtures() {
        let Some(played) = &fixture.play else {
            continue;
        };
        let connects = fixture
            .steps
            .iter()
            .any(|step| step.actor == *played && matches!(step.action, Action::Connect(_)));
        assert!(connects, "{played} never connects in {}", fixture.name);
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_of_the_fixtures_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/fixture.schema.json");
    let committed = fs::read_to_string(path).expect("the schema is there");
    let current = revring_conformance::fixture::schema_text();
    assert!(
        committed == current,
        "run `cargo run -p revring-conformance --features schema --example schema > conformance/schema/fixture.schema.json`"
    );
}
