//! The fixtures, played to this client.

#[path = "../../examples/conformance/adapter.rs"]
mod adapter;

use std::{io, time::Duration};

use revring_client::Codec;
use revring_conformance::{
    fixture::Library,
    play::{Stand, play},
    report::{Output, Verdict},
};
use tokio::time::timeout;

/// For all fixtures together, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn r16_every_fixture_for_clients_passes() {
    let stand = Stand::open("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a free port");
    let url = stand.control_url();
    let library = Library::embedded().expect("valid fixtures");
    let mut output = Output::new(Box::new(io::sink()));
    let playing = async {
        tokio::join!(
            play(&library, &Codec::ALL, stand, &mut output),
            adapter::follow(&url)
        )
    };
    let (played, followed) = timeout(PATIENCE, playing).await.expect("it ends");
    played.expect("it was played");
    followed.expect("the client followed to the end");
    let not_passed = output
        .cases()
        .iter()
        .filter_map(|case| match &case.verdict {
            Verdict::Passed => None,
            Verdict::Failed(why) => Some(format!("{} {:?}: {why}", case.name, case.codec)),
            Verdict::Skipped(why) => {
                Some(format!("{} {:?} was skipped: {why}", case.name, case.codec))
            }
        });
    let not_passed: Vec<String> = not_passed.collect();
    assert!(not_passed.is_empty(), "{}", not_passed.join("\n\n"));
    println!("{} fixtures and codecs", output.cases().len());
    assert!(!output.cases().is_empty());
}
