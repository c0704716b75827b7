//! Many fixtures against one server, or against servers started for them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use revring_protocol::codec::Codec;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    fixture::{Fixture, Library},
    net::{Dial, Event, dial},
    random,
    report::{Case, Output, Verdict},
    server::{self, GROUPS, Server, ServerError},
    stage::perform,
    transcode,
};

/// Fixtures that run at the same time.
const AT_ONCE: usize = 8;
/// How long a server may take to answer a first `JOIN`.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's URL; without one, servers are started.
    pub url: Option<String>,
    /// The server's program, if it is not beside this one.
    pub server: Option<PathBuf>,
    /// In which codecs.
    pub codecs: Vec<Codec>,
}

/// Why nothing could be run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// No server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A server that takes no client.
    #[error("{url} does not take a client: {why}")]
    Probe {
        /// The server's URL.
        url: String,
        /// What happened.
        why: String,
    },
}

/// Runs the fixtures of `library` as `plan` says and reports each to `output`.
///
/// # Errors
/// When there is no server to run them against.
pub async fn run(library: &Library, plan: &Plan, output: &mut Output) -> Result<(), SuiteError> {
    let mut servers = Servers::new(plan).await?;
    let mut tasks = Vec::new();
    for fixture in library.fixtures() {
        let target = servers.find(fixture).await?;
        for codec in plan
            .codecs
            .iter()
            .copied()
            .filter(|codec| fixture.concerns(*codec))
        {
            tasks.push((Arc::new(fixture.clone()), codec, target.clone()));
        }
    }
    let started = stream::iter(tasks)
        .map(|(fixture, codec, target)| async move { one(&fixture, codec, target).await });
    let mut cases = started.buffered(AT_ONCE);
    while let Some(case) = cases.next().await {
        output.add(case);
    }
    Ok(())
}

async fn one(fixture: &Arc<Fixture>, codec: Codec, target: Result<String, String>) -> Case {
    let begun = Instant::now();
    let verdict = match target {
        Err(lacks) => Verdict::Skipped(lacks),
        Ok(url) => {
            let fixture = Arc::clone(fixture);
            let run = tokio::spawn(async move { perform(&fixture, &url, codec, None).await });
            match run.await {
                Ok(Ok(())) => Verdict::Passed,
                Ok(Err(failure)) => Verdict::Failed(failure.to_string()),
                Err(error) => Verdict::Failed(format!("the runner itself failed: {error}")),
            }
        }
    };
    Case {
        name: fixture.name.clone(),
        codec,
        verdict,
        took: begun.elapsed(),
    }
}

/// The servers at hand, each with what its `JOINED` says.
struct Servers {
    /// The program, unless a URL was given.
    program: Option<PathBuf>,
    known: Vec<Known>,
}

struct Known {
    url: String,
    /// Place in [`GROUPS`]; `None` for a server that was not started here.
    group: Option<usize>,
    joined: Value,
    _server: Option<Server>,
}

impl Servers {
    async fn new(plan: &Plan) -> Result<Self, SuiteError> {
        let Some(url) = &plan.url else {
            let program = server::program(plan.server.as_deref()).await?;
            return Ok(Self {
                program: Some(program),
                known: Vec::new(),
            });
        };
        let joined = probe(url, None).await;
        let joined = joined.map_err(|why| SuiteError::Probe {
            url: url.clone(),
            why,
        })?;
        let known = Known {
            url: url.clone(),
            group: None,
            joined,
            _server: None,
        };
        Ok(Self {
            program: None,
            known: vec![known],
        })
    }

    /// The URL of a server that offers what `fixture` needs, or what none offers.
    async fn find(&mut self, fixture: &Fixture) -> Result<Result<String, String>, SuiteError> {
        let Some(program) = self.program.clone() else {
            let known = &self.known[0];
            return Ok(match fixture.needs.settings {
                Some(settings) => Err(format!(
                    "needs settings that a client cannot read ({settings:?})"
                )),
                None => fixture
                    .needs
                    .lacks(&known.joined)
                    .map_or_else(|| Ok(known.url.clone()), Err),
            });
        };
        let mut lacks = "no group of settings fits".to_owned();
        for (i, group) in GROUPS.iter().enumerate() {
            if group.settings != fixture.needs.settings {
                continue;
            }
            let known = self.started(&program, i).await?;
            match fixture.needs.lacks(&known.joined) {
                None => return Ok(Ok(known.url.clone())),
                Some(what) => lacks = what,
            }
        }
        Ok(Err(lacks))
    }

    /// The server of group `i`, started if it is not.
    async fn started(&mut self, program: &Path, i: usize) -> Result<&Known, SuiteError> {
        let place = if let Some(place) = self.known.iter().position(|known| known.group == Some(i))
        {
            place
        } else {
            let server = Server::start(program, &GROUPS[i]).await?;
            let url = server.url().to_owned();
            let joined = probe(&url, Some("conformance-writer")).await;
            let joined = joined.map_err(|why| SuiteError::Probe {
                url: url.clone(),
                why,
            })?;
            self.known.push(Known {
                url,
                group: Some(i),
                joined,
                _server: Some(server),
            });
            self.known.len() - 1
        };
        Ok(&self.known[place])
    }
}

/// Joins a room that no one uses and returns what `JOINED` says.
pub(crate) async fn probe(url: &str, token: Option<&str>) -> Result<Value, String> {
    timeout(PROBE_TIME, join(url, token))
        .await
        .map_err(|_| "it does not answer JOIN".to_owned())?
}

async fn join(url: &str, token: Option<&str>) -> Result<Value, String> {
    let codec = Codec::Json;
    let subprotocols = [codec.subprotocol().to_owned()];
    let (mut link, _) = dial(Dial {
        url,
        subprotocols: &subprotocols,
        receive_buffer: None,
    })
    .await?;
    let mut join = json!({"type": "JOIN", "room": format!("team-probe-{}", random::hex(6)?)});
    if let Some(token) = token {
        join["token"] = token.into();
    }
    let sent = link.send(codec, transcode::encode(codec, &join)).await;
    sent.map_err(|error| error.to_string())?;
    loop {
        match link.event().await {
            Event::Message(incoming) => {
                let message = transcode::decode(codec, &incoming.bytes)?;
                return if message["type"] == "JOINED" {
                    Ok(message)
                } else {
                    Err(format!("it answers JOIN with {message}"))
                };
            }
            Event::Ended(end) => return Err(format!("the connection was {end}")),
            Event::Ping | Event::Pong(_) => {}
        }
    }
}
