//! One run as the command line wants it: starts the server, or finds it, and puts the crowd on it.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    engine::{Crowd, Speak, Target},
    failure::Failure,
    machine,
    model::{Chapter, Outcome, Report},
    options::{RunOptions, ServerOptions},
    plan::Plan,
    process::{self, Process},
    progress::Progress,
    replay::{Player, Stream},
    revring::Source,
};

/// The processor of the server that is started.
const SERVER: usize = 0;
/// The processor of the crowd.
const LOAD: usize = 1;
/// Pauses in a recorded stream are no longer than this.
const PAUSE: Duration = Duration::from_secs(5);

/// Carries out `plan`.
///
/// # Errors
/// When no server is found or the plan cannot be carried out.
pub(crate) fn run(
    options: &RunOptions,
    plan: &Plan,
    progress: &dyn Progress,
) -> Result<Report, Failure> {
    let outcome = match &options.server.url {
        Some(url) => {
            let target = Target {
                address: address(url)?,
                name: format!("a revring server at {url}"),
                speak: Speak::Revring,
                server: None,
            };
            carry_out(options, plan, target, progress)?
        }
        None => with_server(&options.server, plan, |target| {
            carry_out(options, plan, target, progress)
        })?,
    };
    Ok(report(vec![Chapter {
        name: "run".to_owned(),
        stands_for: "one load, as it was asked for".to_owned(),
        goals: Vec::new(),
        tables: Vec::new(),
        plots: Vec::new(),
        runs: vec![outcome],
        notes: Vec::new(),
    }]))
}

/// A report of `chapters`, begun now, on this machine.
pub(crate) fn report(chapters: Vec<Chapter>) -> Report {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Report {
        machine: machine::describe(),
        command: format!("revring-load {}", arguments.join(" ")),
        started: since.as_secs(),
        chapters,
    }
}

/// The server's program: the one that is named, or the one beside this program.
///
/// # Errors
/// When there is none.
pub(crate) fn program(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        if named.is_file() {
            return Ok(named);
        }
        return Err(Failure::Arguments(format!(
            "--server: there is no program {}",
            named.display()
        )));
    }
    let own = std::env::current_exe()?;
    let beside = own.with_file_name(format!("revring{}", std::env::consts::EXE_SUFFIX));
    if beside.is_file() {
        return Ok(beside);
    }
    Err(Failure::Arguments(format!(
        "there is no server {}: build it with `cargo build --release --bin revring`, name another with --server, or one that \
         runs already with --url",
        beside.display()
    )))
}

fn with_server<T>(
    options: &ServerOptions,
    plan: &Plan,
    then: impl FnOnce(Target<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let program = program(options.server.clone())?;
    let room_for_all = bounds(plan);
    let wanted = room_for_all
        .iter()
        .filter(|(name, _)| !is_given(&options.arguments, name))
        .flat_map(|(name, bound)| [name, bound]);
    let arguments: Vec<&str> = options
        .arguments
        .iter()
        .chain(wanted)
        .map(String::as_str)
        .collect();
    let (server, address) = Process::server(&program, SERVER, &arguments)?;
    then(Target {
        address,
        name: Process::version(&program)?,
        speak: Speak::Revring,
        server: Some(&server),
    })
}

/// Whether `arguments` have the option `name`, as `--name VALUE` or `--name=VALUE`.
fn is_given(arguments: &[String], name: &str) -> bool {
    let mut rests = arguments
        .iter()
        .filter_map(|argument| argument.strip_prefix(name));
    rests.any(|rest| rest.is_empty() || rest.starts_with('='))
}

/// The server's bounds that the plan needs to be higher than they are by themselves.
fn bounds(plan: &Plan) -> Vec<(String, String)> {
    let clients = plan.readers + plan.writers;
    let needed = [
        ("--max-connections", clients, 16_384),
        (
            "--max-room-connections",
            clients.div_ceil(plan.rooms.max(1)) + 1,
            10_000,
        ),
        ("--max-rooms", plan.rooms, 10_000),
    ];
    let over = needed
        .into_iter()
        .filter(|(_, needed, usual)| needed > usual);
    over.map(|(name, needed, _)| (name.to_owned(), needed.to_string()))
        .collect()
}

fn carry_out(
    options: &RunOptions,
    plan: &Plan,
    target: Target<'_>,
    progress: &dyn Progress,
) -> Result<Outcome, Failure> {
    // Where it cannot be pinned, it runs where the system puts it.
    let _ = process::pin(LOAD);
    let mut crowd = Crowd::with_sources(plan, target, sources(options, plan)?)?;
    crowd.connect(progress)?;
    crowd.warm_up()?;
    crowd.measure(progress)?;
    progress.phase("settle", 0);
    crowd.settle()?;
    crowd.verify()?;
    Ok(crowd.outcome())
}

fn sources(options: &RunOptions, plan: &Plan) -> Result<Vec<Box<dyn Source>>, Failure> {
    let Some(file) = &options.updates.replay else {
        return Ok(Vec::new());
    };
    let stream = Stream::read(file)?;
    let player = || match options.updates.recorded {
        Some(speed) => Player::recorded(stream.clone(), speed, PAUSE),
        None => Player::fast(stream.clone()),
    };
    Ok((0..plan.rooms)
        .map(|_| Box::new(player()) as Box<dyn Source>)
        .collect())
}

/// The address in `url`, as `ws://HOST:PORT/v1/ws` or `HOST:PORT`.
fn address(url: &str) -> Result<SocketAddr, Failure> {
    let wrong = |problem: &str| {
        Failure::Arguments(format!(
            "--url {url}: {problem}; it looks like ws://127.0.0.1:7700"
        ))
    };
    if url.starts_with("wss:") || url.starts_with("https:") {
        return Err(wrong(
            "TLS is not spoken here: name the server itself, not the proxy before it",
        ));
    }
    let rest = url
        .strip_prefix("ws://")
        .or_else(|| url.strip_prefix("http://"))
        .unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !matches!(path, "" | "v1/ws") {
        return Err(wrong("the path of a revring server is /v1/ws"));
    }
    let mut found = host
        .to_socket_addrs()
        .map_err(|error| wrong(&error.to_string()))?;
    found.next().ok_or_else(|| wrong("the host has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_are_given_stay_as_they_are() {
        let arguments = ["--max-rooms=7", "--max-room-connections", "9"].map(str::to_owned);
        assert!(is_given(&arguments, "--max-rooms"));
        assert!(is_given(&arguments, "--max-room-connections"));
        assert!(!is_given(&arguments, "--max-room"));
        assert!(!is_given(&arguments, "--max-connections"));
    }

    #[test]
    fn servers_are_named_with_or_without_scheme_and_path() {
        for url in [
            "127.0.0.1:7700",
            "ws://127.0.0.1:7700",
            "ws://127.0.0.1:7700/v1/ws",
        ] {
            assert_eq!(address(url).unwrap().to_string(), "127.0.0.1:7700");
        }
        for url in [
            "wss://example.org",
            "ws://127.0.0.1",
            "ws://127.0.0.1:7700/elsewhere",
        ] {
            let problem = address(url).unwrap_err().to_string();
            assert!(
                problem.contains(url) && problem.contains("it looks like"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_named_with_what_to_do() {
        let problem = program(Some("/no/such/revring".into()))
            .unwrap_err()
            .to_string();
        assert!(problem.contains("/no/such/revring"));
        let problem = program(None).unwrap_err().to_string();
        assert!(problem.contains("cargo build"), "{problem}");
    }
}
