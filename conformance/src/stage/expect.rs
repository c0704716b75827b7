//! Steps that look at what comes.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    Outcome,
    actor::{Actor, Client, PATIENCE, kind},
};
use crate::{
    fixture::{Altered, Expect},
    pattern::{Bindings, Exactness, Mismatch, Short, matches},
};

/// What was taken from the inbox for one expectation: the messages, and the one that they come to.
struct Taken {
    parts: Vec<Value>,
    whole: Value,
}

impl Actor {
    /// Receives the messages that `expect` names.
    pub(super) async fn expect(&mut self, expect: &Expect, bindings: &mut Bindings) -> Outcome<()> {
        let patience = expect.within_ms.map_or(PATIENCE, Duration::from_millis);
        let deadline = Instant::now() + patience;
        let exactness = if expect.exact {
            Exactness::Exact
        } else {
            Exactness::Partial
        };
        let mut wanted: Vec<&Value> = expect.messages.iter().collect();
        while !wanted.is_empty() {
            let Some(taken) = self.take_whole(&wanted, bindings, deadline).await? else {
                return Err(self.nothing_came(&wanted, patience));
            };
            match find(&wanted, &taken.whole, exactness, bindings) {
                Ok(found) => {
                    wanted.remove(found);
                    self.hand_over(taken, &expect.altered, bindings).await?;
                }
                Err(_)
                    if expect
                        .skip
                        .iter()
                        .any(|skipped| skipped == kind(&taken.whole)) =>
                {
                    self.hand_over(taken, &Altered::Not, bindings).await?;
                }
                // Presence comes in as many messages as the server likes.
                Err(_) if kind(&taken.whole) == "PRESENCE" => {}
                Err(difference) => return Err(difference),
            }
        }
        Ok(())
    }

    async fn take_whole(
        &mut self,
        wanted: &[&Value],
        bindings: &Bindings,
        deadline: Instant,
    ) -> Outcome<Option<Taken>> {
        let kinds: Vec<&str> = wanted.iter().map(|pattern| kind(pattern)).collect();
        let taken = if kinds.iter().all(|kind| *kind == "PRESENCE") {
            self.take_presence(deadline).await?
        } else {
            self.take(|kind| kinds.contains(&kind), deadline).await?
        };
        let Some(first) = taken else { return Ok(None) };
        let end = wanted
            .iter()
            .find_map(|pattern| delta_end(pattern, bindings));
        match end {
            Some(end) if kind(&first) == "SYNC.DELTAS" => {
                self.join_deltas(first, end, deadline).await.map(Some)
            }
            _ => Ok(Some(Taken {
                parts: vec![first.clone()],
                whole: first,
            })),
        }
    }

    async fn take_presence(&mut self, deadline: Instant) -> Outcome<Option<Value>> {
        loop {
            if let Some(found) = self
                .inbox
                .iter()
                .position(|received| received.kind() == "PRESENCE")
            {
                return Ok(self.inbox.remove(found).map(|received| received.message));
            }
            if !self.pump(deadline).await? {
                return Ok(None);
            }
        }
    }

    /// However the server cuts what it sends: the deltas up to `end` count as one.
    async fn join_deltas(&mut self, first: Value, end: u64, deadline: Instant) -> Outcome<Taken> {
        let mut whole = first.clone();
        let mut parts = vec![first];
        while whole["toRev"].as_u64().is_some_and(|to| to < end) {
            let Some(next) = self.take(|_| false, deadline).await? else {
                let ended = self
                    .ended
                    .as_ref()
                    .map(|end| format!(", then the connection was {end}"));
                let ended = ended.unwrap_or_default();
                return Err(format!(
                    "deltas came up to {} of {end}{ended}",
                    whole["toRev"]
                ));
            };
            if kind(&next) != "SYNC.DELTAS" || next["fromRev"] != whole["toRev"] {
                self.put_back(next);
                break;
            }
            if let (Some(ops), Some(more)) = (whole["ops"].as_array_mut(), next["ops"].as_array()) {
                ops.extend(more.iter().cloned());
            }
            whole["toRev"] = next["toRev"].clone();
            parts.push(next);
        }
        Ok(Taken { parts, whole })
    }

    async fn hand_over(
        &mut self,
        taken: Taken,
        altered: &Altered,
        bindings: &Bindings,
    ) -> Outcome<()> {
        match altered {
            Altered::Lost => Ok(()),
            Altered::Not => {
                for part in &taken.parts {
                    self.deliver(part).await?;
                }
                Ok(())
            }
            Altered::Fields(fields) => {
                let mut whole = taken.whole;
                for (name, field) in fields.as_object().into_iter().flatten() {
                    whole[name] = bindings.fill(field)?;
                }
                self.deliver(&whole).await
            }
        }
    }

    fn nothing_came(&self, wanted: &[&Value], patience: Duration) -> String {
        let wanted: Vec<String> = wanted
            .iter()
            .map(|pattern| format!("  expected  {}", Short(pattern)))
            .collect();
        let what = match &self.ended {
            Some(end) => format!("the connection was {end}"),
            None => format!("nothing came within {} ms", patience.as_millis()),
        };
        format!("{what}\n{}", wanted.join("\n"))
    }

