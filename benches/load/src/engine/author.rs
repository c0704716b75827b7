//! What a writer has sent, and what became of it.

use std::collections::HashSet;

/// See the module.
#[derive(Debug)]
pub(super) struct Author {
    /// Its place among the clients.
    pub(super) client: usize,
    /// Its number in its room.
    pub(super) number: u16,
    /// Updates sent: the sequence of the next one.
    pub(super) sent: u32,
    /// Of these, answered.
    pub(super) answered: u32,
    /// Of those, refused.
    pub(super) refused: u32,
    /// Operations of its own that came more than once, or were never sent.
    pub(super) repeated: u64,
    /// Which are answered, a bit for each.
    bits: Bits,
    /// Which its own client was shown as operations. Kept where an answer does not tell of each operation.
    shown: Bits,
    /// Which a gap named as accepted: those after the state that follows are shown as well.
    told: HashSet<u32>,
    /// Whether it is noted among those whose window has room.
    pub(super) hungry: bool,
    /// It holds a replica: its updates can be composed into fewer operations, and a later one passes one of another record that waits
    /// with its splice (rule S-8). Other clients' revisions and digests show the order of its operations, its sequences do not.
    pub(super) composes: bool,
}

impl Author {
    pub(super) fn new(client: usize, number: u16, composes: bool) -> Self {
        Self {
            client,
            number,
            sent: 0,
            answered: 0,
            refused: 0,
            repeated: 0,
            bits: Bits::default(),
            shown: Bits::default(),
            told: HashSet::new(),
            hungry: false,
            composes,
        }
    }

    /// How many updates have no answer.
    pub(super) fn unanswered(&self) -> usize {
        (self.sent - self.answered) as usize
    }

    /// Notes the answer to the update `sequence`; `false`: it was answered before, or never sent.
    pub(super) fn answer(&mut self, sequence: u32) -> bool {
        let first = sequence < self.sent && self.bits.set(sequence);
        self.answered += u32::from(first);
        first
    }

    /// Its client is shown the operation of `sequence`; `false`: it was before, or that was never sent.
    pub(super) fn show(&mut self, sequence: u32) -> bool {
        sequence < self.sent && self.shown.set(sequence)
    }

    /// A gap says that `sequence` is accepted: its operation may still be shown, once.
    pub(super) fn tell(&mut self, sequence: u32) {
        self.told.insert(sequence);
    }

    /// Whether the operation of `sequence`, which is answered, may be shown; from now on it may not.
    pub(super) fn may_show(&mut self, sequence: u32) -> bool {
        self.told.remove(&sequence)
    }
}

/// A set of numbers.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// Adds `number`; `false`: it is in it.
    fn set(&mut self, number: u32) -> bool {
        let (word, bit) = ((number / 64) as usize, 1_u64 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let first = self.0[word] & bit == 0;
        self.0[word] |= bit;
        first
    }
}

/// In which order the updates of each writer of a room have arrived at a client.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Which sequence of each writer is due: the first number, or any up to the second.
    next: Vec<(u32, u32)>,
    /// How many arrivals were looked at.
    pub(super) seen: u64,
    /// How many came too late, twice or after a hole.
    pub(super) faults: u64,
    /// The first such.
    pub(super) fault: Option<String>,
}

impl Order {
    /// Operations may have been left out.
    pub(super) fn loosen(&mut self) {
        self.next.iter_mut().for_each(|(_, most)| *most = u32::MAX);
    }

    /// All from the sequence `first` of `writer` on will arrive; those before it may.
    pub(super) fn expect(&mut self, writer: u16, first: u32) {
        let (least, most) = self.due(writer);
        *most = first.max(*least).min(*most);
    }

    /// Whether all that `writer` sent, before the sequence `sent`, have arrived or were not to.
    pub(super) fn has_all(&self, writer: u16, sent: u32) -> bool {
        let due = self.next.get(usize::from(writer));
        due.is_some_and(|(least, most)| (*least..=*most).contains(&sent))
    }

    fn due(&mut self, writer: u16) -> &mut (u32, u32) {
        let writer = usize::from(writer);
        if self.next.len() <= writer {
            self.next.resize(writer + 1, (0, u32::MAX));
        }
        &mut self.next[writer]
    }

    /// An operation arrived. With `holes` sequences may be left out.
    pub(super) fn arrive(&mut self, writer: u16, sequence: u32, holes: bool) {
        self.seen += 1;
        let (least, most) = *self.due(writer);
        let most = if holes { u32::MAX } else { most };
        let fits = (least..=most).contains(&sequence);
        if !fits {
            self.faults += 1;
            self.fault.get_or_insert_with(|| {
                format!("of writer {writer} came update {sequence} where {least} was due")
            });
        }
        let next = sequence.saturating_add(1).max(least);
        *self.due(writer) = (next, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u1_an_update_is_answered_once() {
        let mut author = Author::new(0, 0, false);
        author.sent = 200;
        assert!(author.answer(150));
        assert!(!author.answer(150));
        assert!(!author.answer(200));
        assert_eq!(author.unanswered(), 199);
    }

    #[test]
    fn an_operation_is_shown_once_and_once_after_a_gap_that_names_it() {
        let mut author = Author::new(0, 0, true);
        author.sent = 3;
        assert!(author.show(2));
        assert!(!author.show(2) && !author.show(3));
        assert!(author.answer(1));
        author.tell(1);
        assert!(author.may_show(1));
        assert!(!author.may_show(1));
    }

    #[test]
    fn whoever_is_live_gets_all_that_is_sent_from_then_on() {
        let mut order = Order::default();
        order.expect(0, 3);
        // The state may have had them, or they may be on their way.
        assert!(order.has_all(0, 3));
        assert!(!order.has_all(0, 4));
        order.arrive(0, 2, false);
        assert!(!order.has_all(0, 4));
        order.arrive(0, 3, false);
        assert!(order.has_all(0, 4));
        order.expect(1, 0);
        order.arrive(1, 1, false);
        assert_eq!(order.faults, 1);
    }

    #[test]
    fn holes_and_repetitions_are_faults_unless_a_state_came() {
        let mut order = Order::default();
        order.arrive(1, 5, false);
        order.arrive(1, 6, false);
        assert_eq!(order.faults, 0);
        order.arrive(1, 8, false);
        order.arrive(1, 8, false);
        assert_eq!((order.seen, order.faults), (4, 2));
        order.loosen();
        order.arrive(1, 20, false);
        order.arrive(1, 22, true);
        assert_eq!(order.faults, 2);
        order.arrive(1, 3, true);
        assert_eq!(order.faults, 3);
    }
}
