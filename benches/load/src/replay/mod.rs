//! Streams of real updates: read from a file, and converted from two forms in which histories are published.
//!
//! A stream is a file of JSON Lines, which may be compressed with gzip. Each line is an update: `{"at": 12.5, "changes": […]}`, the
//! changes as they stand in `UPDATE` on the wire, `at` in seconds from the stream's start, left out where it is not known.

mod convert;
mod editing;
mod form;
mod patches;
mod place;
mod player;
mod pointer;
mod trial;

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

pub(crate) use convert::{Form, convert};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
pub(crate) use player::Player;
use revring_protocol::change::Change;

/// Updates in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stream {
    /// The updates.
    pub(crate) updates: Vec<Step>,
}

/// One update of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Seconds from the stream's start to this update, if that is known; never less than the one before.
    pub(crate) at: Option<f64>,
    /// What it does.
    pub(crate) changes: Vec<Change>,
}

/// Why a stream cannot be read, written or converted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// In which file.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
        /// Why.
        problem: String,
    },
    /// An editing trace is not what it should be.
    #[error("{}: {problem}", path.display())]
    Trace {
        /// In which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl Stream {
    /// The stream in a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ReplayError> {
        let mut updates: Vec<Step> = Vec::new();
        for line in lines(path)? {
            let (number, text) = line?;
            let wrong = |problem| ReplayError::Line {
                path: path.to_owned(),
                line: number,
                problem,
            };
            let step = form::read(text.as_bytes()).map_err(wrong)?;
            let before = updates.last().and_then(|step| step.at);
            if before.zip(step.at).is_some_and(|(before, at)| at < before) {
                return Err(wrong("at is less than the one before".to_owned()));
            }
            updates.push(step);
        }
        Ok(Self { updates })
    }

    /// Writes it to a file, compressed if its name ends in `.gz`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), ReplayError> {
        let failed = |source| ReplayError::File {
            path: path.to_owned(),
            source,
        };
        let file = BufWriter::new(File::create(path).map_err(failed)?);
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut packed = GzEncoder::new(file, Compression::default());
            self.write_lines(&mut packed).map_err(failed)?;
            packed.finish().and_then(|mut file| file.flush())
        } else {
            let mut file = file;
            self.write_lines(&mut file).and_then(|()| file.flush())
        }
        .map_err(failed)
    }

    fn write_lines(&self, out: &mut impl Write) -> io::Result<()> {
        self.updates.iter().try_for_each(|step| {
            form::write(step, out)?;
            out.write_all(b"\n")
        })
    }

    /// When each update is due, in seconds from the start: as recorded, `speed` times as fast, no pause longer than `longest`
    /// seconds. An update without a time is due with the one before.
    pub(crate) fn schedule(&self, speed: f64, longest: f64) -> Vec<f64> {
        let (mut due, mut last) = (0.0, None::<f64>);
        let steps = self.updates.iter().map(|step| {
            if let Some(at) = step.at {
                let pause = last.map_or(0.0, |last| (at - last) / speed);
                due += pause.clamp(0.0, longest);
                last = Some(at);
            }
            due
        });
        steps.collect()
    }
}

/// The lines of a file with their numbers, those of nothing but space left out. A file that begins as gzip does is unpacked.
fn lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(usize, String), ReplayError>>, ReplayError> {
    let owned = path.to_owned();
    let failed = move |source| ReplayError::File {
        path: owned.clone(),
        source,
    };
    let lines = BufReader::new(open(path).map_err(&failed)?).lines();
    let lines = lines
        .enumerate()
        .filter_map(move |(index, line)| match line {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => Some(Ok((index + 1, text))),
            Err(error) => Some(Err(failed(error))),
        });
    Ok(lines)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(MultiGzDecoder::new(file)));
    }
    Ok(Box::new(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"at":0.5,"changes":[{"op":"put","collection":"c","id":"a","data":{"text":"x"}}]}"#,
        "\n\n",
        r#"{"changes":[{"op":"splice","collection":"c","id":"a","path":"/text","at":0,"remove":1,"insert":"y"}]}"#,
        "\n",
        r#"{"at":8,"changes":[{"op":"delete","collection":"c","id":"a"}]}"#,
        "\n",
    );

    fn stream(text: &str) -> Result<Stream, ReplayError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stream.jsonl");
        std::fs::write(&path, text).unwrap();
        Stream::read(&path)
    }

    #[test]
    fn a_stream_is_read_as_it_was_written_packed_or_not() {
        let stream = stream(LINES).unwrap();
        assert_eq!(stream.updates.len(), 3);
        let directory = tempfile::tempdir().unwrap();
        let [plain, packed] = ["s.jsonl", "s.jsonl.gz"].map(|name| directory.path().join(name));
        for path in [&plain, &packed] {
            stream.write(path).unwrap();
            assert_eq!(Stream::read(path).unwrap(), stream);
        }
        assert!(std::fs::read(packed).unwrap().starts_with(&[0x1f, 0x8b]));
        assert_eq!(
            std::fs::read_to_string(plain).unwrap(),
            LINES
                .replace("\n\n", "\n")
                .replace("\"at\":8,", "\"at\":8.0,")
        );
    }

    #[test]
    fn recorded_time_is_kept_in_proportion_and_long_pauses_are_cut() {
        let stream = stream(LINES).unwrap();
        assert_eq!(stream.schedule(1.0, 60.0), [0.0, 0.0, 7.5]);
        assert_eq!(stream.schedule(2.0, 60.0), [0.0, 0.0, 3.75]);
        assert_eq!(stream.schedule(1.0, 2.0), [0.0, 0.0, 2.0]);
    }

    #[test]
    fn a_line_that_is_no_update_is_named() {
        for (text, expected) in [
            ("{\"changes\":[]}\nno", "line 2"),
            ("{\"at\":1}", "changes"),
            ("{\"changes\":[{\"op\":\"put\"}]}", "line 1"),
            ("{\"at\":\"x\",\"changes\":[]}", "at"),
            (
                "{\"at\":2,\"changes\":[]}\n{\"at\":1,\"changes\":[]}",
                "line 2",
            ),
        ] {
            let error = stream(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(matches!(
            Stream::read(Path::new("/none")),
            Err(ReplayError::File { .. })
        ));
    }
}
