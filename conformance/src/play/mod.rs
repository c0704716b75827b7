//! Plays the server for a client under test.
//!
//! The client opens a control connection to `/play` and is told, action by action, what to do. Its connections to the
//! "server" end here: each message is checked against the fixture and passed on to the [reference
//! server](crate::reference), and back, where the fixture can also lose or change it.

mod stand;

use std::{sync::Arc, time::Instant};

use revring_protocol::codec::Codec;
use tokio::sync::Mutex;

pub use stand::Stand;

use crate::{
    fixture::{Fixture, Library},
    random,
    reference::{Reference, Settings},
    report::{Case, Output, Verdict},
    stage::{
        perform,
        remote::{Control, RemoteClient},
    },
    suite::probe,
};

/// Why nothing could be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// The reference server does not work.
    #[error("the reference server does not work: {0}")]
    Reference(String),
    /// No control connection came any more.
    #[error("the stand was closed before a client under test came")]
    Closed,
}

/// Waits for a client under test at `stand` and plays with it every fixture of `library` that concerns a client.
///
/// # Errors
/// When it does not come to playing.
pub async fn play(
    library: &Library,
    codecs: &[Codec],
    mut stand: Stand,
    output: &mut Output,
) -> Result<(), PlayError> {
    let reference = Reference::start(Settings::default()).await;
    let reference = reference.map_err(|error| PlayError::Reference(error.to_string()))?;
    let joined = probe(reference.url(), None)
        .await
        .map_err(PlayError::Reference)?;
    let control = Control::new(stand.control().await.ok_or(PlayError::Closed)?);
    let control = Arc::new(Mutex::new(control));
    for fixture in library
        .fixtures()
        .iter()
        .filter(|fixture| fixture.play.is_some())
    {
        for codec in codecs
            .iter()
            .copied()
            .filter(|codec| fixture.concerns(*codec))
        {
            let begun = Instant::now();
            let verdict = match fixture.needs.lacks(&joined) {
                Some(lacks) => Verdict::Skipped(lacks),
                None => one(fixture, codec, &stand, reference.url(), &control).await,
            };
            output.add(Case {
                name: fixture.name.clone(),
                codec,
                verdict,
                took: begun.elapsed(),
            });
        }
    }
    if let Ok(control) = Arc::try_unwrap(control) {
        control.into_inner().end().await;
    }
    Ok(())
}

async fn one(
    fixture: &Fixture,
    codec: Codec,
    stand: &Stand,
    url: &str,
    control: &Arc<Mutex<Control>>,
) -> Verdict {
    let session = match random::hex(8) {
        Ok(session) => session,
        Err(why) => return Verdict::Failed(why),
    };
    let arrivals = stand.expect(&session, codec);
    let remote = RemoteClient::new(Arc::clone(control), stand.session_url(&session), arrivals);
    let performed = perform(fixture, url, codec, Some(remote)).await;
    stand.forget(&session);
    performed.map_or_else(
        |failure| Verdict::Failed(failure.to_string()),
        |()| Verdict::Passed,
    )
}
