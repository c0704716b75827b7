//! From the forms in which histories are published to revring's own.

use std::{io, path::Path};

use super::{ReplayError, Stream, editing, lines, open, patches::History};

/// A form in which a history is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// A JSON value and RFC 6902 patches, as JSON Lines.
    Rfc6902,
    /// One text and its edits, as in josephg/editing-traces.
    EditingTrace,
}

/// Converts the history in the file `from` to a stream in the file `to`, and yields it. What the changes lead to is compared with
/// what the history says of its states.
pub(crate) fn convert(form: Form, from: &Path, to: &Path) -> Result<Stream, ReplayError> {
    let updates = match form {
        Form::Rfc6902 => {
            let mut history = History::new();
            for line in lines(from)? {
                let (number, text) = line?;
                history.line(&text).map_err(|problem| ReplayError::Line {
                    path: from.to_owned(),
                    line: number,
                    problem,
                })?;
            }
            history.steps()
        }
        Form::EditingTrace => {
            let text = open(from).and_then(|mut file| io::read_to_string(&mut file));
            let text = text.map_err(|source| ReplayError::File {
                path: from.to_owned(),
                source,
            })?;
            editing::steps(&text).map_err(|problem| ReplayError::Trace {
                path: from.to_owned(),
                problem,
            })?
        }
    };
    let stream = Stream { updates };
    stream.write(to)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_are_converted_from_file_to_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let history = concat!(
            r#"{"rev":0,"ts":1,"state":[]}"#,
            "\n",
            r#"{"rev":1,"ts":2,"ops":[{"op":"add","path":"/0","value":"a"}]}"#,
            "\n",
            r#"{"final":["a"]}"#
        );
        std::fs::write(file("history"), history).unwrap();
        let stream = convert(Form::Rfc6902, &file("history"), &file("out.gz")).unwrap();
        assert_eq!(Stream::read(&file("out.gz")).unwrap(), stream);
        assert_eq!(stream.updates.len(), 1);

        let trace = r#"{"startContent":"","endContent":"b","txns":[{"patches":[[0,0,"b"]]}]}"#;
        std::fs::write(file("trace"), trace).unwrap();
        let stream = convert(Form::EditingTrace, &file("trace"), &file("out")).unwrap();
        assert_eq!(Stream::read(&file("out")).unwrap(), stream);
        assert_eq!(stream.updates.len(), 2);
    }

    #[test]
    fn a_history_that_contradicts_itself_is_refused_and_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("trace"), directory.path().join("out"));
        std::fs::write(&from, r#"{"startContent":"","endContent":"b","txns":[]}"#).unwrap();
        let error = convert(Form::EditingTrace, &from, &to)
            .unwrap_err()
            .to_string();
        assert!(error.contains("endContent"), "{error}");
        assert!(!to.exists());
    }
}
