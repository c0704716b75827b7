//! A crowd of clients on one thread: connects them, lets them write and read as a plan says, counts, and looks whether what it saw
//! is right.

mod author;
mod client;
mod connect;
mod error;
mod figures;
mod fill;
pub(crate) mod frames;
mod link;
mod outcome;
mod pace;
mod phases;
mod sample;
mod seats;
mod storm;
#[cfg(test)]
mod tests;
mod turn;

use std::{collections::VecDeque, net::SocketAddr};

use mio::{Events, Poll};

pub(crate) use error::LoadError;

use self::{
    client::{Client, World},
    pace::Pacing,
    turn::Timers,
};
use crate::{
    model::{Check, Outcome},
    peer::PeerKind,
    plan::Plan,
    process::Process,
    progress::Progress,
    revring::Source,
};

/// Bytes read at once.
const BUFFER: usize = 256 << 10;
/// Sockets that one wait tells about.
const EVENTS: usize = 1024;

/// What is put under load.
#[derive(Debug, Clone)]
pub(crate) struct Target<'a> {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it is, as "revring 0.1.0".
    pub(crate) name: String,
    /// How it is spoken to.
    pub(crate) speak: Speak,
    /// Its process, if it is on this machine.
    pub(crate) server: Option<&'a Process>,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speak {
    /// As revring.
    Revring,
    /// As one of its peers.
    Peer(PeerKind),
    /// As the loop that only writes.
    Bare,
}

/// See the module.
pub(crate) struct Crowd<'a> {
    plan: Plan,
    target: Target<'a>,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    clients: Vec<Client>,
    world: World,
    /// Clients that are to be connected, in order.
    waiting: VecDeque<usize>,
    /// Clients whose connection is not open yet.
    opening: usize,
    pacing: Pacing,
    timers: Timers,
    /// The source of each room's updates, where they are not the plan's.
    sources: Vec<Box<dyn Source>>,
    /// Updates that they give in all, if they know.
    length: Option<u64>,
    seats: seats::Seats,
    memory_before: u64,
    sampler: sample::Sampler,
    /// Microseconds in which there was something to do.
    busy: u64,
    checks: Vec<Check>,
    unsettled: Option<String>,
}

/// Carries out `plan`: connects, warms up, measures, waits for what is on its way, checks.
///
/// # Errors
/// When the plan cannot be carried out. What does not hold is told by the checks of the outcome.
pub(crate) fn run(
    plan: &Plan,
    target: Target<'_>,
    progress: &dyn Progress,
) -> Result<Outcome, LoadError> {
    let mut crowd = Crowd::new(plan, target)?;
    crowd.connect(progress)?;
    crowd.warm_up()?;
    crowd.measure(progress)?;
    crowd.settle()?;
    crowd.verify()?;
    Ok(crowd.outcome())
}
