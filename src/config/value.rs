//! Values as people write them: sizes (`4MiB`), times (`45s`), counts, switches, addresses.

use std::{net::SocketAddr, time::Duration};

const SIZES: &[(&str, usize)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
    ("", 1),
];

const TIMES: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `1048576`, `1MiB` or `1 MB`.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let (_, bytes) = SIZES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<usize>().ok()?.checked_mul(*bytes)
}

/// Writes a size so that [`parse_size`] reads it back.
pub(super) fn show_size(size: usize) -> String {
    let exact = SIZES
        .iter()
        .take(3)
        .find(|(_, bytes)| size > 0 && size.is_multiple_of(*bytes));
    exact.map_or_else(
        || size.to_string(),
        |(unit, bytes)| format!("{}{unit}", size / bytes),
    )
}

/// Reads `500ms`, `45s`, `2m` or `1h`.
pub(super) fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = TIMES.iter().find(|(name, _)| *name == unit)?;
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(*millis)
        .map(Duration::from_millis)
}

/// Writes a time so that [`parse_time`] reads it back, to the millisecond.
pub(super) fn show_time(time: Duration) -> String {
    let millis = time.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let exact = TIMES
        .iter()
        .find(|(_, unit)| millis.is_multiple_of(u128::from(*unit)));
    exact.map_or_else(
        || format!("{millis}ms"),
        |(name, unit)| format!("{}{name}", millis / u128::from(*unit)),
    )
}

/// Reads a whole number.
pub(super) fn parse_count(text: &str) -> Option<usize> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// Reads `true` or `false`, `1` or `0`.
pub(super) fn parse_switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Reads `127.0.0.1:7700`, `[::1]:7700` or `localhost:7700`.
pub(super) fn parse_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// Splits digits from the unit behind them.
fn split(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    (!number.is_empty()).then(|| (number, unit.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        let cases = [
            ("0", Some(0)),
            ("1024", Some(1024)),
            ("1B", Some(1)),
            ("64KiB", Some(65_536)),
            ("64 kib", Some(65_536)),
            ("4MiB", Some(4 << 20)),
            ("1GiB", Some(1 << 30)),
            ("2kB", Some(2_000)),
            ("3MB", Some(3_000_000)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("+1", None),
            ("1.5MiB", None),
            ("1MiBs", None),
            ("1MiB ", None),
            ("99999999999999999999", None),
            ("99999999999999999GiB", None),
        ];
        for (text, size) in cases {
            assert_eq!(parse_size(text), size, "{text:?}");
        }
    }

    #[test]
    fn times_need_a_unit() {
        let cases = [
            ("500ms", Some(Duration::from_millis(500))),
            ("45s", Some(Duration::from_secs(45))),
            ("45 s", Some(Duration::from_secs(45))),
            ("2m", Some(Duration::from_mins(2))),
            ("1h", Some(Duration::from_hours(1))),
            ("0s", Some(Duration::ZERO)),
            ("45", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1m30s", None),
            ("99999999999999999999h", None),
            ("9999999999999999999h", None),
        ];
        for (text, time) in cases {
            assert_eq!(parse_time(text), time, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for size in [
            0,
            1,
            1000,
            1023,
            1024,
            1536,
            1 << 20,
            (1 << 20) + 1,
            3 << 30,
        ] {
            assert_eq!(
                parse_size(&show_size(size)),
                Some(size),
                "{}",
                show_size(size)
            );
        }
        for millis in [0, 1, 999, 1000, 1500, 60_000, 61_000, 3_600_000, 86_400_000] {
            let time = Duration::from_millis(millis);
            assert_eq!(
                parse_time(&show_time(time)),
                Some(time),
                "{}",
                show_time(time)
            );
        }
    }

    #[test]
    fn addresses_have_a_port() {
        for good in [
            "127.0.0.1:0",
            "0.0.0.0:7700",
            "[::1]:7700",
            "localhost:7700",
        ] {
            assert!(parse_address(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "7700",
            ":7700",
            "127.0.0.1",
            "localhost",
            "localhost:x",
            "example.org:80",
        ] {
            assert!(parse_address(bad).is_none(), "{bad}");
        }
    }
}
