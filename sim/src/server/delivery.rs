//! Writing to connections: from the feed, from what is queued, and the end of those to which nothing can be written.

use revring::feed::Chunk;
use revring_protocol::{
    codec::Codec,
    ids::{ClientId, Rev, RoomName},
};

use super::{
    Context, Server,
    driver::Driver,
    output::Pass,
    session::{Session, Sessions},
};
use crate::{breakage::Breakage, broken::Checked, counters::Counter, net::ConnectionId};

impl Server {
    /// Writes what one connection lacks and its stream takes.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn write(&mut self, id: ConnectionId, cx: &mut Context<'_>) -> Checked {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        session.output.unpark();
        let joined = session.joined.clone();
        match joined.and_then(|(room, _)| self.rooms.get_mut(&room)) {
            Some(driver) => driver.write(id, None, &mut self.sessions, cx)?,
            None => {
                write_session(session, id, None, None, cx)?;
            }
        }
        self.drop_ended(cx);
        Ok(())
    }

    /// Offers what is new in a room to everyone in it.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn pass(&mut self, name: &RoomName, cx: &mut Context<'_>) -> Checked {
        if let Some(driver) = self.rooms.get_mut(name) {
            driver.pass(&mut self.sessions, cx)?;
        }
        self.drop_ended(cx);
        Ok(())
    }

    fn drop_ended(&mut self, cx: &mut Context<'_>) {
        let ended = self
            .sessions
            .iter()
            .filter(|(_, session)| session.output.is_ended());
        for id in ended.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.drop_session(id, cx);
        }
    }

    /// Ends those from which nothing came and to which nothing could be written (rule H-3).
    pub fn end_silent(&mut self, cx: &mut Context<'_>) {
        let silence = self.setting.silence_ms;
        let silent = self
            .sessions
            .iter()
            .filter(|(_, session)| session.heard + silence < cx.now);
        for id in silent.map(|(id, _)| *id).collect::<Vec<_>>() {
            cx.counters.add(Counter::Silent);
            self.drop_session(id, cx);
        }
    }
}

impl Driver {
    /// Writes to one connection, from `news` where that has what it lacks.
    pub(super) fn write(
        &mut self,
        id: ConnectionId,
        news: Option<&[Chunk; Codec::COUNT]>,
        sessions: &mut Sessions,
        cx: &mut Context<'_>,
    ) -> Checked {
        let Some(session) = sessions.get_mut(&id) else {
            return Ok(());
        };
        let joined = session.joined.as_ref();
        // Whoever has parted gets what is queued, and no more.
        let member = joined.is_some_and(|(_, client)| self.is_member(client, id));
        let behind = write_session(session, id, member.then_some(&*self), news, cx)?;
        if let Some(rev) = behind {
            self.bring_on(sessions, id, rev, cx);
        }
        Ok(())
    }
}

/// Writes to a connection, which reads the feed of `driver`. Returns where it stands if the feed no longer has that.
fn write_session(
    session: &mut Session,
    id: ConnectionId,
    driver: Option<&Driver>,
    news: Option<&[Chunk; Codec::COUNT]>,
    cx: &mut Context<'_>,
) -> Checked<Option<Rev>> {
    let Some(wire) = cx.net.wire(id) else {
        session.output.end();
        return Ok(None);
    };
    let codec = session.codec.index();
    let skips = driver.is_some_and(|driver| driver.setting.breakage == Some(Breakage::SkipDelta));
    let written = session.output.write(Pass {
        pipe: &mut wire.down,
        feed: driver.map(|driver| &driver.feeds[codec]),
        news: news.map(|chunks| &chunks[codec]),
        skips: skips && cx.dice.chance(50),
    });
    if !written.bytes.is_empty() {
        session.heard = cx.now;
    }
    if written.partial {
        cx.counters.add(Counter::PartialWrites);
    }
    session.unanswered = session.unanswered.saturating_sub(written.answered);
    let joined: Option<&(RoomName, ClientId)> = session.joined.as_ref();
    session
        .monitor
        .observe(&written.bytes, joined, cx.oracle, cx.counters)?;
    Ok(written.fell_behind)
}
