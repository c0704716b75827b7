//! Lets newcomers in a few at a time, so that a crowd of them does not hold up those who are in.
//!
//! The runtime takes ready tasks in turn. A thousand handshakes that are ready at once would be as many tasks in front of
//! everyone who comes after them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    sync::{Notify, Semaphore},
    task::{AbortHandle, yield_now},
};

/// Newcomers that are looked after before everyone else has their turn.
const AT_ONCE: usize = 4;

/// Where newcomers wait for their turn. They are let in in the order in which they came.
#[derive(Debug)]
pub(crate) struct Door {
    queue: Arc<Queue>,
    keeper: AbortHandle,
}

#[derive(Debug)]
struct Queue {
    waiting: AtomicUsize,
    knocked: Notify,
    turns: Semaphore,
}

impl Door {
    /// A door that is kept by a task on the current runtime.
    pub(super) fn new() -> Self {
        let queue = Arc::new(Queue {
            waiting: AtomicUsize::new(0),
            knocked: Notify::new(),
            turns: Semaphore::new(0),
        });
        let keeper = tokio::spawn(keep(Arc::clone(&queue))).abort_handle();
        Self { queue, keeper }
    }

    /// Resolves when it is the newcomer's turn.
    pub(crate) async fn pass(&self) {
        self.queue.waiting.fetch_add(1, Ordering::AcqRel);
        self.queue.knocked.notify_one();
        if let Ok(turn) = self.queue.turns.acquire().await {
            turn.forget();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Lets in whoever waits. Whoever went away meanwhile leaves their turn to the next.
async fn keep(queue: Arc<Queue>) {
    loop {
        queue.knocked.notified().await;
        loop {
            let waiting = queue.waiting.load(Ordering::Acquire);
            if waiting == 0 {
                break;
            }
            let turns = waiting.min(AT_ONCE);
            queue.waiting.fetch_sub(turns, Ordering::AcqRel);
            queue.turns.add_permits(turns);
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::task::JoinSet;

    use super::*;

    const NEWCOMERS: usize = 100;

    #[tokio::test]
    async fn a_crowd_of_newcomers_leaves_turns_to_everyone_else() {
        let door = Arc::new(Door::new());
        let turns = Arc::new(AtomicUsize::new(0));
        let mut newcomers = JoinSet::new();
        for _ in 0..NEWCOMERS {
            let door = Arc::clone(&door);
            newcomers.spawn(async move { door.pass().await });
        }
        let other = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            }
        });
        newcomers.join_all().await;
        other.abort();
        let had = turns.load(Ordering::Relaxed);
        assert!(
            had >= NEWCOMERS / AT_ONCE - 1,
            "{had} turns while {NEWCOMERS} came"
        );
    }

    #[tokio::test]
    async fn whoever_goes_away_does_not_keep_others_out() {
        let door = Door::new();
        for _ in 0..NEWCOMERS {
            assert_eq!(door.pass().now_or_never(), None);
        }
        for _ in 0..NEWCOMERS {
            door.pass().await;
        }
    }
}
