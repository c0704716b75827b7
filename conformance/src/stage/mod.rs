//! One run of one fixture in one codec.

mod actor;
mod exchange;
mod expect;
mod monitor;
mod process;
mod raw;
pub(crate) mod remote;
mod replica;
pub(crate) mod report;
mod transcript;

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    time::Duration,
};

use revring_protocol::{codec::Codec, ids::ClientKey, replica::OnGap};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use self::{
    actor::{Actor, Client, PATIENCE, Prompt},
    remote::RemoteClient,
    replica::ReplicaClient,
    transcript::Transcript,
};
use crate::{
    fixture::{self, Action, Assertion, Connect, Fixture, Step},
    net::refused_upgrade,
    pattern::Bindings,
    random,
};

/// What a step comes to; the error is what to tell a person.
type Outcome<T> = Result<T, String>;

/// How long a whole fixture may take.
const FIXTURE_TIME: Duration = Duration::from_secs(60);

/// Where a run failed, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    place: String,
    why: String,
    rules: Vec<String>,
    transcript: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.place, self.why)?;
        writeln!(f, "this is about {}", self.rules.join(", "))?;
        if !self.transcript.is_empty() {
            writeln!(f, "the last messages")?;
        }
        self.transcript
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Runs `fixture` against the server at `url` in `codec`; `remote` takes the part that the fixture lets a client play.
pub(crate) async fn perform(
    fixture: &Fixture,
    url: &str,
    codec: Codec,
    remote: Option<RemoteClient>,
) -> Result<(), Failure> {
    let transcript = Transcript::default();
    let failure = |place: String, why: String| {
        let (rules, transcript) = (fixture.rules.clone(), transcript.lines());
        Failure {
            place,
            why,
            rules,
            transcript,
        }
    };
    let stage = Stage::new(fixture, url, codec, remote, &transcript);
    let mut stage = stage.map_err(|why| failure("before the first step".to_owned(), why))?;
    match timeout(FIXTURE_TIME, stage.play(fixture)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(failure(stage.place.clone(), why)),
        Err(_) => Err(failure(
            stage.place.clone(),
            format!("it takes longer than {} s", FIXTURE_TIME.as_secs()),
        )),
    }
}

struct Stage {
    url: String,
    codec: Codec,
    actors: BTreeMap<String, Actor>,
    bindings: Bindings,
    /// The step or assertion at hand.
    place: String,
}

impl Stage {
    fn new(
        fixture: &Fixture,
        url: &str,
        codec: Codec,
        mut remote: Option<RemoteClient>,
        transcript: &Transcript,
    ) -> Outcome<Self> {
        let mut bindings = Bindings::default();
        // Rooms whose names begin like this are those that the tokens of `Settings::Tokens` open.
        let room = format!("team-{}-{}", fixture.name, random::hex(6)?);
        bindings.set("room", room.clone());
        let mut actors = BTreeMap::new();
        for (name, kind) in &fixture.actors {
            let key = random::hex(16)?;
            let id = ClientKey::new(&key)
                .map_err(|error| error.to_string())?
                .client_id();
            bindings.set(format!("{name}.key"), key.clone());
            bindings.set(format!("{name}.id"), id.as_str());
            let on_gap = match kind {
                fixture::Actor::Discarding => OnGap::Discard,
                fixture::Actor::Wire | fixture::Actor::Replica => OnGap::Resubmit,
            };
            let played = remote.take_if(|_| fixture.play.as_ref() == Some(name));
            let client = match (kind, played) {
                (_, Some(mut remote)) => {
                    remote.cast(&fixture.name, &room, &key, on_gap);
                    Client::Remote(Box::new(remote))
                }
                (fixture::Actor::Wire, None) => Client::Wire,
                (_, None) => Client::Replica(Box::new(ReplicaClient::new(&room, &key, on_gap)?)),
            };
            actors.insert(
                name.clone(),
                Actor::new(name, codec, client, transcript.clone()),
            );
        }
        Ok(Self {
            url: url.to_owned(),
            codec,
            actors,
            bindings,
            place: String::new(),
        })
    }

    async fn play(&mut self, fixture: &Fixture) -> Outcome<()> {
        let played = self.play_steps(fixture).await;
        for actor in self.actors.values_mut() {
            if let Client::Remote(remote) = &mut actor.client {
                remote.done().await;
            }
        }
        played
    }

    async fn play_steps(&mut self, fixture: &Fixture) -> Outcome<()> {
        for (i, step) in fixture.steps.iter().enumerate() {
            if step
                .codec
                .is_some_and(|codec| Codec::from(codec) != self.codec)
            {
                continue;
            }
            self.place = place_of(i, step);
            self.take_step(step).await?;
        }
        for (i, assertion) in fixture.assertions.iter().enumerate() {
            self.place = format!("assertion {}", i + 1);
            self.assert(assertion).await?;
        }
        self.finish().await
    }

