//! What came of each fixture: lines for people, JUnit XML for machines.

use std::{
    io::{self, Write},
    time::Duration,
};

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use revring_protocol::codec::Codec;

use crate::fixture::CodecName;

/// One fixture in one codec.
#[derive(Debug, Clone)]
pub struct Case {
    /// The fixture's name.
    pub name: String,
    /// The codec.
    pub codec: Codec,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// What came of one fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as it says.
    Passed,
    /// Something was not; the difference in words.
    Failed(String),
    /// The server does not offer what it needs.
    Skipped(String),
}

/// Writes a line for each case as it comes, and counts.
pub struct Output {
    writer: Box<dyn Write + Send>,
    cases: Vec<Case>,
}

impl Output {
    /// Lines go to `writer`.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer,
            cases: Vec::new(),
        }
    }

    /// Takes one case.
    pub fn add(&mut self, case: Case) {
        let codec = CodecName::from(case.codec).as_str();
        let took = case.took.as_millis();
        let line = match &case.verdict {
            Verdict::Passed => format!("ok       {:<58} {codec:<8} {took:>6} ms\n", case.name),
            Verdict::Skipped(why) => format!("skipped  {:<58} {codec:<8} {why}\n", case.name),
            Verdict::Failed(why) => {
                let why: String = why.lines().map(|line| format!("    {line}\n")).collect();
                format!("FAILED   {:<58} {codec:<8} {took:>6} ms\n{why}", case.name)
            }
        };
        // A reader that is gone stops no run: the exit code still tells.
        let _ = self
            .writer
            .write_all(line.as_bytes())
            .and_then(|()| self.writer.flush());
        self.cases.push(case);
    }

    /// Writes a line that is about no case.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.writer, "{text}").and_then(|()| self.writer.flush());
    }

    /// Every case so far.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// How many passed, failed and were skipped.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let count = |wanted: fn(&Verdict) -> bool| {
            self.cases
                .iter()
                .filter(|case| wanted(&case.verdict))
                .count()
        };
        Tally {
            passed: count(|verdict| matches!(verdict, Verdict::Passed)),
            failed: count(|verdict| matches!(verdict, Verdict::Failed(_))),
            skipped: count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        }
    }

    /// Writes the last line.
    pub fn summary(&mut self) {
        let Tally {
            passed,
            failed,
            skipped,
        } = self.tally();
        self.line(&format!(
            "{passed} passed, {failed} failed, {skipped} skipped"
        ));
    }

    /// Writes JUnit XML to `writer`.
    ///
    /// # Errors
    /// When `writer` takes no more.
    pub fn junit(&self, writer: impl Write) -> io::Result<()> {
        let mut report = quick_junit::Report::new("revring-conformance");
        for codec in Codec::ALL {
            let cases: Vec<_> = self
                .cases
                .iter()
                .filter(|case| case.codec == codec)
                .collect();
            if cases.is_empty() {
                continue;
            }
            let mut suite = TestSuite::new(CodecName::from(codec).as_str());
            suite.add_test_cases(cases.into_iter().map(junit_case));
            report.add_test_suite(suite);
        }
        report.serialize(writer).map_err(io::Error::other)
    }
}

/// How many passed, failed and were skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
}

fn junit_case(case: &Case) -> TestCase {
    let status = match &case.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed(why) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(why.lines().next().unwrap_or_default())
                .set_description(why.as_str());
            status
        }
        Verdict::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            status
        }
    };
    let mut test = TestCase::new(case.name.as_str(), status);
    test.set_classname(CodecName::from(case.codec).as_str())
        .set_time(case.took);
    test
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_become_junit_cases() {
        let mut output = Output::new(Box::new(io::sink()));
        let verdicts = [
            Verdict::Passed,
            Verdict::Failed("step 3: no\nmore".into()),
            Verdict::Skipped("needs x".into()),
        ];
        for (i, verdict) in verdicts.into_iter().enumerate() {
            let name = format!("00{i}-x");
            output.add(Case {
                name,
                codec: Codec::Json,
                verdict,
                took: Duration::from_millis(5),
            });
        }
        assert_eq!(
            output.tally(),
            Tally {
                passed: 1,
                failed: 1,
                skipped: 1
            }
        );
        let mut xml = Vec::new();
        output.junit(&mut xml).expect("writes");
        let xml = String::from_utf8(xml).expect("UTF-8");
        assert!(
            xml.contains(r#"<testsuite name="json" tests="3" skipped="1" errors="0" failures="1""#),
            "{xml}"
        );
        assert!(xml.contains(r#"<failure message="step 3: no""#), "{xml}");
    }
}
