//! `revring-load`: load on a revision server, and what it makes of it.

mod cli;
mod engine;
mod failure;
mod files;
mod limit;
mod lone;
mod machine;
mod model;
mod options;
mod peer;
mod plan;
mod process;
mod progress;
mod replay;
mod report;
mod revring;
mod run;
mod scenario;
#[cfg(test)]
#[path = "../tests/run/server.rs"]
mod server;
mod speaker;
mod stamp;

fn main() -> std::process::ExitCode {
    cli::main()
}