    async fn take_step(&mut self, step: &Step) -> Outcome<()> {
        let Self {
            url,
            actors,
            bindings,
            ..
        } = self;
        let actor = actors.get_mut(&step.actor).ok_or("no such actor")?;
        match &step.action {
            Action::Connect(connect) => actor.connect(url, connect, Prompt::Connect).await,
            Action::Reconnect(connect) => actor.connect(url, connect, Prompt::Reconnect).await,
            Action::ComesBack(ms) => {
                actor
                    .connect(url, &Connect::default(), Prompt::None(*ms))
                    .await
            }
            Action::Ends(code) => actor.ends(*code).await,
            Action::Handshake(handshake) => refuse(url, handshake).await,
            Action::Send(send) => actor.send(send, bindings).await,
            Action::Expect(expect) => actor.expect(expect, bindings).await,
            Action::ExpectNothing(ms) => actor.expect_nothing(*ms).await,
            Action::Presence(pattern) => actor.sees(pattern, bindings).await,
            Action::Apply(apply) => actor.apply(apply).await,
            Action::Process(process) => actor.process(url, process, bindings).await,
            Action::Raw(raw) => actor.raw(raw, bindings).await,
            Action::Pause => actor.link().map(|link| link.read(false)),
            Action::Resume => actor.link().map(|link| link.read(true)),
            Action::Ping(payload) => actor.ping(payload).await,
            Action::ExpectPing(ms) => actor.expect_ping(*ms).await,
            Action::ExpectClose(code) => actor.expect_close(code, bindings).await,
            Action::Disconnect => actor.disconnect().await,
            Action::State(pattern) => actor.state(pattern, bindings).await,
            Action::Sync(sync) => actor.sync(sync).await,
            Action::Inject(message) => actor.deliver(&bindings.fill(message)?).await,
            Action::StaysAway(ms) => actor.stays_away(*ms).await,
            Action::Wait(ms) => {
                sleep(Duration::from_millis(*ms)).await;
                Ok(())
            }
        }
    }

    async fn assert(&mut self, assertion: &Assertion) -> Outcome<()> {
        match assertion {
            Assertion::State { actor, state } => {
                let actor = self.actors.get_mut(actor).ok_or("no such actor")?;
                actor.state(state, &mut self.bindings).await
            }
            Assertion::Equal { equal } => self.assert_equal(equal).await,
        }
    }

    /// They stand at the same place, sooner or later.
    async fn assert_equal(&mut self, names: &[String]) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let places = self.places(names, deadline).await?;
            let Some((first, rest)) = places.split_first() else {
                return Ok(());
            };
            if rest.iter().all(|place| place.1 == first.1) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let lines: Vec<_> = places
                    .iter()
                    .map(|(name, place)| format!("  {name}  {place}"))
                    .collect();
                return Err(format!(
                    "they differ in epoch, rev or checksum\n{}",
                    lines.join("\n")
                ));
            }
            for name in names {
                let actor = self.actors.get_mut(name).ok_or("no such actor")?;
                if actor.is_connected() {
                    actor
                        .pump(Instant::now() + Duration::from_millis(5))
                        .await?;
                }
            }
        }
    }

    /// Epoch, rev and checksum of each of `names`.
    async fn places(
        &mut self,
        names: &[String],
        deadline: Instant,
    ) -> Outcome<Vec<(String, Value)>> {
        let mut places = Vec::new();
        for name in names {
            let actor = self.actors.get_mut(name).ok_or("no such actor")?;
            let report = actor.report(deadline).await?;
            places.push((
                name.clone(),
                json!([report["epoch"], report["rev"], report["checksum"]]),
            ));
        }
        Ok(places)
    }

    /// Whatever the fixture is about: nobody got a message that asks for a reaction and was not expected, and no client
    /// wants to send what no step speaks of.
    async fn finish(&mut self) -> Outcome<()> {
        for (name, actor) in &mut self.actors {
            self.place = format!("{name}, at the end");
            actor.pump_waiting()?;
            actor.no_complaints()?;
            if actor.is_connected() {
                actor.no_more_to_say().await?;
            }
        }
        Ok(())
    }
}

fn place_of(i: usize, step: &Step) -> String {
    let mut place = format!("step {}, {} {}", i + 1, step.actor, step.action.verb());
    if let Some(comment) = &step.comment {
        // Writing to a String cannot fail.
        let _ = write!(place, " ({comment})");
    }
    place
}

async fn refuse(url: &str, handshake: &fixture::Handshake) -> Outcome<()> {
    let answer = refused_upgrade(url, &handshake.subprotocols).await?;
    if answer.status != handshake.status {
        return Err(format!(
            "the answer has another status\n  expected  {}\n  received  {}",
            handshake.status, answer.status
        ));
    }
    match handshake
        .body
        .iter()
        .find(|text| !answer.body.contains(text.as_str()))
    {
        Some(text) => Err(format!(
            "the answer's body does not contain {text:?}\n  received  {:?}",
            answer.body
        )),
        None => Ok(()),
    }
}
