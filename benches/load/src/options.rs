//! The options of `revring-load run`, and the plan that they ask for.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use revring_protocol::codec::Codec;

use crate::{
    files::Files,
    plan::{Pace, Plan, Slow, Work},
};

/// How long is measured if nothing is said.
const MEASURED: Duration = Duration::from_secs(5);

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    crowd: CrowdOptions,
    #[command(flatten)]
    pub(crate) updates: UpdateOptions,
    #[command(flatten)]
    time: TimeOptions,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// The server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerOptions {
    /// The server's program [default: `revring` beside this program]
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    pub(crate) server: Option<PathBuf>,
    /// A server that runs already: ws://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Further arguments for the server that is started, after `--`: `-- --ring-ops 4096`
    #[arg(last = true, value_name = "ARGUMENT", conflicts_with = "url")]
    pub(crate) arguments: Vec<String>,
}

/// Who takes part.
#[derive(Debug, Args)]
#[command(next_help_heading = "Crowd")]
struct CrowdOptions {
    /// Clients that read
    #[arg(long, value_name = "N", default_value_t = 1000)]
    clients: usize,
    /// Clients that write, beside those that read
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "replay")]
    writers: usize,
    /// Rooms, over which both are dealt
    #[arg(long, value_name = "N", default_value_t = 1)]
    rooms: usize,
    /// Of the readers, how many hold a whole replica; the others check and count what they get
    #[arg(long, value_name = "N", default_value_t = 0)]
    replicas: usize,
    /// Share of the readers that read slowly, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    slow: f64,
    /// How much each of them reads in a second
    #[arg(long, value_name = "SIZE", default_value = "1KiB", value_parser = size)]
    slow_speed: usize,
    /// Share of the readers that lose their connection each second, and come back half a second later, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    reconnecting: f64,
    /// How all of them encode
    #[arg(long, value_enum, default_value_t = CodecName::Msgpack)]
    codec: CodecName,
    /// Of how many readers one looks at the stamp of each operation, from which latencies are told
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    stamps_of_one_in: usize,
}

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Updates")]
pub(crate) struct UpdateOptions {
    /// Updates per second over all writers, sent whatever the server does; latencies count from the intended time [default: 100]
    #[arg(long, value_name = "N", conflicts_with_all = ["window", "replay"], value_parser = positive)]
    rate: Option<f64>,
    /// As many updates as it takes for each writer to have N that are not answered
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    window: Option<usize>,
    /// Bytes of payload in each
    #[arg(long, value_name = "SIZE", default_value = "40", value_parser = size)]
    payload: usize,
    /// What each of them does
    #[arg(long, value_enum, default_value_t = WorkName::Merge, conflicts_with = "replay")]
    work: WorkName,
    /// Records that are in each room from the beginning
    #[arg(long, value_name = "N", default_value_t = 0)]
    records: usize,
    /// Bytes of each of those
    #[arg(long, value_name = "SIZE", default_value = "1000", value_parser = size)]
    record_bytes: usize,
    /// Send the updates of this stream, to each room, in place of made-up ones
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Send them at the times at which they were recorded, so many times as fast, and not as fast as they are answered
    #[arg(long, value_name = "TIMES", requires = "replay", conflicts_with = "window", num_args = 0..=1, default_missing_value = "1", value_parser = positive)]
    pub(crate) recorded: Option<f64>,
}

