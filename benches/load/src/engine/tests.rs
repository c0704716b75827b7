//! Crowds on a real server in this process.

use std::time::Duration;

use revring::config::Settings;
use revring_protocol::{
    change::{Change, Edit},
    codec::Codec,
    ids::{Collection, RecordId, RecordKey},
    value::Object,
};

use super::{client::Voice, figures::difference, storm::Storm, *};
use crate::{
    model::Counts,
    plan::{Pace, Work},
    progress::Silent,
    revring::Planned,
    server::Server,
};

impl Server {
    fn start(ring_ops: usize) -> Self {
        Self::with(Settings {
            ring_ops,
            ..Settings::default()
        })
    }

    fn crowd(&self, plan: &Plan) -> Crowd<'static> {
        self.crowd_with(plan, Vec::new())
    }

    fn crowd_with(&self, plan: &Plan, sources: Vec<Box<dyn Source>>) -> Crowd<'static> {
        let target = Target {
            address: self.address(),
            name: "revring".to_owned(),
            speak: Speak::Revring,
            server: None,
        };
        let mut crowd = Crowd::with_sources(plan, target, sources).unwrap();
        crowd.connect(&Silent).unwrap();
        crowd
    }
}

fn plan() -> Plan {
    Plan {
        name: "test".to_owned(),
        rooms: 1,
        readers: 20,
        writers: 1,
        pace: Pace::Window(8),
        payload: 40,
        codec: Codec::MessagePack,
        work: Work::Put,
        records: 30,
        record_bytes: 100,
        replicas: 2,
        slow: None,
        reconnecting: 0.0,
        stamps_of_one_in: 1,
        ramp: 10_000.0,
        warm_up: Duration::ZERO,
        duration: Duration::from_millis(200),
        awake: false,
    }
}

fn assert_holds(crowd: &mut Crowd<'_>) {
    crowd.settle().unwrap();
    for check in crowd.verify().unwrap() {
        assert!(check.holds, "{}: {}", check.what, check.detail);
    }
}

