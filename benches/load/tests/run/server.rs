//! A revring server in this process.

use std::{net::SocketAddr, thread::JoinHandle};

use ::revring::config::Settings;
use tokio::sync::oneshot;

/// A revring server with rooms in memory. It ends with the value.
pub(crate) struct Server {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn with(settings: Settings) -> Self {
        let (end, ended) = oneshot::channel();
        let (address, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let settings = Settings {
                    listen: "127.0.0.1:0".parse().unwrap(),
                    ephemeral: true,
                    ..settings
                };
                let server = ::revring::Server::bind(settings).await.unwrap();
                address.send(server.local_addr()).unwrap();
                // An error says that the test is over.
                server.run(async { drop(ended.await) }).await;
            });
        });
        Self {
            address: told.recv().unwrap(),
            end: Some(end),
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A server that failed has said so by failing the test.
            let _ = thread.join();
        }
    }
}
