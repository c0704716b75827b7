//! When snapshots are stored.

use revring_client::change;
use serde_json::json;

use crate::{
    process::Host,
    stored::Peek,
    support::{directory, open, quick, soon, wait},
};

/// Lives of the server, in each of which it stores a quarter of what a snapshot is made after.
const LIVES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn c4_what_earlier_lives_left_counts_towards_the_next_snapshot() {
    let place = directory();
    let host = Host::new(place.path(), &[]);
    let text = "x".repeat(64 << 10);
    for life in 1..=LIVES {
        let served = host.start().await;
        let room = open(quick(), &host.url(), "room").await;
        for n in 0..16 {
            let put = change::put("cards", &n.to_string(), json!({ "text": text }));
            soon("an answer", room.update(put)).await.expect("accepted");
        }
        if life == LIVES {
            let peek = Peek::open(&host.database());
            wait("a snapshot", || peek.snapshot() > 0).await;
        }
        served.kill().await;
    }
    host.check_log();
}
