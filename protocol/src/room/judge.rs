//! Resolves one update against a state: its effects, or why it is refused.

use std::collections::BTreeMap;

use super::tombstones::Tombstones;
use crate::{
    change::{Change, Edit, Effect, Operation, Splice, Update},
    document::{
        Base as _, Concurrent, EditError, Finished, Overlay, Workspace, replaces_value, sum,
    },
    error::Code,
    ids::{Millis, RecordKey, Rev},
    limits::{Limits, OPERATION_OVERHEAD, SPLICE_MOVES},
    message::{Conflict, Reject},
    value::{Path, Value, object_depth},
};

/// What an accepted update does.
pub(super) struct Verdict {
    pub(super) effects: Vec<Effect>,
    /// The operation's size.
    pub(super) size: usize,
    pub(super) finished: Finished,
}

/// Why an update is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    message: String,
    conflict: Option<Conflict>,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            conflict: None,
        }
    }

    fn edit(key: &RecordKey, error: &EditError) -> Self {
        Self::new(error.code(), format!("{key}: {error}"))
    }

    pub(super) fn into_reject(self, update: &Update) -> Reject {
        let mut reject = Reject::new(update.client_req_id.clone(), self.code, self.message);
        reject.conflict = self.conflict;
        reject
    }
}

/// The state an update is judged against.
pub(super) struct Court<'a, H> {
    pub(super) document: &'a Overlay<'a>,
    pub(super) tombstones: &'a Tombstones,
    pub(super) limits: &'a Limits,
    pub(super) now: Millis,
    pub(super) head: Rev,
    pub(super) buffer_first_rev: Rev,
    /// The operations after a revision.
    pub(super) history: H,
}

/// What became, since `baseRev`, of a value that an update splices.
enum Line {
    /// The update itself set it: positions need no moving.
    Own,
    /// Others spliced it.
    Concurrent(Concurrent),
}

impl<'a, H, I> Court<'a, H>
where
    H: Fn(Rev) -> I,
    I: Iterator<Item = &'a Operation>,
{
    pub(super) fn judge(&self, update: &Update) -> Result<Verdict, Refusal> {
        self.check_form(update)?;
        self.check_conditions(&update.changes)?;
        let mut case = Case {
            court: self,
            base: update.base_rev,
            workspace: Workspace::new(self.document),
            lines: BTreeMap::new(),
            moves: SPLICE_MOVES,
            bytes: OPERATION_OVERHEAD,
            effects: Vec::with_capacity(update.changes.len()),
        };
        for change in &update.changes {
            case.change(change)?;
        }
        let (effects, size) = (case.effects, case.bytes);
        let finished = case.workspace.finish(self.now);
        self.check_sizes(&finished)?;
        Ok(Verdict {
            effects,
            size,
            finished,
        })
    }

    fn check_form(&self, update: &Update) -> Result<(), Refusal> {
        let (count, most) = (update.changes.len(), self.limits.changes_per_update);
        if count == 0 {
            return Err(Refusal::new(
                Code::Invalid,
                "changes is empty; an update carries at least one change",
            ));
        }
        if count > most {
            let message = format!(
                "{count} changes in one update, at most {most} are allowed; send several updates"
            );
            return Err(Refusal::new(Code::TooLarge, message));
        }
        self.check_depth(&update.changes)?;
        let splices = update
            .changes
            .iter()
            .any(|change| matches!(change.edit, Edit::Splice { .. }));
        match update.base_rev {
            None if splices => Err(Refusal::new(
                Code::Invalid,
                "baseRev is missing; an update with a splice needs it",
            )),
            Some(base) if splices && base > self.head => {
                let message = format!("baseRev {base} is above the room's revision {}", self.head);
                Err(Refusal::new(Code::Invalid, message))
            }
            Some(base) if splices && base.next() < self.buffer_first_rev => {
                let first = self.buffer_first_rev;
                let message =
                    format!("baseRev {base} is too old: the ring begins at revision {first}");
                Err(Refusal::new(Code::BaseTooOld, message))
            }
            _ => Ok(()),
        }
    }

    /// Checks that everyone can read the effects (rule V-5), even where later changes take back what nests too deeply.
    fn check_depth(&self, changes: &[Change]) -> Result<(), Refusal> {
        let most = self.limits.depth;
        match changes.iter().find(|change| change.edit.depth() > most) {
            None => Ok(()),
            Some(Change { key, edit, .. }) => {
                let message = format!("{key}: {} nests deeper than {most} levels", edit.op());
                Err(Refusal::new(Code::TooLarge, message))
            }
        }
    }

    /// Checks every `ifVersion` against the state before the update (rule D-3).
    fn check_conditions(&self, changes: &[Change]) -> Result<(), Refusal> {
        for Change {
            key, if_version, ..
        } in changes
        {
            let Some(expected) = *if_version else {
                continue;
            };
            let version = self.version(key);
            if version != expected {
                let message = match (expected, version) {
                    (0, version) => format!("{key} exists, at version {version}"),
                    (expected, 0) => {
                        format!("{key} does not exist, version {expected} was expected")
                    }
                    (expected, version) => format!("{key} is at version {version}, not {expected}"),
                };
                let conflict = Some(Conflict::on(key, version, None));
                return Err(Refusal {
                    code: Code::Conflict,
                    message,
                    conflict,
                });
            }
        }
        Ok(())
    }

    fn version(&self, key: &RecordKey) -> u64 {
        self.document.get(key).map_or(0, |record| record.version())
    }

    /// Checks rule D-7; what an update makes smaller is never refused for being too large still.
    fn check_sizes(&self, finished: &Finished) -> Result<(), Refusal> {
        let Limits {
            record_bytes,
            document_bytes,
            depth,
            ..
        } = *self.limits;
        let mut size = self.document.size();
        for (key, before) in finished
            .keys()
            .filter_map(|key| Some((key, self.document.get(key)?)))
        {
            debug_assert!(size >= before.size(), "{key} counts in the document");
            size -= before.size();
        }
        for (key, record) in finished.records() {
            size += record.size();
            let before = self.document.get(key).map_or(0, |before| before.size());
            if record.size() > record_bytes && record.size() > before {
                let message = format!(
                    "{key} would have {} bytes, a record may have {record_bytes}",
                    record.size()
                );
                return Err(Refusal::new(Code::TooLarge, message));
            }
            if object_depth(record.data()) > depth {
                let message = format!("{key} would nest deeper than {depth} levels");
                return Err(Refusal::new(Code::TooLarge, message));
            }
        }
        if size > document_bytes && size > self.document.size() {
            let message =
                format!("the document would have {size} bytes, it may have {document_bytes}");
            return Err(Refusal::new(Code::TooLarge, message));
        }
        Ok(())
    }

    /// What became of the value since `base` (rules S-3 and S-6).
    fn line(&self, base: Rev, key: &RecordKey, path: &Path) -> Result<Line, Refusal> {
        let mut concurrent = Concurrent::new();
        for operation in (self.history)(base) {
            for effect in operation.changes.iter().filter(|effect| effect.key == *key) {
                if replaces_value(&effect.edit, path) {
                    let message = format!(
                        "{key}{path} was replaced or removed by revision {}",
                        operation.rev
                    );
                    let conflict = Some(Conflict::on(key, self.version(key), Some(path.clone())));
                    return Err(Refusal {
                        code: Code::Conflict,
                        message,
                        conflict,
                    });
                }
                if let Edit::Splice { path: at, splice } = &effect.edit
                    && at == path
                {
                    concurrent.push(splice);
                }
            }
        }
        Ok(Line::Concurrent(concurrent))
    }
}

