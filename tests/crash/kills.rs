//! What was acknowledged or shown before `kill -9` is there after it: once, in the order that everyone saw.

use revring_client::Codec;

use crate::{
    run::{End, Life, Plan},
    scene::Cast,
    support::kills,
    writer::Style,
};

/// Small updates, and clients that stay.
const BUSY: Style = Style {
    depth: 16,
    records: 8,
    padding: 64,
    burst: None,
};

#[tokio::test(flavor = "multi_thread")]
async fn o1_what_was_acknowledged_survives_kill_9() {
    let plan = Plan {
        test: "o1_what_was_acknowledged_survives_kill_9",
        ends: kills(12),
        end: End::Kill,
        life: Life::Millis(200),
        cast: Cast {
            rooms: 3,
            writers: 6,
            style: BUSY,
            observers: &Codec::ALL,
        },
        ring: 1024,
        args: &[],
    };
    plan.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_it_survives_in_rooms_with_short_rings_that_leave_memory_and_return() {
    let plan = Plan {
        test: "c4_it_survives_in_rooms_with_short_rings_that_leave_memory_and_return",
        ends: kills(8),
        end: End::Kill,
        life: Life::Millis(500),
        cast: Cast {
            rooms: 8,
            writers: 4,
            style: Style {
                depth: 8,
                burst: Some(24),
                ..BUSY
            },
            observers: &Codec::ALL,
        },
        ring: 64,
        args: &["--room-idle=1ms"],
    };
    plan.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o4_it_survives_kills_inside_of_checkpoints() {
    let plan = Plan {
        test: "o4_it_survives_kills_inside_of_checkpoints",
        ends: kills(3),
        end: End::Kill,
        life: Life::Checkpoint(20),
        cast: Cast {
            rooms: 1,
            writers: 2,
            style: Style {
                depth: 8,
                records: 64,
                padding: 128 << 10,
                burst: None,
            },
            observers: &[Codec::MessagePack],
        },
        ring: 16,
        args: &[],
    };
    plan.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c11_what_was_acknowledged_survives_stops_in_order() {
    let plan = Plan {
        test: "c11_what_was_acknowledged_survives_stops_in_order",
        ends: 4,
        end: End::Stop,
        life: Life::Millis(200),
        cast: Cast {
            rooms: 2,
            writers: 4,
            style: BUSY,
            observers: &Codec::ALL,
        },
        ring: 1024,
        args: &["--reconnect-spread=50ms"],
    };
    plan.run().await;
}
