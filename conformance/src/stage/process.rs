//! Many operations of one client.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Outcome,
    actor::{Actor, PATIENCE, Prompt, kind},
};
use crate::{
    fixture::{Connect, Process},
    pattern::{Bindings, Short},
};

impl Actor {
    /// Has `process.count` operations accepted.
    pub(super) async fn process(
        &mut self,
        url: &str,
        process: &Process,
        bindings: &Bindings,
    ) -> Outcome<()> {
        if !self.is_connected() {
            self.connect(url, &Connect::default(), Prompt::Connect)
                .await?;
            let key = format!("{}.key", self.name);
            let join = json!({"type": "JOIN", "room": bindings.text("room"), "clientKey": bindings.text(&key)});
            self.transmit(&join).await?;
        }
        let in_flight = self.in_flight().await?;
        self.transcript.event(
            &self.name,
            &format!("has {} operations processed", process.count),
        );
        self.transcript.keep_quiet(true);
        self.run_through(process, process.unanswered.unwrap_or(in_flight))
            .await?;
        self.transcript.keep_quiet(false);
        Ok(())
    }

    async fn run_through(&mut self, process: &Process, in_flight: usize) -> Outcome<()> {
        let last = self.processed + process.count;
        let mut open = BTreeSet::new();
        while self.processed < last || !open.is_empty() {
            while self.processed < last && open.len() < in_flight {
                self.processed += 1;
                let update = self.update(process);
                open.insert(
                    update["clientReqId"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                );
                self.transmit(&update).await?;
            }
            let Some(message) = self.take(|_| false, Instant::now() + PATIENCE).await? else {
                return Err(format!("{} of its updates stay unanswered", open.len()));
            };
            settle(&mut open, &message)?;
        }
        Ok(())
    }

    /// How many updates may be unanswered; waits for `JOINED`.
    async fn in_flight(&mut self) -> Outcome<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(joined) = self.monitor.joined() {
                return Ok(joined.limits.in_flight);
            }
            if self.take(|_| false, deadline).await?.is_none() {
                return Err("no JOINED came".to_owned());
            }
        }
    }

    fn update(&self, process: &Process) -> Value {
        let n = self.processed;
        let mut data = json!({ "n": n });
        if let Some(bytes) = process.bytes {
            data["text"] = "x".repeat(bytes).into();
        }
        json!({
            "type": "UPDATE",
            "clientReqId": format!("{}-{n}", self.name),
            "changes": [{
                "op": "put",
                "collection": process.collection.as_deref().unwrap_or("items"),
                "id": format!("item-{}", n % process.records.unwrap_or(10).max(1)),
                "data": data,
            }],
        })
    }
}

/// Strikes from `open` what `message` says was accepted.
fn settle(open: &mut BTreeSet<String>, message: &Value) -> Outcome<()> {
    let accepted = match kind(message) {
        "SYNC.DELTAS" => &message["ops"],
        "REVISION_GAP" => &message["acked"],
        "ACK" => {
            open.remove(message["clientReqId"].as_str().unwrap_or_default());
            return Ok(());
        }
        "REJECT" | "ERROR" => {
            return Err(format!(
                "an update was refused\n  received  {}",
                Short(message)
            ));
        }
        _ => return Ok(()),
    };
    for id in accepted.as_array().into_iter().flatten() {
        open.remove(id["clientReqId"].as_str().unwrap_or_default());
    }
    Ok(())
}
