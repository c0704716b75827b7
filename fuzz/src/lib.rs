//! What the fuzz targets do with their input. Each function is called by the target of its name,
//! and by `tests/seeds.rs` for every seed; a panic is a finding.

mod decode;
mod input;
mod room;

pub use decode::decode;
pub use room::room;
