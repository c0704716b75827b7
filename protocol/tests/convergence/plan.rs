//! What happens in a run, in numbers that fit any state.

use std::ops::RangeInclusive;

use proptest::{collection::vec, prelude::*};

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) clients: usize,
    pub(crate) setting: Setting,
    pub(crate) actions: Vec<Action>,
}

/// How the room is configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) ring_ops: usize,
    pub(crate) small_ring_bytes: bool,
    pub(crate) in_flight: usize,
    /// Everyone begins without a connection.
    pub(crate) offline: bool,
    /// The last client gives pending updates back after a gap.
    pub(crate) discards: bool,
}

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// The application makes an update.
    Update(u8, Vec<Make>),
    /// The client sends what is due.
    Send(u8),
    /// The server reads messages of a client.
    Serve(u8, u8),
    /// The server refuses the next update of a client for now.
    RateLimit(u8),
    /// The room judges what has come; the log has not committed it yet.
    Propose,
    /// The log has committed.
    Commit,
    /// Another node was faster or nothing was committed: the batch is proposed again.
    Abandon,
    /// The log is not available.
    Unavailable,
    /// The server writes frames to a client, with so many operations each.
    Write(u8, u8, u8),
    /// The client reads messages.
    Read(u8, u8),
    /// All of it, for one client.
    Flow(u8),
    /// The connection ends; the server still reads so many messages from it.
    Disconnect(u8, u8),
    Connect(u8),
    Resync(u8),
    Heartbeat(u8),
    /// The server's checksum is wrong.
    BadHeartbeat(u8),
    /// Someone who is always at the head writes so many operations.
    Foreign(u8, Make),
    /// The present state is kept to serve later snapshots.
    Cache,
    /// A snapshot under way begins anew.
    CutSnapshot(u8),
    /// The server comes back under a new epoch, with or without its state.
    Restart(bool),
}

/// One change, in numbers.
#[derive(Debug, Clone)]
pub(crate) struct Make {
    pub(crate) record: u8,
    pub(crate) op: Op,
    pub(crate) field: u8,
    pub(crate) at: u8,
    pub(crate) remove: u8,
    pub(crate) value: u8,
    /// It carries the version the author sees.
    pub(crate) conditional: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Put,
    Merge,
    Set,
    Unset,
    Delete,
    Add,
    Splice,
}

pub(crate) fn plan(clients: RangeInclusive<usize>, actions: usize) -> impl Strategy<Value = Plan> {
    with_actions(clients, vec(action(op().boxed()), 1..=actions))
}

/// A plan in which most updates are splices of the same few values.
pub(crate) fn typing(
    clients: RangeInclusive<usize>,
    actions: usize,
) -> impl Strategy<Value = Plan> {
    let op = prop_oneof![30 => Just(Op::Splice), 1 => Just(Op::Set), 1 => Just(Op::Put)];
    with_actions(clients, vec(action(op.boxed()), 1..=actions))
}

fn with_actions(
    clients: RangeInclusive<usize>,
    actions: impl Strategy<Value = Vec<Action>>,
) -> impl Strategy<Value = Plan> {
    let setting = (
        prop_oneof![Just(8), Just(16)],
        any::<bool>(),
        prop_oneof![Just(3), Just(256)],
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
    );
    let setting = setting.prop_map(
        |(ring_ops, small_ring_bytes, in_flight, offline, discards)| Setting {
            ring_ops,
            small_ring_bytes,
            in_flight,
            offline,
            discards,
        },
    );
    (clients, setting, actions).prop_map(|(clients, setting, actions)| Plan {
        clients,
        setting,
        actions,
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Put),
        2 => Just(Op::Merge),
        3 => Just(Op::Set),
        1 => Just(Op::Unset),
        1 => Just(Op::Delete),
        2 => Just(Op::Add),
        8 => Just(Op::Splice),
    ]
}

fn make(op: BoxedStrategy<Op>) -> impl Strategy<Value = Make> {
    let place = (0..4u8, op, 0..6u8, any::<u8>(), 0..4u8);
    (place, any::<u8>(), prop::bool::weighted(0.1)).prop_map(
        |((record, op, field, at, remove), value, conditional)| Make {
            record,
            op,
            field,
            at,
            remove,
            value,
            conditional,
        },
    )
}

fn action(op: BoxedStrategy<Op>) -> impl Strategy<Value = Action> {
    let who = 0..4u8;
    let changes = prop_oneof![
        5 => vec(make(op.clone()), 1..2),
        1 => vec(make(op.clone()), 2..5),
    ];
    let main = prop_oneof![
        12 => (who.clone(), changes).prop_map(|(who, makes)| Action::Update(who, makes)),
        6 => who.clone().prop_map(Action::Send),
        5 => (who.clone(), 1..4u8).prop_map(|(who, n)| Action::Serve(who, n)),
        4 => Just(Action::Propose),
        4 => Just(Action::Commit),
        6 => (who.clone(), 1..4u8, 1..6u8).prop_map(|(who, n, most)| Action::Write(who, n, most)),
        6 => (who.clone(), 1..5u8).prop_map(|(who, n)| Action::Read(who, n)),
        8 => who.clone().prop_map(Action::Flow),
        3 => who.clone().prop_map(Action::Connect),
    ];
    let trouble = prop_oneof![
        4 => (who.clone(), 0..4u8).prop_map(|(who, n)| Action::Disconnect(who, n)),
        4 => (1..14u8, make(op)).prop_map(|(n, make)| Action::Foreign(n, make)),
        2 => who.clone().prop_map(Action::RateLimit),
        1 => Just(Action::Abandon),
        2 => Just(Action::Unavailable),
        1 => who.clone().prop_map(Action::Resync),
        1 => who.clone().prop_map(Action::Heartbeat),
        1 => who.clone().prop_map(Action::BadHeartbeat),
        1 => Just(Action::Cache),
        1 => who.prop_map(Action::CutSnapshot),
        1 => prop::bool::weighted(0.8).prop_map(Action::Restart),
    ];
    prop_oneof![10 => main, 1 => trouble]
}
