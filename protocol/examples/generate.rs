//! Writes what is generated from the code: `schema/` and `vectors/`. A test compares them with the code.

#[path = "../tests/contract/mod.rs"]
mod contract;

use std::{error::Error, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "writing files is what this program is for"
)]
#[expect(clippy::print_stdout, reason = "it says what it wrote")]
fn main() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, text) in contract::files::files() {
        let path = package.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