    /// Receives nothing but asides for `ms` milliseconds.
    pub(super) async fn expect_nothing(&mut self, ms: u64) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_millis(ms);
        if let Some(message) = self.take(|_| false, deadline).await? {
            return Err(format!("expected nothing\n  received  {}", Short(&message)));
        }
        match &self.ended {
            Some(end) => Err(format!("the connection was {end}")),
            None => Ok(()),
        }
    }

    /// The connection is closed by the server with a code that `pattern` allows. What comes before is not looked at.
    pub(super) async fn expect_close(
        &mut self,
        pattern: &Value,
        bindings: &mut Bindings,
    ) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.ended.is_none() {
            if !self.pump(deadline).await? && self.ended.is_none() {
                return Err(format!(
                    "the connection is still open after {} ms",
                    PATIENCE.as_millis()
                ));
            }
        }
        self.no_complaints()?;
        let Some(end) = self.ended.clone() else {
            return Ok(());
        };
        let code = match &end {
            crate::net::End::Closed(code) => Value::from(*code),
            crate::net::End::Cut(_) => Value::Null,
        };
        matches(pattern, &code, Exactness::Exact, bindings).map_err(|_| {
            format!("another end of the connection\n  expected  close {pattern}\n  received  {end}")
        })?;
        self.closed(&end).await
    }

    /// Nothing is left that a client would have had to act on.
    pub(super) fn no_complaints(&self) -> Outcome<()> {
        const COMPLAINTS: [&str; 4] = ["ERROR", "REJECT", "REVISION_GAP", "JOINED"];
        match self
            .inbox
            .iter()
            .find(|received| COMPLAINTS.contains(&received.kind()))
        {
            Some(received) => Err(format!(
                "a message that no step expects\n  received  {}",
                Short(&received.message)
            )),
            None => Ok(()),
        }
    }

    /// What it knows of who is present matches `pattern`, sooner or later.
    pub(super) async fn sees(&mut self, pattern: &Value, bindings: &mut Bindings) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.pump_waiting()?;
            let presence = self.monitor.presence();
            let Err(mismatch) = matches(pattern, &presence, Exactness::Exact, bindings) else {
                return Ok(());
            };
            if !self.pump(deadline).await? {
                return Err(differs("who is present", &mismatch, pattern, &presence));
            }
        }
    }

    /// Its state matches `pattern`; that of a wire actor sooner or later.
    pub(super) async fn state(&mut self, pattern: &Value, bindings: &mut Bindings) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.report(deadline).await?;
            let Err(mismatch) = matches(pattern, &report, Exactness::Partial, bindings) else {
                return Ok(());
            };
            if !self.state_may_change(deadline).await? {
                return Err(differs("the state", &mismatch, pattern, &report));
            }
        }
    }

    /// Its state: what a wire actor was told, what a replica holds, or what a client under test says.
    pub(super) async fn report(&mut self, deadline: Instant) -> Outcome<Value> {
        match &mut self.client {
            Client::Wire => Ok(self.monitor.report().unwrap_or(Value::Null)),
            Client::Replica(replica) => Ok(replica.report()),
            Client::Remote(remote) => remote.report(deadline).await,
        }
    }

    async fn state_may_change(&mut self, deadline: Instant) -> Outcome<bool> {
        match &self.client {
            Client::Wire => self.pump(deadline).await,
            Client::Replica(_) => Ok(false),
            Client::Remote(_) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(Instant::now() < deadline)
            }
        }
    }
}

/// Which of `wanted` the message is, or how it differs from the one it is most like.
fn find(
    wanted: &[&Value],
    message: &Value,
    exactness: Exactness,
    bindings: &mut Bindings,
) -> Result<usize, String> {
    let mut closest: Option<(usize, Mismatch)> = None;
    for (i, pattern) in wanted.iter().enumerate() {
        match matches(pattern, message, exactness, bindings) {
            Ok(()) => return Ok(i),
            Err(mismatch) if closest.is_none() || kind(pattern) == kind(message) => {
                closest = Some((i, mismatch));
            }
            Err(_) => {}
        }
    }
    let difference =
        closest.map(|(i, mismatch)| differs("the message", &mismatch, wanted[i], message));
    Err(difference.unwrap_or_default())
}

/// A difference in words, with both sides in full.
pub(super) fn differs(what: &str, mismatch: &Mismatch, pattern: &Value, value: &Value) -> String {
    format!(
        "{what} differs {mismatch}\nexpected in full\n{}\nreceived in full\n{}",
        pretty(pattern),
        pretty(value)
    )
}

/// `value` over several lines, but not over too many.
fn pretty(value: &Value) -> String {
    const LINES: usize = 60;
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut lines: Vec<String> = text
        .lines()
        .take(LINES)
        .map(|line| format!("  {}", clip(line)))
        .collect();
    if text.lines().nth(LINES).is_some() {
        lines.push("  …".to_owned());
    }
    lines.join("\n")
}

fn clip(line: &str) -> String {
    const WIDTH: usize = 160;
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The `toRev` that the pattern of a delta asks for.
fn delta_end(pattern: &Value, bindings: &Bindings) -> Option<u64> {
    let end = pattern
        .get("toRev")
        .filter(|_| kind(pattern) == "SYNC.DELTAS")?;
    bindings.fill(end).ok()?.as_u64()
}
