//! One room and several replicas, connected by queues of encoded messages: whatever is done in whatever order, in the
//! end every replica has what the room has, and every update has ended once, in the way it was told.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod client;
mod link;
mod make;
mod plan;
mod world;

use proptest::prelude::*;

use crate::{
    plan::{Plan, plan},
    world::World,
};

fn run(plan: Plan) {
    let mut world = World::new(plan.clients, plan.setting);
    for action in plan.actions {
        world.act(action);
    }
    world.settle();
    world.check_end();
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Documents, updates, delays, disconnects, gaps, retries and restarts as they come.
    #[test]
    fn k2_every_replica_ends_as_the_room(plan in plan(2..=4, 300)) {
        run(plan);
    }

    /// Two authors in one text: most of what happens is typing.
    #[test]
    fn s8_authors_of_one_text_converge(plan in plan::typing(2..=3, 300)) {
        run(plan);
    }
}
