//! The rate limit.

use std::time::Duration;

use revring_protocol::{codec::Codec, error::Code, message::ServerMessage};
use tokio::time::sleep;

use crate::support::{Server, put, settings};

#[tokio::test]
async fn u7_updates_over_the_rate_are_rejected_and_taken_after_retry_after_ms() {
    let mut settings = settings();
    settings.limits.updates_per_second = 2;
    let server = Server::start(settings).await;
    let mut client = server.join(Codec::Json, "room").await;
    for n in 0..10 {
        client
            .update(&format!("u{n}"), vec![put("a", "text")])
            .await;
    }
    let (mut rejected, mut operations) = (Vec::new(), 0);
    while rejected.len() + operations < 10 {
        match client.told().await {
            ServerMessage::Reject(reject) => rejected.push(reject),
            ServerMessage::Deltas(deltas) => operations += deltas.ops.len(),
            other => panic!("{other:?}"),
        }
    }
    assert!(operations >= 2, "a second's worth is taken at once");
    let reject = rejected.last().unwrap();
    assert_eq!((reject.code, reject.retryable), (Code::RateLimited, true));
    let wait = reject.retry_after_ms.unwrap();
    assert!((1..=501).contains(&wait), "{wait} ms");
    sleep(Duration::from_millis(wait)).await;
    client
        .update(reject.client_req_id.as_str(), vec![put("a", "text")])
        .await;
    assert_eq!(
        client.deltas().await.ops[0].client_req_id,
        reject.client_req_id
    );
}
