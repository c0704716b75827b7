//! What the server does in a step.

use revring_protocol::ids::RoomName;

use super::{Action, Happened, Machine, World, some_of};
use crate::{
    broken::Checked,
    dice::Dice,
    net::{ConnectionId, Network},
    server::{Context, Server},
};

impl World {
    pub(super) fn act_server(
        &mut self,
        action: Action,
        dice: &mut Dice,
    ) -> Checked<Option<Happened>> {
        let Machine::Up(server) = &mut self.machine else {
            return Ok(None);
        };
        let connection = pick(dice, &connections(action, server, &mut self.net));
        let room = pick(dice, &rooms(action, server));
        let step = Step {
            action,
            most: some_of(self.profile.server_pace, dice),
        };
        let mut cx = Context {
            now: self.now,
            net: &mut self.net,
            dice,
            counters: &mut self.counters,
            oracle: &self.oracle,
        };
        let what = match (connection, room) {
            (Some(id), _) => step.with_connection(server, id, &mut cx)?,
            (None, Some(room)) => step.with_room(server, &room, &mut cx)?,
            (None, None) => step.alone(server, &mut cx)?,
        };
        Ok(what.and_then(Happened::to_server))
    }
}

fn pick<T: Clone>(dice: &mut Dice, items: &[T]) -> Option<T> {
    dice.pick(items).cloned()
}

/// The connections that `action` could be about.
fn connections(action: Action, server: &Server, net: &mut Network) -> Vec<ConnectionId> {
    match action {
        Action::ServerRead => {
            let readable =
                |id: &ConnectionId| net.wire(*id).is_some_and(|wire| wire.up.is_readable());
            server.connections().filter(readable).collect()
        }
        Action::Write => server.to_write(net),
        _ => Vec::new(),
    }
}

/// The rooms that `action` could be about.
fn rooms(action: Action, server: &Server) -> Vec<RoomName> {
    match action {
        Action::Pass => server.to_pass().cloned().collect(),
        Action::Tick => server.rooms().map(|(name, _)| name.clone()).collect(),
        Action::Advance => server.to_advance().cloned().collect(),
        Action::Reload => server.to_reload().cloned().collect(),
        Action::Encode => server.to_encode().cloned().collect(),
        Action::Evict => server.to_evict().cloned().collect(),
        _ => Vec::new(),
    }
}

struct Step {
    action: Action,
    /// Bytes that are read at once, at most.
    most: usize,
}

/// What happened, if anything did.
type Done = Checked<Option<String>>;

impl Step {
    fn with_connection(&self, server: &mut Server, id: ConnectionId, cx: &mut Context<'_>) -> Done {
        if self.action == Action::Write {
            server.write(id, cx)?;
            return Ok(Some(format!("to {id}")));
        }
        server.read(id, self.most, cx)?;
        Ok(Some(format!("up to {} bytes from {id}", self.most)))
    }

    fn with_room(&self, server: &mut Server, room: &RoomName, cx: &mut Context<'_>) -> Done {
        let mut more = "";
        match self.action {
            Action::Pass => server.pass(room, cx)?,
            Action::Advance if server.advance(room, cx)? => more = " asks the log",
            Action::Reload => server.reload(room, cx)?,
            Action::Encode => server.finish_snapshot(room, cx),
            Action::Tick => server.tick(room, cx),
            Action::Evict if !server.evict(room, cx) => more = " stays",
            _ => {}
        }
        Ok(Some(format!("{room}{more}")))
    }

    fn alone(&self, server: &mut Server, cx: &mut Context<'_>) -> Done {
        match self.action {
            Action::Take if server.has_asks() => {
                let most = cx.dice.between(1, 8);
                server.take(most, cx)?;
                Ok(Some(format!("up to {most}")))
            }
            Action::Log if server.has_log_work() => Ok(Some(server.step_log(cx)?.to_owned())),
            Action::Silence => {
                server.end_silent(cx);
                Ok(Some(String::new()))
            }
            _ => Ok(None),
        }
    }
}
