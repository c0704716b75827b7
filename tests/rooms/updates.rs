//! What becomes of updates.

use std::sync::Arc;

use parking_lot::Mutex;
use revring::log::{Appended, Log, LogError, LogFuture, MemoryLog, Stored};
use revring_protocol::{
    change::Operation,
    codec::Codec,
    error::Code,
    ids::{Epoch, Rev, RoomName},
    message::{ClientMessage, ServerMessage},
    room::Image,
};
use tokio::sync::Notify;

use crate::support::{End, Server, join, join_as, put, settings, update};

#[tokio::test]
async fn o1_two_writers_share_one_line_of_revisions() {
    let server = Server::start(settings()).await;
    let mut first = server.join(Codec::Json, "room").await;
    let mut second = server.join(Codec::MessagePack, "room").await;
    let each = 200;
    for n in 0..each {
        first
            .update(&format!("a{n}"), vec![put("a", &n.to_string())])
            .await;
        second
            .update(&format!("b{n}"), vec![put("b", &n.to_string())])
            .await;
    }
    let seen = first.operations_to(2 * each).await;
    let revs: Vec<u64> = seen.iter().map(|operation| operation.rev.get()).collect();
    assert_eq!(revs, (1..=2 * each).collect::<Vec<_>>());
    assert_eq!(
        second.operations_to(2 * each).await,
        seen,
        "everyone sees the same operations"
    );
    for author in ["a", "b"] {
        let own = seen
            .iter()
            .filter(|op| op.client_req_id.as_str().starts_with(author));
        let ids: Vec<_> = own.map(|op| op.client_req_id.to_string()).collect();
        assert_eq!(
            ids,
            (0..each)
                .map(|n| format!("{author}{n}"))
                .collect::<Vec<_>>()
        );
    }
    first.check_state().await;
    second.check_state().await;
}

#[tokio::test]
async fn u2_a_resend_gets_ack_over_any_connection() {
    let server = Server::start(settings()).await;
    let mut client = server.connect(Codec::Json).await;
    client.send(&join_as("room", Some(1), None)).await;
    client.snapshot_after_joined().await;
    client.update("u1", vec![put("a", "one")]).await;
    client.operations_to(1).await;
    let mut again = server.connect(Codec::MessagePack).await;
    again
        .send(&join_as("room", Some(1), client.position.clone()))
        .await;
    again.joined().await;
    again.update("u1", vec![put("a", "two")]).await;
    let ServerMessage::Ack { rev, duplicate, .. } = again.told().await else {
        panic!("an ACK")
    };
    assert_eq!((rev, duplicate), (Rev::new(1), true));
    assert_eq!(again.settle().await.0, 1);
}

#[tokio::test]
async fn o5_a_rejected_update_changes_nothing() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    let before = client.settle().await;
    let mut change = put("a", "one");
    change.if_version = Some(7);
    client.update("u1", vec![put("b", "one"), change]).await;
    assert_eq!(client.reject().await.code, Code::Conflict);
    client.update("u2", vec![]).await;
    assert_eq!(client.reject().await.code, Code::Invalid);
    assert_eq!(client.settle().await, before);
}

/// A log that answers when told to, and how.
#[derive(Debug)]
struct Puppet {
    memory: MemoryLog,
    script: Mutex<Vec<Step>>,
    opens: bool,
    go_on: Notify,
}

#[derive(Debug)]
enum Step {
    /// Waits until the test lets it go on.
    Wait,
    Fail,
    /// Another node was faster with these.
    Foreign(Vec<Arc<Operation>>),
}

impl Puppet {
    fn new(mut steps: Vec<Step>) -> Arc<Self> {
        steps.reverse();
        let (memory, script) = (MemoryLog::new(9), Mutex::new(steps));
        Arc::new(Self {
            memory,
            script,
            opens: true,
            go_on: Notify::new(),
        })
    }
}

impl Log for Puppet {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        if !self.opens {
            return Box::pin(async { Err(LogError::Unavailable("on purpose".to_owned())) });
        }
        self.memory.open(room)
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        let step = self.script.lock().pop();
        Box::pin(async move {
            match step {
                Some(Step::Wait) => self.go_on.notified().await,
                Some(Step::Fail) => return Err(LogError::Unavailable("on purpose".to_owned())),
                Some(Step::Foreign(foreign)) => {
                    self.memory
                        .append(room, epoch, expected_head, &foreign)
                        .await?;
                }
                None => {}
            }
            self.memory
                .append(room, epoch, expected_head, operations)
                .await
        })
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        self.memory.read(room, after)
    }

    fn checkpoint<'a>(
        &'a self,
        room: &'a RoomName,
        image: Image,
        keep_after: Rev,
    ) -> LogFuture<'a, ()> {
        self.memory.checkpoint(room, image, keep_after)
    }
}

