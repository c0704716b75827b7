//! What the tests of this crate share.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod adapter;

use std::io;

use revring_conformance::{
    fixture::Library,
    reference::{Reference, Settings},
    report::{Case, Output},
    suite::{self, Plan},
};
use revring_protocol::codec::Codec;

/// Runs the fixtures whose name is `wanted`, in both codecs, against a reference server with `settings`.
pub(crate) async fn run(settings: Settings, wanted: impl Fn(&str) -> bool) -> Vec<Case> {
    let server = Reference::start(settings).await.expect("starts");
    let mut library = Library::embedded().expect("fixtures are valid");
    library.keep(wanted);
    let plan = Plan {
        url: Some(server.url().to_owned()),
        server: None,
        codecs: Codec::ALL.to_vec(),
    };
    let mut output = Output::new(Box::new(io::sink()));
    suite::run(&library, &plan, &mut output)
        .await
        .expect("the server takes clients");
    output.cases().to_vec()
}
