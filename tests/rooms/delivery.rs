//! Deltas to clients of any speed.

use revring_protocol::{
    codec::Codec,
    ids::Rev,
    message::{ClientMessage, GapReason, ServerMessage},
};

use crate::support::{Client, Server, join, put, settings};

/// Writes updates of 2 KiB until `head`, and reads them.
async fn write_to(writer: &mut Client, head: u64) {
    let text = "x".repeat(2_000);
    while writer.rev() < head {
        let next = writer.rev() + 1;
        let last = (next + 49).min(head);
        for n in next..=last {
            writer
                .update(&format!("u{n}"), vec![put(&format!("r{}", n % 7), &text)])
                .await;
        }
        writer.operations_to(last).await;
    }
}

#[tokio::test]
async fn f8_a_slow_reader_catches_up_without_a_hole() {
    let server = Server::start(settings()).await;
    for codec in Codec::ALL {
        let room = codec.subprotocol();
        let mut slow = server.join_narrow(codec, room).await;
        let mut writer = server.join(Codec::Json, room).await;
        write_to(&mut writer, 400).await;
        server
            .until("full", |stats| stats.connections.full == 1)
            .await;
        assert_eq!(slow.operations_to(400).await.len(), 400);
        slow.check_state().await;
    }
}

#[tokio::test]
async fn f8_a_reader_that_fell_out_of_the_feed_but_not_the_ring_gets_deltas() {
    let mut settings = settings();
    // The ring holds 500 such operations in 4 MiB, the feed a quarter of that.
    settings.limits.ring_bytes = 4 << 20;
    let server = Server::start(settings).await;
    let mut slow = server.join_narrow(Codec::Json, "room").await;
    let mut writer = server.join(Codec::Json, "room").await;
    write_to(&mut writer, 1_000).await;
    assert_eq!(slow.operations_to(1_000).await.len(), 1_000);
    slow.check_state().await;
}

#[tokio::test]
async fn f4_past_the_ring_a_slow_reader_gets_a_gap_and_goes_on_on_the_same_socket() {
    let mut settings = settings();
    settings.limits.ring_ops = 64;
    let server = Server::start(settings).await;
    for codec in Codec::ALL {
        let room = codec.subprotocol();
        let mut slow = server.join_narrow(codec, room).await;
        let mut writer = server.join(Codec::Json, room).await;
        write_to(&mut writer, 500).await;
        let gap = loop {
            match slow.told().await {
                ServerMessage::Deltas(_) => {}
                ServerMessage::Gap(gap) => break gap,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(gap.reason, GapReason::Behind);
        assert_eq!(
            gap.expected_rev.get(),
            slow.rev(),
            "the last revision that was sent"
        );
        assert_eq!(
            (gap.server_rev, gap.buffer_first_rev),
            (Rev::new(500), Rev::new(437))
        );
        let parts = slow.snapshot().await;
        assert_eq!(parts[0].rev, gap.resume_from);
        write_to(&mut writer, 510).await;
        slow.operations_to(510).await;
        slow.check_state().await;
    }
}

#[tokio::test]
async fn c9_a_client_that_does_not_read_costs_the_rest_of_one_frame() {
    let server = Server::start(settings()).await;
    let _stuck = server.join_narrow(Codec::Json, "room").await;
    let mut writer = server.join(Codec::Json, "room").await;
    write_to(&mut writer, 300).await;
    server
        .until("full", |stats| stats.connections.full == 1)
        .await;
    for head in [600, 900, 1_200, 1_500] {
        write_to(&mut writer, head).await;
        let held = server.services.stats().await.connections.own_bytes;
        assert!(
            held <= 65 << 10,
            "{held} bytes are held after {head} operations"
        );
    }
}

#[tokio::test]
async fn c7_resync_of_a_reader_that_fell_behind_drops_what_was_queued_for_it() {
    let mut settings = settings();
    settings.limits.ring_ops = 64;
    let server = Server::start(settings).await;
    let mut slow = server.join_narrow(Codec::Json, "room").await;
    let mut writer = server.join(Codec::Json, "room").await;
    write_to(&mut writer, 300).await;
    server
        .until("full", |stats| stats.connections.full == 1)
        .await;
    for _ in 0..20 {
        slow.send(&ClientMessage::Resync(None)).await;
    }
    // Whatever the writer still had begun comes first; then twenty answers, the last of which is followed by its snapshot.
    let mut answers = 0;
    while answers < 20 {
        if let ServerMessage::Joined(joined) = slow.told().await {
            answers += 1;
            assert!(!joined.resumed);
        }
    }
    slow.snapshot().await;
    write_to(&mut writer, 310).await;
    slow.operations_to(310).await;
    slow.check_state().await;
}

#[tokio::test]
async fn f3_many_readers_of_both_codecs_see_the_same_line_while_some_come_and_go() {
    let mut settings = settings();
    settings.limits.ring_ops = 256;
    let server = Server::start(settings).await;
    let mut writer = server.join(Codec::Json, "room").await;
    let mut readers = Vec::new();
    for n in 0..20 {
        let codec = Codec::ALL[n % 2];
        readers.push(server.join(codec, "room").await);
    }
    for (round, codec) in (1..=10).zip(Codec::ALL.into_iter().cycle()) {
        write_to(&mut writer, round * 30).await;
        drop(readers.remove(0));
        let mut newcomer = server.connect(codec).await;
        newcomer.send(&join("room")).await;
        readers.push(newcomer);
    }
    for reader in &mut readers {
        reader.reach(300).await;
        reader.check_state().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_a_busy_server_gaps_nobody_who_reads() {
    let mut settings = settings();
    settings.limits.ring_ops = 16;
    settings.send_buffer = 0;
    let server = Server::start(settings).await;
    let mut writer = server.join(Codec::Json, "room").await;
    let mut readers = Vec::new();
    for _ in 0..40 {
        readers.push(server.join(Codec::MessagePack, "room").await);
    }
    // Far more than the ring, as fast as the server takes it, and little enough for every socket.
    let total = 1_000;
    for n in 1..=total {
        writer
            .update(&format!("u{n}"), vec![put("a", "text")])
            .await;
    }
    writer.operations_to(total).await;
    for reader in &mut readers {
        reader.operations_to(total).await;
        reader.check_state().await;
    }
}
