//! Moving splices over concurrent ones (rules S-3 to S-5).

use crate::change::Splice;

/// The splices accepted since a base on one value, in order: what a splice made on that base is moved over.
///
/// Splices are moved one by one, each over each, on the server as on the client. What would come of moving them
/// composed can differ, so neither half may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concurrent {
    theirs: Vec<Extent>,
}

impl Concurrent {
    /// Nothing accepted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next accepted splice.
    pub fn push(&mut self, splice: &Splice) {
        let extent = Extent::of(splice);
        if !extent.is_noop() {
            self.theirs.push(extent);
        }
    }

    /// Whether nothing was accepted that moves anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.theirs.is_empty()
    }

    /// Moves `own` over the accepted splices, which have the lower revisions, and those over `own`, so that the next
    /// splice of the same author, made after `own`, can be moved after it.
    ///
    /// Returns what `own` has become: from left to right, each relative to the result of those before it; nothing
    /// when nothing is left to do.
    pub fn rebase(&mut self, own: &Splice) -> Vec<Splice> {
        let mut moves = usize::MAX;
        self.rebase_within(own, &mut moves).unwrap_or_default()
    }

    /// The same, taking one of `moves` for each splice that is moved over another. `None` when they do not suffice;
    /// the update is then not to be taken.
    pub fn rebase_within(&mut self, own: &Splice, moves: &mut usize) -> Option<Vec<Splice>> {
        let extent = Extent::of(own);
        let mine = if extent.is_noop() {
            Vec::new()
        } else {
            vec![extent]
        };
        let (mine, theirs) = cross(mine, std::mem::take(&mut self.theirs), moves)?;
        self.theirs = theirs;
        Some(
            mine.into_iter()
                .map(|extent| extent.carrying(own))
                .collect(),
        )
    }
}

impl Splice {
    /// Moves two concurrent splices over each other: `self` as it applies after `their`, and `their` as it applies
    /// after `self`. `their` has the lower revision (rule S-4).
    #[must_use]
    pub fn transform(&self, their: &Self) -> (Vec<Self>, Vec<Self>) {
        let (mine, theirs) = Extent::of(self).transform(Extent::of(their));
        (
            mine.into_iter()
                .map(|extent| extent.carrying(self))
                .collect(),
            theirs
                .into_iter()
                .map(|extent| extent.carrying(their))
                .collect(),
        )
    }
}

/// Where a splice is and how much it moves; what it inserts does not matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    at: usize,
    remove: usize,
    insert: usize,
}

impl Extent {
    fn of(splice: &Splice) -> Self {
        Self {
            at: splice.at,
            remove: splice.remove,
            insert: splice.insert.len(),
        }
    }

    /// The splice of this extent with the insertion of `original`, which stands in one piece.
    fn carrying(self, original: &Splice) -> Splice {
        let insert = if self.insert > 0 {
            original.insert.clone()
        } else {
            original.insert.emptied()
        };
        Splice {
            at: self.at,
            remove: self.remove,
            insert,
        }
    }

    fn is_noop(self) -> bool {
        self.remove == 0 && self.insert == 0
    }

    fn end(self) -> usize {
        self.at.saturating_add(self.remove)
    }

    /// `self` and `their`, each as it applies after the other; `their` has the lower revision.
    ///
    /// At most one of the two is split: they cannot both insert inside the range of the other.
    fn transform(self, their: Self) -> (Vec<Self>, Vec<Self>) {
        // Of insertions at the same place the lower revision's stands left; what it removes is right of both.
        let mine = if self.at < their.at {
            self.around(their)
        } else {
            self.behind(their)
        };
        let left = their.at < self.at || (their.at == self.at && their.insert > 0);
        let theirs = if left {
            their.around(self)
        } else {
            their.behind(self)
        };
        (mine, theirs)
    }

    /// After `other`, which inserts right of where this one inserts.
    fn around(self, other: Self) -> Vec<Self> {
        let head = self.end().min(other.at) - self.at;
        let tail = self.end().saturating_sub(other.end());
        if tail == 0 || other.insert == 0 {
            return Self {
                remove: head + tail,
                ..self
            }
            .unless_noop();
        }
        let mut pieces = Self {
            remove: head,
            ..self
        }
        .unless_noop();
        let at = self
            .at
            .saturating_add(self.insert)
            .saturating_add(other.insert);
        pieces.push(Self {
            at,
            remove: tail,
            insert: 0,
        });
        pieces
    }

    /// After `other`, which inserts left of where this one inserts.
    fn behind(self, other: Self) -> Vec<Self> {
        let past = self.at.saturating_sub(other.end());
        let at = other.at.saturating_add(other.insert).saturating_add(past);
        let remove = self.end().saturating_sub(self.at.max(other.end()));
        Self { at, remove, ..self }.unless_noop()
    }

    fn unless_noop(self) -> Vec<Self> {
        if self.is_noop() {
            Vec::new()
        } else {
            vec![self]
        }
    }
}

/// Moves `mine` over `theirs` and `theirs` over `mine`; in each, every splice is relative to the result of those
/// before it. Each splice that meets another takes one of `moves`; `None` when there are no more.
fn cross(
    mine: Vec<Extent>,
    theirs: Vec<Extent>,
    moves: &mut usize,
) -> Option<(Vec<Extent>, Vec<Extent>)> {
    if let ([own], [their]) = (mine.as_slice(), theirs.as_slice()) {
        *moves = moves.checked_sub(1)?;
        return Some(own.transform(*their));
    }
    let mut mine = mine;
    let mut moved = Vec::with_capacity(theirs.len());
    for their in theirs {
        let mut their = vec![their];
        let mut next = Vec::with_capacity(mine.len());
        for own in mine {
            // A splice is split by one insertion only, so this goes no more than a few calls deep.
            let (own, rest) = cross(vec![own], their, moves)?;
            next.extend(own);
            their = rest;
        }
        mine = next;
        moved.extend(their);
    }
    Some((mine, moved))
}
