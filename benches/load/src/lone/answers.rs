//! What became of a lone writer's updates.

use serde::{Deserialize, Serialize};

use crate::{model::Check, revring::Raw, speaker::Heard, stamp};

/// An update that came back, in nanoseconds of [`super::now`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// When it was to be sent.
    pub(crate) due: u64,
    /// When it was sent.
    pub(crate) sent: u64,
    /// When it came back.
    pub(crate) came: u64,
}

/// What a lone writer tells at its end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The last revision that it saw.
    pub(crate) head: u64,
    /// Its updates, in order.
    pub(crate) answered: Vec<Answered>,
    /// What was checked.
    pub(crate) checks: Vec<Check>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When each update was due, and when it was sent.
    sent: Vec<(u64, u64)>,
    /// When each came back, so far.
    came: Vec<u64>,
    /// Those that came twice, out of turn, or were never sent.
    strays: u64,
    refused: u64,
    gaps: u64,
}

impl Answers {
    /// The number of the next update.
    pub(super) fn next(&self) -> u32 {
        u32::try_from(self.sent.len()).unwrap_or(u32::MAX)
    }

    /// Another update, which was `due`, is sent at `now`.
    pub(super) fn sent(&mut self, due: u64, now: u64) {
        self.sent.push((due, now));
    }

    /// A message with this `payload` came at `now`.
    pub(super) fn hear(&mut self, heard: &Heard, payload: &[u8], now: u64) {
        self.refused += heard.refused.len() as u64;
        self.gaps += u64::from(heard.gap);
        if !heard.operations {
            return;
        }
        for stamp in stamp::all_in(payload) {
            let expected = stamp.sequence as usize == self.came.len();
            if expected && self.came.len() < self.sent.len() {
                self.came.push(now);
            } else {
                self.strays += 1;
            }
        }
    }

    /// Whether nothing is to come any more.
    pub(super) fn are_complete(&self) -> bool {
        self.came.len() == self.sent.len()
    }

    /// The account of it all, and of what `speaker` saw.
    pub(super) fn account(self, speaker: &Raw) -> Account {
        let Self {
            sent,
            came,
            strays,
            refused,
            gaps,
        } = self;
        let (all, back, faults) = (sent.len(), came.len(), speaker.faults);
        let fault = speaker.fault.as_deref().unwrap_or_default();
        let checks = vec![
            Check {
                what: "every update of the lone writer comes back to it once, in order".to_owned(),
                holds: all > 0 && back == all && strays == 0 && refused == 0,
                detail: format!("{all} sent, {back} came back, {refused} refused, {strays} stray"),
            },
            Check {
                what: "the lone writer's revisions follow one another without hole".to_owned(),
                holds: faults == 0 && gaps == 0,
                detail: format!("{faults} holes, {gaps} gaps {fault}"),
            },
        ];
        let answered = sent.into_iter().zip(came);
        Account {
            head: speaker.rev,
            answered: answered
                .map(|((due, sent), came)| Answered { due, sent, came })
                .collect(),
            checks,
        }
    }
}

#[cfg(test)]
mod tests {
    use revring_protocol::{
        codec::Codec,
        ids::{ClientKey, RoomName},
    };

    use super::*;
    use crate::{revring::Identity, stamp::Stamp};

    fn heard() -> Heard {
        Heard {
            operations: true,
            ..Heard::default()
        }
    }

    fn operation(sequence: u32) -> Vec<u8> {
        let stamp = Stamp {
            writer: 0,
            sequence,
            intended: 0,
        };
        stamp.text().to_vec()
    }

    fn three_sent() -> Answers {
        let mut answers = Answers::default();
        for due in [10, 20, 30] {
            answers.sent(due, due + 1);
        }
        answers
    }

    fn account(answers: Answers) -> Account {
        let identity = Identity {
            room: RoomName::new("r").unwrap(),
            key: ClientKey::new("a-key-of-a-client").unwrap(),
            codec: Codec::MessagePack,
        };
        answers.account(&Raw::new(identity, None))
    }

    #[test]
    fn updates_that_come_back_in_order_are_answered() {
        let mut answers = three_sent();
        answers.hear(&heard(), &[operation(0), operation(1)].concat(), 40);
        assert!(!answers.are_complete());
        answers.hear(&heard(), &operation(2), 50);
        assert!(answers.are_complete());
        let account = account(answers);
        assert!(account.checks.iter().all(|check| check.holds));
        let last = Answered {
            due: 30,
            sent: 31,
            came: 50,
        };
        assert_eq!(account.answered.last(), Some(&last));
    }

    #[test]
    fn repetitions_refusals_and_what_is_missing_are_told() {
        let gap = Heard {
            gap: true,
            ..Heard::default()
        };
        let refusal = Heard {
            refused: vec![(2, "no".to_owned())],
            ..Heard::default()
        };
        let all = [operation(0), operation(1), operation(2)].concat();
        for (wrong, heard, payload) in [
            (0, heard(), operation(2)),
            (0, heard(), operation(3)),
            (0, refusal, Vec::new()),
            (1, gap, Vec::new()),
        ] {
            let mut answers = three_sent();
            answers.hear(&self::heard(), &all, 40);
            answers.hear(&heard, &payload, 50);
            assert!(!account(answers).checks[wrong].holds, "{heard:?}");
        }
        assert!(!account(three_sent()).checks[0].holds);
        assert!(!account(Answers::default()).checks[0].holds);
    }
}
