//! Numbers as people read them.

/// Stands where there is no number.
pub(super) const NONE: &str = "–";

/// Three significant digits or all of the integer part: `0.0421`, `2.41`, `13.2`, `1,204`.
pub(super) fn significant(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NONE.to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if size < 0.000_5 {
        format!("{value:.1e}")
    } else if size < 0.1 {
        format!("{value:.4}")
    } else if size < 0.999_5 {
        format!("{value:.3}")
    } else if size < 9.995 {
        format!("{value:.2}")
    } else if size < 99.95 {
        format!("{value:.1}")
    } else {
        grouped(&format!("{value:.0}"))
    }
}

/// A whole number, in groups of three digits.
pub(super) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A part of a whole, in percent.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.0} %", share * 100.0)
    } else {
        NONE.to_owned()
    }
}

/// Microseconds, in milliseconds.
pub(super) fn milliseconds(micros: u64) -> String {
    significant(float(micros) / 1e3)
}

/// Bytes, in MiB.
pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", float(bytes) / 1_048_576.0)
}

/// Bytes, in GiB.
pub(super) fn gibibytes(bytes: u64) -> String {
    format!("{:.1}", float(bytes) / 1_073_741_824.0)
}

/// A count as a floating-point number. It is for reading: that the last of 53 bits is rounded does not matter.
#[expect(
    clippy::cast_precision_loss,
    reason = "for people to read, not to count with"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// The quotient; not a number without a divisor, which is shown as such.
pub(super) fn per(count: u64, of: f64) -> f64 {
    if of > 0.0 {
        float(count) / of
    } else {
        f64::NAN
    }
}

/// A moment, as date and time in UTC.
pub(super) fn moment(seconds: u64) -> String {
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(day);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// Year, month and day of the month, from days since 1970. Years are counted from March, so that the leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_or_their_integer_part() {
        let cases = [
            (0.0, "0"),
            (0.000_012, "1.2e-5"),
            (0.0421, "0.0421"),
            (0.92, "0.920"),
            (2.414, "2.41"),
            (13.24, "13.2"),
            (99.96, "100"),
            (1_204_567.2, "1,204,567"),
            (-1204.0, "-1,204"),
            (f64::NAN, NONE),
            (f64::INFINITY, NONE),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value), text);
        }
        assert_eq!(count(5_000_000), "5,000,000");
        assert_eq!(count(500), "500");
        assert_eq!(milliseconds(2414), "2.41");
        assert_eq!(significant(per(5, 0.0)), NONE);
    }

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(moment(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(moment(1_763_654_220), "2025-11-20 15:57 UTC");
        assert_eq!(moment(4_107_542_340), "2100-02-28 23:59 UTC");
    }
}
