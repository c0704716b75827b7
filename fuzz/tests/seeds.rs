//! Every seed, and every input a local fuzz run has found worth keeping, through its target.

use std::fs;
use std::path::Path;

fn run_all(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["seeds", "corpus"] {
        let Ok(entries) = fs::read_dir(root.join(folder).join(target)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(&path).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "no seeds for {target}");
}

#[test]
fn decode() {
    run_all("decode", revring_fuzz::decode);
}

#[test]
fn room() {
    run_all("room", revring_fuzz::room);
}
