//! A disk that is really full, or fails, under the real command: writing stops in order, reading does not, and it goes on by itself.

use std::{
    fs::{File, remove_file},
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use revring_client::{Codec, change};
use revring_protocol::error::Code;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    process::Host,
    scene::{Cast, Scene, head_of},
    support::{directory, open, quick, reach, seed, soon, wait},
    wire::refusal,
    writer::Style,
};

/// A small disk of its own, in a namespace that ends with this value: nothing stays mounted, whatever becomes of the test.
struct Disk {
    holder: Child,
    /// Where it is, as seen from here.
    path: PathBuf,
}

impl Disk {
    /// A disk at `dir`, which only processes behind [`Disk::wrapper`] see; or why there is none.
    async fn mount(dir: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(dir).unwrap();
        let script = "mount -t tmpfs -o size=12m tmpfs \"$0\" && echo mounted && exec cat";
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script]).arg(dir);
        // It waits for the end of its input, which is that of this process.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut holder = command
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let mut out = BufReader::new(holder.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let read = soon("a mount", out.read_line(&mut line)).await;
        if read.is_err() || line != "mounted\n" {
            return Err("no namespaces, or no mounts in them, are permitted here".to_owned());
        }
        let pid = holder.id().expect("it runs");
        let dir = dir.strip_prefix("/").expect("an absolute path");
        let path = PathBuf::from(format!("/proc/{pid}/root")).join(dir);
        Ok(Self { holder, path })
    }

    /// What runs a program where the disk is.
    fn wrapper(&self) -> Vec<String> {
        let pid = self.holder.id().expect("it runs").to_string();
        let words = [
            "nsenter",
            "-t",
            &pid,
            "-U",
            "-m",
            "--preserve-credentials",
            "--",
        ];
        words.map(str::to_owned).to_vec()
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for bytes in [vec![0; 1 << 16], vec![0; 512]] {
            while file.write_all(&bytes).is_ok() {}
        }
    }

    fn free(&self) {
        remove_file(self.filler()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o5_a_full_disk_refuses_updates_and_nothing_else_until_there_is_space() {
    let test = "o5_a_full_disk_refuses_updates_and_nothing_else_until_there_is_space";
    let place = directory();
    let mut host = Host::new(place.path(), &[]);
    let disk = match Disk::mount(&host.dir).await {
        Ok(disk) => disk,
        Err(reason) => return eprintln!("{test}: skipped: {reason}"),
    };
    host.wrapper = disk.wrapper();
    let fail = |_, fails| if fails { disk.fill() } else { disk.free() };
    starve(test, &host, "the disk is full", fail).await;
}

/// Needs no mount: files may not be written past their first byte for a while. The server's log is one of them.
#[tokio::test(flavor = "multi_thread")]
async fn o5_a_disk_that_fails_refuses_updates_and_nothing_else_until_it_works() {
    let test = "o5_a_disk_that_fails_refuses_updates_and_nothing_else_until_it_works";
    let place = directory();
    let mut host = Host::new(place.path(), &[]);
    // The signal that comes with the error would end the process.
    let ignore = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];
    host.wrapper = ignore.map(str::to_owned).to_vec();
    let fail = |process, fails: bool| {
        let limits = getrlimit(Resource::Fsize);
        let current = if fails { Some(1) } else { limits.current };
        let limits = Rlimit { current, ..limits };
        prlimit(Some(process), Resource::Fsize, limits).unwrap();
    };
    starve(test, &host, "the disk does not work", fail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_ends_nothing() {
    let place = directory();
    let mut host = Host::new(place.path(), &[]);
    host.log = PathBuf::from("/dev/full");
    if !host.log.exists() {
        return eprintln!("skipped: there is no /dev/full here");
    }
    let served = host.start().await;
    let room = open(quick(), &host.url(), "room").await;
    let put = change::put("cards", "1", json!({"title": "Milk"}));
    soon("an answer", room.update(put)).await.expect("accepted");
    served.stop().await;
}

/// The disk of a server fails, twice, and works again: nothing is lost, and nobody restarts anything.
async fn starve(test: &str, host: &Host, reason: &str, fail: impl Fn(Pid, bool)) {
    let served = host.start().await;
    let process = served.pid();
    let cast = Cast {
        rooms: 2,
        writers: 3,
        style: Style {
            depth: 8,
            records: 8,
            padding: 512,
            burst: None,
        },
        observers: &Codec::ALL,
    };
    let mut scene = Scene::begin(host.address, seed(test), cast).await;
    wait("some updates", || scene.accepted() > 50).await;
    for _ in 0..2 {
        assert_eq!(host.get("/readyz").0, 200);
        fail(process, true);
        wait("a disk that fails", || host.get("/readyz").0 == 503).await;
        check_starving(host, reason).await;
        fail(process, false);
        wait("a disk that works", || host.get("/readyz").0 == 200).await;
        let before = scene.accepted();
        wait("more updates", || scene.accepted() > before + 50).await;
    }
    let heads = scene.settle().await;
    assert_eq!(served.pid(), process, "it was never restarted");
    served.kill().await;

    let served = host.start().await;
    for (book, head) in scene.books.iter().zip(&heads) {
        let room = open(quick(), &host.url(), &book.room).await;
        assert_eq!(head_of(&room).await, *head, "{}", book.room);
    }
    served.stop().await;
    eprintln!("{test}: {}", scene.summary());
}

/// While its disk fails a server says so, refuses updates, and lets everyone read.
async fn check_starving(host: &Host, reason: &str) {
    let (_, body) = host.get("/readyz");
    assert!(body.contains(reason), "{body}");
    assert_eq!(host.get("/healthz").0, 200);
    let reject = refusal(host.address, "room-0").await;
    assert_eq!((reject.code, reject.retryable), (Code::Unavailable, true));
    let reader = open(quick(), &host.url(), "room-1").await;
    let said = soon("a heartbeat", reader.heartbeat()).await.unwrap();
    reach(&reader, said.rev).await;
    assert!(!reader.confirmed().is_empty());
}
