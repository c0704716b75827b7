//! The page that stands at `/` is the one that its sources make, as far as that can be told without npm.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use sha2::{Digest as _, Sha256};

const BOARD: &str = include_str!("../src/board.html");

/// As `examples/board/scripts/sources.mjs` computes it.
fn sources_digest(repository: &Path) -> String {
    let list = repository.join("examples/board/scripts/sources.txt");
    let list = fs::read_to_string(list).unwrap();
    let mut files = Vec::new();
    for root in list.lines() {
        collect(repository, root.to_owned(), &mut files);
    }
    files.sort();
    let mut hasher = Sha256::new();
    for path in files {
        hasher.update(format!("{path}\0"));
        hasher.update(fs::read(repository.join(path)).unwrap());
        hasher.update("\0");
    }
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files at or under `path`, without those whose name begins with a dot.
fn collect(repository: &Path, path: String, files: &mut Vec<String>) {
    let full = repository.join(&path);
    if !full.is_dir() {
        files.push(path);
        return;
    }
    for entry in fs::read_dir(full).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with('.') {
            collect(repository, format!("{path}/{name}"), files);
        }
    }
}

#[test]
fn the_board_is_of_the_sources_that_are_here() {
    let told = BOARD
        .split_once("<meta name=\"revring-sources\" content=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    let (told, _) = told.expect("src/board.html does not say what it was made of");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(
        told == sources_digest(repository),
        "src/board.html was made of other sources than those in examples/board and clients/typescript: run `just board`"
    );
}
