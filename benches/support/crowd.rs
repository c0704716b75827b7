//! Many clients that join a room and do nothing but take what comes: the drain of a measurement, in a process of its own.

use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead as _},
    net::TcpStream,
    rc::Rc,
};

use revring_protocol::{
    codec::Codec,
    ids::RoomName,
    message::{ClientMessage, Join},
};

use super::{
    child::Process,
    wire::{Frames, frame, upgrade},
};

/// The role's name on the command line.
pub(crate) const ROLE: &str = "crowd";

/// A crowd of `clients` in the room `bench` of the server at `address`; or, with `plain`, of bare sockets.
pub(crate) struct Crowd {
    process: Process,
    clients: usize,
}

impl Crowd {
    /// Starts the crowd on the processor `cpu`; returns when all have joined.
    pub(crate) fn start(cpu: usize, address: &str, clients: usize, plain: bool) -> Self {
        let mode = if plain { "plain" } else { "room" };
        let mut process = Process::role(cpu, &[ROLE, address, &clients.to_string(), mode]);
        assert_eq!(process.line(), "ready");
        Self { process, clients }
    }

    /// Forgets what came so far.
    pub(crate) fn mark(&mut self) {
        assert_eq!(self.process.ask("mark"), "marked");
    }

    /// Waits until every client has had `bytes` since the mark.
    pub(crate) fn wait(&mut self, bytes: u64) {
        assert_eq!(
            self.process.ask(&format!("wait {bytes}")),
            "reached",
            "every client gets every byte"
        );
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.clients
    }
}

struct Client {
    bytes: Cell<u64>,
    frames: RefCell<Frames>,
}

/// Runs the role: `crowd ADDRESS CLIENTS room|plain`.
pub(crate) fn run(arguments: &[String]) {
    let [address, clients, mode] = arguments else {
        panic!("crowd ADDRESS CLIENTS room|plain")
    };
    let clients: usize = clients.parse().expect("a number of clients");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut crowd = Vec::with_capacity(clients);
        for _ in 0..clients {
            let client = Rc::new(Client {
                bytes: Cell::new(0),
                frames: RefCell::default(),
            });
            let socket = open(address, mode == "room").expect("the server takes the client");
            tokio::task::spawn_local(drain(socket, Rc::clone(&client)));
            crowd.push(client);
            // What has joined is drained while the others join.
            tokio::task::yield_now().await;
        }
        if mode == "room" {
            // JOINED, the snapshot and the first presence.
            settle(&crowd, |client| client.frames.borrow().count >= 3).await;
        }
        tokio::task::spawn_local(stay_awake());
        println!("ready");
        serve(&crowd).await;
    });
}

fn open(address: &str, join: bool) -> io::Result<tokio::net::TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    if join {
        upgrade(&mut socket, Codec::MessagePack)?;
        let room = RoomName::new("bench").map_err(io::Error::other)?;
        let join = ClientMessage::Join(Join {
            room,
            client_key: None,
            position: None,
            token: None,
        });
        io::Write::write_all(&mut socket, &frame(Codec::MessagePack, &join))?;
    }
    socket.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(socket)
}

async fn drain(socket: tokio::net::TcpStream, client: Rc<Client>) {
    thread_local!(static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]));
    while socket.readable().await.is_ok() {
        let read = BUFFER.with_borrow_mut(|buffer| {
            let read = socket.try_read(buffer);
            if let Ok(n) = read {
                client.bytes.set(client.bytes.get() + n as u64);
                client.frames.borrow_mut().feed(&buffer[..n]);
            }
            read
        });
        match read {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

async fn settle(crowd: &[Rc<Client>], done: impl Fn(&Client) -> bool) {
    while !crowd.iter().all(|client| done(client)) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// Keeps the process from sleeping: waking a sleeping reader costs its writer more than the write, and whether it sleeps would be
/// left to chance.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Answers `mark` and `wait BYTES`, read from standard input by a thread of its own.
async fn serve(crowd: &[Rc<Client>]) {
    let (lines, mut received) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        io::stdin()
            .lock()
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| lines.send(line))
    });
    while let Some(line) = received.recv().await {
        match line.split_once(' ') {
            None => {
                crowd.iter().for_each(|client| client.bytes.set(0));
                println!("marked");
            }
            Some((_, bytes)) => {
                let bytes: u64 = bytes.parse().expect("a number of bytes");
                settle(crowd, |client| client.bytes.get() >= bytes).await;
                println!("reached");
            }
        }
    }
}
