//! Puts the fixtures into the program, so that it runs anywhere.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=fixtures");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("fixtures");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    let mut code =
        String::from("/// Name and text of each fixture.\nconst EMBEDDED: &[(&str, &str)] = &[\n");
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path
            .file_stem()
            .ok_or("a fixture has a name")?
            .to_string_lossy();
        writeln!(
            code,
            "    ({name:?}, include_str!({:?})),",
            path.display().to_string()
        )?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("embedded.rs"), code)?;
    Ok(())
}
