//! The limit: what a fan-out costs when a server does nothing but write. Every binary frame that a client sends is copied to every client,
//! by one thread that calls `write(2)` on one socket after the other.
//!
//! Readers, writers, pace and latency are then those of any other server under load, and what is left of the server is the
//! copying. A full socket is waited for, so the loop needs readers that keep up.

mod client;
mod copier;

use std::{
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
};

pub(crate) use client::Bare;

use crate::process::{Process, ProcessError};

/// The role's name on the command line.
pub(crate) const ROLE: &str = "limit-server";

/// Starts the loop on the processor `cpu`. It joins `batch` messages in one write to each client.
pub(crate) fn start(cpu: usize, batch: usize) -> Result<(Process, SocketAddr), ProcessError> {
    let mut process = Process::role(cpu, &[ROLE, "--batch", &batch.to_string()])?;
    let address = process.address()?;
    Ok((process, address))
}

/// Copies for those that come to `listener`, until that fails.
#[cfg(test)]
pub(crate) fn copy(listener: TcpListener, batch: usize) -> io::Result<()> {
    copier::run(listener, batch)
}

/// Runs the role: prints the address it listens on, and copies until it is killed.
///
/// # Errors
/// When it cannot listen or wait; a client's end is not an error.
pub(crate) fn serve(batch: usize) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    copier::run(listener, batch)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{SocketAddr, TcpListener, TcpStream},
        thread,
    };

    use super::{client::Bare, copier};
    use crate::{
        speaker::{Heard, Kind, Outbox, Speaker as _},
        stamp::{self, Stamp},
    };

    fn limit(batch: usize) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || copier::run(listener, batch));
        address
    }

    fn client(address: SocketAddr) -> TcpStream {
        let mut socket = TcpStream::connect(address).unwrap();
        let path = Bare.handshake().path;
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{head:?}");
        socket
    }

    fn update(sequence: u32, bytes: usize) -> (Stamp, Vec<u8>) {
        let stamp = Stamp {
            writer: 3,
            sequence,
            intended: 77,
        };
        let mut out = Outbox::default();
        Bare.update(stamp, bytes, &mut out);
        (stamp, out.bytes)
    }

    #[test]
    fn each_frame_of_a_client_comes_to_every_client() {
        let address = limit(1);
        let mut clients: Vec<_> = (0..3).map(|_| client(address)).collect();
        for (sequence, bytes) in [(0, 40), (1, 300), (2, 70_000)] {
            let (stamp, frame) = update(sequence, bytes);
            clients[1].write_all(&frame).unwrap();
            for client in &mut clients {
                // A server does not mask: the frame comes back without its four bytes of mask.
                let mut seen = vec![0; frame.len() - 4];
                client.read_exact(&mut seen).unwrap();
                assert_eq!(stamp::all_in(&seen).collect::<Vec<_>>(), [stamp]);
                assert_eq!(seen[1] & 0x80, 0);
            }
        }
    }

    #[test]
    fn messages_wait_for_as_many_as_are_joined_in_one_frame() {
        let address = limit(3);
        let mut writer = client(address);
        let mut reader = client(address);
        let frames: Vec<Vec<u8>> = (0..3).map(|sequence| update(sequence, 50).1).collect();
        writer.write_all(&frames.concat()).unwrap();
        let mut seen = vec![0; 4 + 3 * 50];
        reader.read_exact(&mut seen).unwrap();
        assert_eq!(seen[..4], [0x82, 126, 0, 150]);
        let sequences: Vec<u32> = stamp::all_in(&seen).map(|stamp| stamp.sequence).collect();
        assert_eq!(sequences, [0, 1, 2]);
    }

    #[test]
    fn what_is_too_little_for_a_batch_still_comes() {
        let address = limit(64);
        let mut writer = client(address);
        let (stamp, frame) = update(9, 50);
        writer.write_all(&frame).unwrap();
        let mut seen = vec![0; frame.len() - 4];
        writer.read_exact(&mut seen).unwrap();
        assert_eq!(stamp::all_in(&seen).collect::<Vec<_>>(), [stamp]);
    }

    #[test]
    fn a_client_that_leaves_does_not_stop_the_others() {
        let address = limit(1);
        let mut writer = client(address);
        drop(client(address));
        for sequence in 0..5 {
            let (stamp, frame) = update(sequence, 50);
            writer.write_all(&frame).unwrap();
            let mut seen = vec![0; frame.len() - 4];
            writer.read_exact(&mut seen).unwrap();
            assert_eq!(stamp::all_in(&seen).collect::<Vec<_>>(), [stamp]);
        }
    }

    #[test]
    fn a_bare_client_is_live_once_it_is_answered_and_takes_binary_messages_for_operations() {
        let mut socket = client(limit(1));
        let (mut out, mut heard) = (Outbox::default(), Heard::default());
        Bare.opened(&mut out, &mut heard);
        assert!(!heard.live);
        socket.write_all(&out.bytes).unwrap();
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x81, 126, 3, 232]);
        Bare.hear(Kind::Text, b"", &mut out, &mut heard).unwrap();
        assert!(heard.live && !heard.operations);
        Bare.hear(Kind::Binary, b"x", &mut out, &mut heard).unwrap();
        assert!(heard.operations);
    }
}
