//! Every log keeps the laws of `Log`.

use std::sync::Arc;

use revring::log::{Log, LogError, MemoryLog, contract};
use revring_protocol::ids::RoomName;

#[tokio::test]
async fn c4_the_memory_log_keeps_every_law() {
    contract::check_all(|| Arc::new(MemoryLog::new(10))).await;
}

#[tokio::test]
async fn c10_a_memory_log_that_is_full_opens_no_new_room() {
    let log = MemoryLog::new(1);
    contract::a_room_begins_with_its_first_operation(&log).await;
    let known: RoomName = "room".parse().unwrap();
    let unknown: RoomName = "another".parse().unwrap();
    assert!(log.open(&known).await.unwrap().is_some());
    assert_eq!(log.open(&unknown).await.unwrap_err(), LogError::Full);
}
