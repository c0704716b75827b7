//! Reads a room from a file, and believes nothing of it.

use std::io::{self, BufRead, Read as _};

use revring_protocol::{
    document::Document,
    room::{Image, Remembered, Tombstones},
};

use super::{
    Exported, FORMAT, LINE_BYTES, Sum, VERSION,
    check::{Clients, Deletions, Records},
    fields::{Fields, Problem},
    header::Header,
};

/// Why a file is not a room.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is not a room that `revring export` wrote: {0}")]
    Foreign(Problem),
    #[error(
        "it is of version {found} of the format, and this revring knows versions up to {VERSION}: use a newer one"
    )]
    Newer { found: u64 },
    #[error("it was cut off after line {0}: export the room again")]
    Cut(u64),
    #[error("line {line}: {problem}")]
    Line { line: u64, problem: Problem },
    #[error(
        "its records have the checksum {found}, and its header says {expected}: it was changed since it was exported"
    )]
    Checksum { found: String, expected: String },
    #[error("its end does not match the lines before it: it was changed since it was exported")]
    Changed,
}

/// Reads a whole file.
pub(crate) fn read(input: &mut dyn BufRead) -> Result<Exported, ReadError> {
    let mut lines = Lines {
        input,
        number: 0,
        sum: Sum::default(),
        line: Vec::new(),
    };
    let header = lines.header()?;

    let mut records = Records::new(&header);
    for _ in 0..header.records {
        lines.entry("record", |fields| records.add(fields))?;
    }
    let document = Document::from_records(records.finish());
    let mut deletions = Deletions::new(&header, &document);
    for _ in 0..header.tombstones {
        lines.entry("tombstone", |fields| deletions.add(fields))?;
    }
    let tombstones = Tombstones::restore(header.tombstones_forgotten, deletions.finish());
    let mut clients = Clients::new(&header);
    for _ in 0..header.clients {
        lines.entry("client", |fields| clients.add(fields))?;
    }
    let (clients, ids) = clients.finish();
    lines.end()?;

    let found = document.checksum();
    if found != header.checksum {
        let expected = header.checksum;
        return Err(ReadError::Checksum { found, expected });
    }
    let image = Image {
        epoch: header.epoch,
        rev: header.rev,
        at: header.at,
        document,
        tombstones,
        remembered: Remembered::restore(header.clients_forgotten, clients, ids),
    };
    Ok(Exported {
        room: header.room,
        image,
    })
}

struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// The number of the line that was read last.
    number: u64,
    /// That of the lines before it.
    sum: Sum,
    line: Vec<u8>,
}

impl Lines<'_> {
    fn header(&mut self) -> Result<Header, ReadError> {
        if !self.read_line()? {
            return Err(ReadError::Foreign("it is empty".to_owned()));
        }
        let mut fields = Fields::of_line(&self.line).map_err(ReadError::Foreign)?;
        match fields.text("format") {
            Ok(format) if format == FORMAT => {}
            _ => {
                let problem = format!("its first line does not say \"format\":\"{FORMAT}\"");
                return Err(ReadError::Foreign(problem));
            }
        }
        match fields.integer("version") {
            Ok(VERSION) => {}
            Ok(found) if found > VERSION => return Err(ReadError::Newer { found }),
            other => {
                let problem = other.map_or_else(
                    |problem| problem,
                    |found| format!("there is no version {found}"),
                );
                return Err(self.wrong(problem));
            }
        }
        Header::read(&mut fields).map_err(|problem| self.wrong(problem))
    }

    /// Reads the next line, which is a `kind`.
    fn entry(
        &mut self,
        kind: &str,
        add: impl FnOnce(Fields) -> Result<(), Problem>,
    ) -> Result<(), ReadError> {
        self.sum.add(&self.line);
        if !self.read_line()? {
            return Err(ReadError::Cut(self.number));
        }
        let entry = Fields::of_line(&self.line).and_then(|mut line| line.fields(kind));
        entry.and_then(add).map_err(|problem| self.wrong(problem))
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let before = self.number;
        let mut said = None;
        self.entry("end", |mut end| {
            said = Some((end.integer("lines")?, end.text("sum")?));
            Ok(())
        })?;
        if said != Some((before, self.sum.text())) {
            return Err(ReadError::Changed);
        }
        if self.read_line()? {
            return Err(self.wrong("nothing may follow the end".to_owned()));
        }
        Ok(())
    }

    /// False at the end of the file.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        let most = LINE_BYTES as u64;
        let read = (&mut *self.input)
            .take(most)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(false);
        }
        if self.line.last() == Some(&b'\n') {
            self.number += 1;
            return Ok(true);
        }
        if read < LINE_BYTES {
            return Err(ReadError::Cut(self.number));
        }
        self.number += 1;
        Err(self.wrong(format!("is longer than {LINE_BYTES} bytes")))
    }

    fn wrong(&self, problem: Problem) -> ReadError {
        ReadError::Line {
            line: self.number,
            problem,
        }
    }
}