/// What happened in a storm.
fn storm(
    crowd: &mut Crowd<'static>,
    make: impl FnOnce(&mut Crowd<'static>) -> Result<Storm, LoadError>,
) -> Counts {
    let before = crowd.world.figures.total.clone();
    let storm = make(crowd).unwrap();
    assert!(storm.time > Duration::ZERO && storm.cpu_seconds.is_none());
    difference(&crowd.world.figures.total, &before)
}

#[test]
fn f2_all_come_back_with_deltas_while_the_ring_has_them() {
    let server = Server::start(1024);
    let mut crowd = server.crowd(&plan());
    assert_eq!(crowd.drop_all(), 20);
    crowd.write_some(100).unwrap();
    let counts = storm(&mut crowd, Crowd::return_all);
    assert_eq!((counts.resumes, counts.gaps), (20, 0));
    assert_eq!(counts.deliveries, 20 * 100);
    assert_holds(&mut crowd);
}

#[test]
fn f4_all_come_back_with_a_snapshot_when_the_ring_has_moved_on() {
    let server = Server::start(16);
    let mut crowd = server.crowd(&plan());
    crowd.drop_all();
    crowd.write_some(100).unwrap();
    let counts = storm(&mut crowd, Crowd::return_all);
    assert_eq!((counts.resumes, counts.gaps, counts.snapshots), (0, 20, 20));
    assert_holds(&mut crowd);
}

#[test]
fn c6_cold_joins_get_a_snapshot_while_others_write() {
    let server = Server::start(1024);
    let mut crowd = server.crowd(&plan());
    crowd.start();
    let counts = storm(&mut crowd, |crowd| crowd.join_cold(10));
    assert!(counts.snapshots >= 10, "{counts:?}");
    crowd.stop();
    assert_eq!(crowd.clients.len(), 31);
    assert_holds(&mut crowd);
}

#[test]
fn an_open_loop_sends_what_is_due_whatever_comes_back() {
    let server = Server::start(1024);
    let plan = Plan {
        pace: Pace::Rate(500.0),
        writers: 3,
        duration: Duration::from_millis(400),
        ..plan()
    };
    let mut crowd = server.crowd(&plan);
    crowd.begin_measuring().unwrap();
    crowd.start();
    crowd.run_for(plan.duration).unwrap();
    let Pacing::Rate { began, .. } = crowd.pacing else {
        panic!("{:?}", crowd.pacing);
    };
    let now = crowd.world.now();
    crowd.write(now).unwrap();
    crowd.end_measuring().unwrap();
    assert_holds(&mut crowd);
    let outcome = crowd.outcome();
    // One is due at once, and one every 2 ms, however late the load is.
    assert_eq!(outcome.counts.updates, (now - began) / 2000 + 1);
    let readers = outcome
        .latency
        .iter()
        .find(|latency| latency.class == "readers");
    assert_eq!(
        readers.map(|latency| latency.count),
        Some(outcome.counts.updates * 18)
    );
    assert!(!outcome.samples.is_empty());
}

#[test]
fn a_refused_update_is_not_acknowledged() {
    let server = Server::start(1024);
    let mut crowd = server.crowd(&plan());
    crowd.write_some(5).unwrap();
    let author = &mut crowd.world.authors[0];
    (author.sent, author.refused) = (author.sent + 1, 1);
    assert!(author.answer(5));
    crowd.settle().unwrap();
    let checks = crowd.verify().unwrap().iter();
    let failed: Vec<&Check> = checks.filter(|check| !check.holds).collect();
    let [answers] = &failed[..] else {
        panic!("{failed:?}");
    };
    assert!(
        answers
            .detail
            .contains("of 6 updates, 0 have no answer, 1 are refused"),
        "{answers:?}"
    );
}

/// Puts another record each time.
struct Records(u32);

impl Source for Records {
    fn next(&mut self, _: u32) -> Option<Planned> {
        self.0 = self.0.checked_sub(1)?;
        let key = RecordKey {
            collection: Collection::new("c").unwrap(),
            id: RecordId::new(&self.0.to_string()).unwrap(),
        };
        let edit = Edit::Put {
            data: Object::default(),
        };
        let change = Change {
            key,
            if_version: None,
            edit,
        };
        Some(Planned {
            at: None,
            changes: vec![change],
        })
    }
}

#[test]
fn u7_updates_that_a_server_takes_later_are_waited_for() {
    let server = Server::with(Settings {
        updates_per_second: 20,
        ..Settings::default()
    });
    let plan = Plan {
        records: 0,
        pace: Pace::Window(64),
        duration: Duration::from_millis(50),
        ..plan()
    };
    let mut crowd = server.crowd_with(&plan, vec![Box::new(Records(40))]);
    crowd.measure(&Silent).unwrap();
    assert!(crowd.unanswered() > 0);
    assert_holds(&mut crowd);
    assert_eq!(crowd.world.figures.total.acknowledged, 40);
    assert!(crowd.world.figures.total.refused.is_empty());
}

/// A loop that copies what each client sends to all.
fn bare(plan: &Plan) -> Crowd<'static> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || crate::limit::copy(listener, 1));
    let target = Target {
        address,
        name: "bare".to_owned(),
        speak: Speak::Bare,
        server: None,
    };
    let mut crowd = Crowd::new(plan, target).unwrap();
    crowd.connect(&Silent).unwrap();
    crowd
}

#[test]
fn without_revisions_everyone_ends_with_all_that_was_sent() {
    let plan = Plan {
        records: 0,
        replicas: 0,
        stamps_of_one_in: 2,
        ..plan()
    };
    let mut crowd = bare(&plan);
    crowd.measure(&Silent).unwrap();
    crowd.start();
    crowd.join_cold(4).unwrap();
    crowd.run_for(Duration::from_millis(20)).unwrap();
    assert_holds(&mut crowd);
    assert!(
        crowd
            .outcome()
            .samples
            .iter()
            .all(|sample| sample.lag.is_empty())
    );
    for place in 1..3 {
        let client = &mut crowd.clients[place].who;
        assert!(matches!(client.voice, Voice::Other(_)) && client.deliveries > 0);
        assert!(!client.lacks(&crowd.world));
    }
    // One that is sent and comes to nobody.
    crowd.world.authors[0].sent += 1;
    let sent = crowd.world.authors[0].sent;
    assert!(crowd.world.authors[0].answer(sent - 1));
    crowd.settle().unwrap();
    let settled = &crowd.verify().unwrap()[0];
    assert!(
        !settled.holds && settled.detail.starts_with("24 clients"),
        "{settled:?}"
    );
}
