//! What the measurements of the whole server share. Each bench is one program that starts the real `revring` binary and,
//! from its own executable, the other processes it needs.

#![allow(dead_code, reason = "each bench uses a part")]

pub(crate) mod child;
pub(crate) mod crowd;
pub(crate) mod figures;
pub(crate) mod wire;
pub(crate) mod writer;