#[tokio::test]
async fn o4_nothing_is_seen_before_the_log_has_it_and_others_are_served_meanwhile() {
    let log = Puppet::new(vec![Step::Wait]);
    let server = Server::start_with(settings(), &[], Arc::clone(&log) as Arc<dyn Log>).await;
    let mut writer = server.join(Codec::Json, "room").await;
    writer.update("u1", vec![put("a", "one")]).await;
    writer.update("u2", vec![put("a", "two")]).await;
    assert_eq!(writer.settle().await.0, 0, "the update waits for the log");
    let mut reader = server.join(Codec::Json, "room").await;
    assert_eq!(reader.settle().await.0, 0);
    log.go_on.notify_one();
    for client in [&mut writer, &mut reader] {
        assert_eq!(client.operations_to(2).await.len(), 2);
    }
}

#[tokio::test]
async fn o5_what_the_log_does_not_take_is_rejected_and_may_be_sent_again() {
    let server = Server::start_with(settings(), &[], Puppet::new(vec![Step::Fail])).await;
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    let reject = client.reject().await;
    assert_eq!((reject.code, reject.retryable), (Code::Unavailable, true));
    assert!(reject.retry_after_ms.is_some());
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(1));
    client.check_state().await;
}

#[tokio::test]
async fn c10_a_room_that_the_log_does_not_open_is_unavailable() {
    let mut log = Arc::into_inner(Puppet::new(vec![])).unwrap();
    log.opens = false;
    let server = Server::start_with(settings(), &[], Arc::new(log)).await;
    for _ in 0..2 {
        let mut client = server.connect(Codec::Json).await;
        client.send(&join("room")).await;
        assert_eq!(client.error().await, Code::Unavailable);
        assert_eq!(client.end().await, End::Closed(1013));
    }
    server.until_empty().await;
    assert_eq!(server.services.stats().await.rooms.rooms, 0);
}

#[tokio::test]
async fn o1_operations_of_another_node_come_first_and_the_batch_is_judged_again() {
    // What the other node committed is taken from a room of its own.
    let server = Server::start(settings()).await;
    let mut other = server.join(Codec::Json, "room").await;
    other.update("theirs", vec![put("a", "theirs")]).await;
    let foreign = other.operations_to(1).await;

    let server =
        Server::start_with(settings(), &[], Puppet::new(vec![Step::Foreign(foreign)])).await;
    let mut client = server.join(Codec::Json, "room").await;
    let mut only_new = put("a", "mine");
    only_new.if_version = Some(0);
    client.update("conflicting", vec![only_new]).await;
    client.update("fitting", vec![put("b", "mine")]).await;
    let mut told = [
        client.told().await,
        client.told().await,
        client.told().await,
    ];
    told.sort_by_key(|message| matches!(message, ServerMessage::Deltas(_)));
    let ServerMessage::Reject(reject) = &told[0] else {
        panic!("a REJECT")
    };
    assert_eq!(
        (reject.client_req_id.as_str(), reject.code),
        ("conflicting", Code::Conflict)
    );
    assert_eq!(client.rev(), 2);
    client.check_state().await;
}

#[tokio::test]
async fn c9_nothing_is_dropped_of_a_client_that_sends_more_than_it_reads() {
    let server = Server::start(settings()).await;
    let mut client = server.join_narrow(Codec::Json, "room").await;
    // A duplicate is answered with ACK, so every update has an answer of its own.
    client.update("u1", vec![put("a", "one")]).await;
    client.operations_to(1).await;
    let resend = ClientMessage::Update(update("u1", vec![put("a", &"x".repeat(10_000))]));
    let resend = client.frame(Codec::Json.encode(&resend));
    let (total, mut sent, mut answered, mut pauses) = (2_000, 0, 0, 0);
    while answered < total {
        while sent < total && client.try_send(resend.clone()).await {
            sent += 1;
        }
        pauses += usize::from(sent < total);
        let held = server.services.stats().await.connections.own_bytes;
        assert!(held < 64 << 10, "{held} bytes are held for one client");
        for _ in 0..(total - answered).min(250) {
            assert!(matches!(client.told().await, ServerMessage::Ack { .. }));
            answered += 1;
        }
    }
    assert!(pauses > 0, "the server stops reading");
    assert_eq!(client.settle().await.0, 1);
}

#[tokio::test]
async fn o1_a_room_goes_on_when_the_last_client_of_a_codec_says_goodbye_and_keeps_its_socket() {
    let server = Server::start(settings()).await;
    let mut leaver = server.join(Codec::MessagePack, "room").await;
    // Shards take connections in turn: the writer is to share the leaver's.
    let _other = server.join(Codec::Json, "elsewhere").await;
    let mut writer = server.join(Codec::Json, "room").await;
    leaver.send(&ClientMessage::Leave).await;
    server
        .until("the leaver has parted", |stats| {
            stats.connections.members == 2
        })
        .await;
    for n in 1..=2_000_u64 {
        writer.update(&format!("u{n}"), vec![put("r", "x")]).await;
        if n % 50 == 0 {
            writer.operations_to(n).await;
        }
    }
    drop(leaver);
}