/// How long it takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
struct TimeOptions {
    /// How long to measure [default: 5s; a stream is played to its end]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// How long the load runs before that
    #[arg(long, value_name = "TIME", default_value = "1s", conflicts_with = "replay", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// Connections opened per second at the beginning
    #[arg(long, value_name = "N", default_value_t = 2000.0, value_parser = positive)]
    ramp: f64,
    /// Never sleep while waiting: what a write costs a server depends on whether its reader sleeps
    #[arg(long)]
    awake: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CodecName {
    /// JSON in text frames
    Json,
    /// MessagePack in binary frames
    Msgpack,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WorkName {
    /// Merge one field of a record that all write
    Merge,
    /// Set one field of it
    Set,
    /// Put one of the room's records
    Put,
}

impl RunOptions {
    /// Looks whether each option does something.
    ///
    /// # Errors
    /// In words, when one does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { crowd, updates, .. } = self;
        let idle = crowd.writers == 0 && updates.replay.is_none();
        if idle && (updates.rate.is_some() || updates.window.is_some()) {
            return Err(
                "--rate and --window are for writers, and --writers 0 leaves none".to_owned(),
            );
        }
        let plain = crowd
            .clients
            .saturating_sub(crowd.replicas + crowd.slow_clients());
        if crowd.reconnecting > 0.0 && plain == 0 {
            return Err(
                "--reconnecting takes readers that are neither --replicas nor --slow, and none of the --clients is left"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// What the options ask for.
    pub(super) fn plan(&self) -> Plan {
        let Self {
            crowd,
            updates,
            time,
            ..
        } = self;
        let slow = crowd.slow_clients();
        Plan {
            name: "run".to_owned(),
            rooms: crowd.rooms,
            readers: crowd.clients,
            writers: if updates.replay.is_some() {
                crowd.rooms
            } else {
                crowd.writers
            },
            pace: updates.pace(crowd.writers),
            payload: updates.payload,
            codec: match crowd.codec {
                CodecName::Json => Codec::Json,
                CodecName::Msgpack => Codec::MessagePack,
            },
            work: match updates.work {
                WorkName::Merge => Work::Merge,
                WorkName::Set => Work::Set,
                WorkName::Put => Work::Put,
            },
            records: updates.records,
            record_bytes: updates.record_bytes,
            replicas: crowd.replicas,
            slow: (slow > 0).then_some(Slow {
                clients: slow,
                bytes_per_second: crowd.slow_speed as u64,
            }),
            reconnecting: crowd.reconnecting,
            stamps_of_one_in: crowd.stamps_of_one_in,
            ramp: time.ramp,
            warm_up: if updates.replay.is_some() {
                Duration::ZERO
            } else {
                time.warm_up
            },
            duration: match (time.duration, &updates.replay) {
                (Some(duration), _) => duration,
                (None, Some(_)) => Duration::MAX,
                (None, None) => MEASURED,
            },
            awake: time.awake,
        }
    }
}

impl CrowdOptions {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count"
    )]
    fn slow_clients(&self) -> usize {
        (self.clients as f64 * self.slow).round() as usize
    }
}

impl UpdateOptions {
    fn pace(&self, writers: usize) -> Pace {
        match (self.window, &self.replay) {
            (Some(window), _) => Pace::Window(window),
            (None, Some(_)) => Pace::Window(1),
            (None, None) if writers == 0 => Pace::Quiet,
            (None, None) => Pace::Rate(self.rate.unwrap_or(100.0)),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let wrong = || "a share is a number from 0 to 1, as 0.2".to_owned();
    let share = text.parse().map_err(|_| wrong())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(wrong())
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err("it is a number above 0".to_owned())
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it is a whole number from 1 on".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// A number of bytes: `40`, `2KiB`, `1MiB`.
fn size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20)];
    let (digits, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1));
    digits
        .trim()
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "a size is a whole number of bytes, or of KiB or MiB, as 2KiB".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// A command line of nothing but these options.
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: RunOptions,
    }

    #[test]
    fn sizes_and_shares_are_read_or_refused_in_words() {
        assert_eq!(size("40"), Ok(40));
        assert_eq!(size("2KiB"), Ok(2048));
        assert!(size("2 parsecs").is_err_and(|problem| problem.contains("KiB")));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("20").is_err());
    }

    #[test]
    fn options_that_would_do_nothing_are_refused() {
        for (line, problem) in [
            ("run --writers 0 --rate 5", "leaves none"),
            ("run --writers 0 --window 5", "leaves none"),
            (
                "run --clients 4 --replicas 2 --slow 0.5 --reconnecting 0.1",
                "none of the --clients",
            ),
            ("run --writers 2 --replay f", "--replay"),
            ("run --work put --replay f", "--replay"),
            ("run --warm-up 1s --replay f", "--replay"),
        ] {
            let said = match Line::try_parse_from(line.split(' ')) {
                Ok(line) => line.options.check().unwrap_err(),
                Err(refused) => refused.to_string(),
            };
            assert!(said.contains(problem), "{line}: {said}");
        }
        for line in [
            "run",
            "run --writers 0",
            "run --clients 4 --replicas 3 --reconnecting 0.1",
        ] {
            assert_eq!(
                Line::parse_from(line.split(' ')).options.check(),
                Ok(()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_stream_is_played_to_its_end_unless_a_time_is_given() {
        let duration = |line: &str| Line::parse_from(line.split(' ')).options.plan().duration;
        assert_eq!(duration("run"), MEASURED);
        assert_eq!(duration("run --replay f"), Duration::MAX);
        assert_eq!(
            duration("run --replay f --duration 3s"),
            Duration::from_secs(3)
        );
    }

    #[test]
    fn a_run_without_options_has_a_plan() {
        let plan = Line::parse_from(["run"]).options.plan();
        assert_eq!(
            (plan.readers, plan.writers, plan.pace),
            (1000, 1, Pace::Rate(100.0))
        );
    }
}
