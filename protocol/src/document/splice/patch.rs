//! Several splices of one author as one patch.

use crate::{
    change::{Sequence, Splice},
    value::Value,
};

/// What a row of splices does to a value, from left to right: what stays, what is inserted, what is removed.
///
/// Patches compose; they are not moved over each other, see [`super::Concurrent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// What an empty insertion of this patch is.
    empty: Sequence,
    /// Never empty ones, never two of a kind in a row, an insertion before a removal, and no `Keep` at the end.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Keep(usize),
    Insert(Sequence),
    Remove(usize),
}

impl Patch {
    /// The patch of one splice.
    #[must_use]
    pub fn from_splice(splice: &Splice) -> Self {
        let mut patch = Self {
            empty: splice.insert.emptied(),
            steps: Vec::new(),
        };
        patch.push(Step::Keep(splice.at));
        patch.push(Step::Insert(splice.insert.clone()));
        patch.push(Step::Remove(splice.remove));
        patch.trimmed()
    }

    /// The patch of `splices`, each relative to the result of those before it. `None` when there are none, or of
    /// both kinds.
    #[must_use]
    pub fn from_splices<'a>(splices: impl IntoIterator<Item = &'a Splice>) -> Option<Self> {
        let mut patches = splices.into_iter().map(Self::from_splice);
        let first = patches.next()?;
        patches.try_fold(first, |all, next| all.compose(&next))
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_noop(&self) -> bool {
        self.steps.is_empty()
    }

    /// This patch and then `next`, which applies to its result. `None` when one is of text and the other of items.
    #[must_use]
    pub fn compose(&self, next: &Self) -> Option<Self> {
        if self.empty != next.empty {
            return None;
        }
        let mut out = Self {
            empty: self.empty.clone(),
            steps: Vec::new(),
        };
        let mut first = Steps::new(&self.steps);
        let mut second = Steps::new(&next.steps);
        loop {
            match (first.peek(), second.peek()) {
                (None, None) => return Some(out.trimmed()),
                (Some(Step::Remove(n)), _) => {
                    let n = *n;
                    first.take(n);
                    out.push(Step::Remove(n));
                }
                (_, Some(Step::Insert(insert))) => {
                    let insert = insert.clone();
                    second.take(insert.len());
                    out.push(Step::Insert(insert));
                }
                (first_step, second_step) => {
                    let n = first_step.map_or(usize::MAX, Step::len);
                    let n = n.min(second_step.map_or(usize::MAX, Step::len));
                    match (first.take(n), second.take(n)) {
                        (Some(Step::Insert(_)), Some(Step::Remove(_))) => {}
                        (Some(insert @ Step::Insert(_)), _) => out.push(insert),
                        (_, Some(Step::Remove(n))) => out.push(Step::Remove(n)),
                        _ => out.push(Step::Keep(n)),
                    }
                }
            }
        }
    }

    /// The same as splices, from left to right, each relative to the result of those before it (rule S-5).
    #[must_use]
    pub fn to_splices(&self) -> Vec<Splice> {
        let mut splices = Vec::new();
        let mut at: usize = 0;
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            let (insert, remove) = match step {
                Step::Keep(n) => {
                    at = at.saturating_add(*n);
                    continue;
                }
                Step::Remove(n) => (self.empty.clone(), *n),
                Step::Insert(insert) => {
                    let removal = steps.next_if(|next| matches!(next, Step::Remove(_)));
                    (insert.clone(), removal.map_or(0, Step::len))
                }
            };
            let length = insert.len();
            splices.push(Splice { at, remove, insert });
            at = at.saturating_add(length);
        }
        splices
    }

    /// Appends `step`, keeping the steps in their one form.
    fn push(&mut self, step: Step) {
        if step.len() == 0 {
            return;
        }
        let steps = &mut self.steps;
        match (steps.as_mut_slice(), step) {
            ([.., Step::Keep(n)], Step::Keep(more))
            | ([.., Step::Remove(n)], Step::Remove(more)) => {
                *n = n.saturating_add(more);
            }
            (
                [.., Step::Insert(before), Step::Remove(_)] | [.., Step::Insert(before)],
                Step::Insert(more),
            ) => {
                append(before, more);
            }
            ([.., Step::Remove(_)], step @ Step::Insert(_)) => steps.insert(steps.len() - 1, step),
            (_, step) => steps.push(step),
        }
    }

    fn trimmed(mut self) -> Self {
        if let Some(Step::Keep(_)) = self.steps.last() {
            self.steps.pop();
        }
        self
    }
}

impl Step {
    fn len(&self) -> usize {
        match self {
            Self::Keep(n) | Self::Remove(n) => *n,
            Self::Insert(insert) => insert.len(),
        }
    }
}

/// The steps of a patch, to be taken in portions; behind the last everything is kept.
struct Steps<'a> {
    rest: std::slice::Iter<'a, Step>,
    open: Option<Step>,
}

impl<'a> Steps<'a> {
    fn new(steps: &'a [Step]) -> Self {
        let mut rest = steps.iter();
        let open = rest.next().cloned();
        Self { rest, open }
    }

    fn peek(&self) -> Option<&Step> {
        self.open.as_ref()
    }

    /// Takes `n` of the step that is open, which has as many.
    fn take(&mut self, n: usize) -> Option<Step> {
        let open = self.open.take()?;
        let (taken, left) = match open {
            Step::Keep(len) => (Step::Keep(n), Step::Keep(len.saturating_sub(n))),
            Step::Remove(len) => (Step::Remove(n), Step::Remove(len.saturating_sub(n))),
            Step::Insert(insert) => {
                let (taken, left) = split(insert, n);
                (Step::Insert(taken), Step::Insert(left))
            }
        };
        self.open = if left.len() > 0 {
            Some(left)
        } else {
            self.rest.next().cloned()
        };
        Some(taken)
    }
}

/// The first `n` of `sequence` and the rest.
fn split(mut sequence: Sequence, n: usize) -> (Sequence, Sequence) {
    let left = match &mut sequence {
        Sequence::Text(text) => {
            let at = super::byte_offset(text, n).unwrap_or(text.len());
            Sequence::Text(text.split_off(at))
        }
        Sequence::Items(items) => Sequence::Items(items.split_off(n.min(items.len()))),
    };
    (sequence, left)
}

/// Appends `more`; the two are of one kind.
fn append(sequence: &mut Sequence, more: Sequence) {
    match (sequence, more) {
        (Sequence::Text(text), Sequence::Text(more)) => text.push_str(&more),
        (Sequence::Items(items), Sequence::Items(more)) => items.extend::<Vec<Value>>(more),
        _ => debug_assert!(false, "one patch is of text or of items"),
    }
}