/// One update in court.
struct Case<'c, 'a, H> {
    court: &'c Court<'a, H>,
    base: Option<Rev>,
    workspace: Workspace<'a, Overlay<'a>>,
    lines: BTreeMap<(RecordKey, Path), Line>,
    /// How often a splice may still be moved over another.
    moves: usize,
    /// The operation's size so far.
    bytes: usize,
    effects: Vec<Effect>,
}

impl<'a, H, I> Case<'_, 'a, H>
where
    H: Fn(Rev) -> I,
    I: Iterator<Item = &'a Operation>,
{
    fn change(&mut self, change: &Change) -> Result<(), Refusal> {
        let Change { key, edit, .. } = change;
        match edit {
            Edit::Splice { path, splice } => self.splice(key, path, splice),
            Edit::Delete if self.workspace.data(key).is_none() => Ok(()),
            Edit::Add { path, by } => {
                let data = self
                    .workspace
                    .data(key)
                    .ok_or_else(|| Refusal::edit(key, &EditError::NoRecord))?;
                let sum = sum(data, path, *by).map_err(|error| Refusal::edit(key, &error))?;
                self.effect(
                    key,
                    Edit::Set {
                        path: path.clone(),
                        value: Value::Number(sum),
                    },
                )
            }
            edit => self.effect(key, edit.clone()),
        }
    }

    fn splice(&mut self, key: &RecordKey, path: &Path, splice: &Splice) -> Result<(), Refusal> {
        let place = (key.clone(), path.clone());
        let mut line = match self.lines.remove(&place) {
            Some(line) => line,
            None => self.first_line(key, path)?,
        };
        let moved = match &mut line {
            Line::Own if splice.is_noop() => Vec::new(),
            Line::Own => vec![splice.clone()],
            Line::Concurrent(concurrent) => {
                let moved = concurrent.rebase_within(splice, &mut self.moves);
                moved.ok_or_else(|| {
                    let message = "too many splices since baseRev; rebase and send them again";
                    Refusal::new(Code::BaseTooOld, message)
                })?
            }
        };
        self.lines.insert(place, line);
        if moved.is_empty() {
            // What leaves no effect must fit nonetheless (rule D-2).
            let data = self
                .workspace
                .data(key)
                .ok_or_else(|| Refusal::edit(key, &EditError::NoRecord))?;
            return splice
                .insert
                .check_kind(path, path.find(data))
                .map_err(|error| Refusal::edit(key, &error));
        }
        for splice in moved {
            self.effect(
                key,
                Edit::Splice {
                    path: path.clone(),
                    splice,
                },
            )?;
        }
        Ok(())
    }

    fn first_line(&self, key: &RecordKey, path: &Path) -> Result<Line, Refusal> {
        let own = self
            .effects
            .iter()
            .any(|effect| effect.key == *key && replaces_value(&effect.edit, path));
        match self.base {
            Some(base) if !own => self.court.line(base, key, path),
            _ => Ok(Line::Own),
        }
    }

    fn effect(&mut self, key: &RecordKey, edit: Edit) -> Result<(), Refusal> {
        for ((at, path), line) in &mut self.lines {
            if at == key && replaces_value(&edit, path) {
                *line = Line::Own;
            }
        }
        let version = self
            .workspace
            .version(key, || self.court.tombstones.first_version(key));
        let effect = Effect {
            key: key.clone(),
            version,
            edit,
        };
        self.bytes += effect.size();
        let most = self.court.limits.operation_bytes;
        if self.bytes > most {
            let message =
                format!("the operation would have more than {most} bytes; send several updates");
            return Err(Refusal::new(Code::TooLarge, message));
        }
        self.workspace
            .apply(&effect, self.court.now)
            .map_err(|error| Refusal::edit(key, &error))?;
        self.effects.push(effect);
        Ok(())
    }
}
