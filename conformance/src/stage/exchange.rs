//! Steps in which an actor does something.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    Outcome,
    actor::{Actor, Client, PATIENCE},
    expect::differs,
};
use crate::{
    fixture::{Apply, Send, Sync},
    pattern::{Bindings, Exactness, Short, matches},
};

impl Actor {
    /// Sends what the step says; of a client: what it sends is what the step says.
    pub(super) async fn send(&mut self, send: &Send, bindings: &mut Bindings) -> Outcome<()> {
        if matches!(self.client, Client::Wire) {
            let message = bindings.fill(&send.message)?;
            return self.transmit(&message).await;
        }
        let message = self
            .scripted_message(&send.message, Instant::now() + PATIENCE)
            .await?;
        let matched = matches(&send.message, &message, Exactness::Partial, bindings);
        matched.map_err(|mismatch| {
            differs("what the client sends", &mismatch, &send.message, &message)
        })?;
        if send.lost {
            self.transcript
                .event(&self.name, &format!("lost {message}"));
            return Ok(());
        }
        self.transmit(&message).await
    }

    /// The next message of the client; heartbeats go through on their own.
    async fn scripted_message(&mut self, pattern: &Value, deadline: Instant) -> Outcome<Value> {
        loop {
            let Some(message) = self.client_message(deadline).await? else {
                return Err(format!("the client sends nothing\n  expected  {pattern}"));
            };
            if message["type"] != "HEARTBEAT" || pattern["type"] == "HEARTBEAT" {
                return Ok(message);
            }
            self.transmit(&message).await?;
        }
    }

    /// The client does not send anything but heartbeats and presence now.
    pub(super) async fn no_more_to_say(&mut self) -> Outcome<()> {
        while let Some(message) = self.client_message(Instant::now()).await? {
            if message["type"] != "HEARTBEAT" && message["type"] != "PRESENCE" {
                return Err(format!(
                    "the client sends what no step speaks of\n  received  {}",
                    Short(&message)
                ));
            }
        }
        Ok(())
    }

    /// Makes an optimistic update.
    pub(super) async fn apply(&mut self, apply: &Apply) -> Outcome<()> {
        match &mut self.client {
            Client::Wire => Err("a wire actor has no state".to_owned()),
            Client::Replica(replica) => replica.apply(apply),
            Client::Remote(remote) => remote.apply(apply).await,
        }
    }

    /// Lets client and server talk until the client stands at a revision and has nothing pending.
    pub(super) async fn sync(&mut self, sync: &Sync) -> Outcome<()> {
        let patience = sync.within_ms.map_or(PATIENCE, Duration::from_millis);
        let deadline = Instant::now() + patience;
        loop {
            self.deliver_all().await?;
            self.send_all().await?;
            let report = self.report(deadline).await?;
            let arrived = report["rev"]
                .as_u64()
                .is_some_and(|rev| rev >= sync.until_rev);
            if arrived && report["pending"].as_array().is_some_and(Vec::is_empty) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let stands = format!("rev {} with {} pending", report["rev"], report["pending"]);
                return Err(format!(
                    "after {} ms the client stands at {stands}",
                    patience.as_millis()
                ));
            }
            // Its own clock may make it send something, so it is asked again before long.
            self.pump((Instant::now() + Duration::from_millis(20)).min(deadline))
                .await?;
            self.pump_waiting()?;
        }
    }

    async fn send_all(&mut self) -> Outcome<()> {
        while let Some(message) = self.client_message(Instant::now()).await? {
            self.transmit(&message).await?;
        }
        Ok(())
    }

    /// The client does not connect on its own for `ms` milliseconds.
    pub(super) async fn stays_away(&mut self, ms: u64) -> Outcome<()> {
        let until = Instant::now() + Duration::from_millis(ms);
        match &mut self.client {
            Client::Wire | Client::Replica(_) => {
                sleep_until(until).await;
                Ok(())
            }
            Client::Remote(remote) => remote.stays_away(until).await,
        }
    }

    /// Receives a ping within `ms` milliseconds.
    pub(super) async fn expect_ping(&mut self, ms: u64) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_millis(ms);
        while self.pings == 0 {
            if !self.pump(deadline).await? {
                return Err(format!("no ping came within {ms} ms"));
            }
        }
        self.pings = 0;
        Ok(())
    }
}
