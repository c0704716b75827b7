//! Updates that are not decided yet, and who is to be told.

use std::{collections::VecDeque, sync::Arc};

use revring_protocol::{
    change::Update,
    error::Code,
    ids::ClientId,
    message::{Reject, ServerMessage},
    room::{Answer, Outcome, Request, Ticket},
};
use tokio::sync::Semaphore;

use crate::fanout::Connection;

/// When to send an update again that the log did not take, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// The undecided updates of a room, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    /// Those that no batch has taken.
    pub(super) requests: VecDeque<Request>,
    /// One for each undecided update; batches take updates in order, and decide them in order.
    authors: VecDeque<Author>,
    /// The ticket of the first author.
    first: u64,
}

#[derive(Debug)]
struct Author {
    connection: Arc<Connection>,
    cost: u32,
}

impl Undecided {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push(
        &mut self,
        connection: Arc<Connection>,
        client_id: ClientId,
        update: Update,
        cost: u32,
    ) {
        let ticket = Ticket(self.first + self.authors.len() as u64);
        self.authors.push_back(Author { connection, cost });
        self.requests.push_back(Request {
            client_id,
            update,
            ticket,
        });
    }

    /// Puts the requests of a batch that was not committed back in front.
    pub(super) fn take_back(&mut self, requests: Vec<Request>) {
        requests
            .into_iter()
            .rev()
            .for_each(|request| self.requests.push_front(request));
    }

    /// Tells the authors what became of their updates.
    pub(super) fn decide(&mut self, answers: Vec<Answer>, budget: &Semaphore) {
        let mut cost = 0;
        // One author and its updates that follow one another.
        let mut settled: Option<(Arc<Connection>, usize)> = None;
        for Answer { ticket, outcome } in answers {
            let Some(author) = self.next(ticket) else {
                continue;
            };
            cost += author.cost as usize;
            match (outcome, &mut settled) {
                (Outcome::Reply(message), _) => author.connection.answer(&message),
                (Outcome::Accepted(_), Some((connection, requests)))
                    if Arc::ptr_eq(connection, &author.connection) =>
                {
                    *requests += 1;
                }
                (Outcome::Accepted(_), settled) => {
                    settle(settled.replace((author.connection, 1)));
                }
            }
        }
        settle(settled);
        budget.add_permits(cost);
    }

    /// Tells the authors that the log did not take their updates.
    pub(super) fn refuse(&mut self, requests: Vec<Request>, budget: &Semaphore) {
        let refused = requests.into_iter().map(|request| {
            let message = "the log does not take operations now";
            let mut reject = Reject::new(request.update.client_req_id, Code::Unavailable, message);
            reject.retry_after_ms = Some(RETRY_MS);
            let outcome = Outcome::Reply(ServerMessage::Reject(reject));
            Answer {
                ticket: request.ticket,
                outcome,
            }
        });
        self.decide(refused.collect(), budget);
    }

    /// Tells the authors of all that is undecided that the log does not take it.
    pub(super) fn refuse_all(&mut self, budget: &Semaphore) {
        let requests = std::mem::take(&mut self.requests).into();
        self.refuse(requests, budget);
    }

    /// Frees memory that is not in use.
    pub(super) fn shrink(&mut self) {
        self.requests.shrink_to_fit();
        self.authors.shrink_to_fit();
    }

    fn next(&mut self, ticket: Ticket) -> Option<Author> {
        debug_assert_eq!(ticket.0, self.first, "updates are decided in order");
        self.first += 1;
        self.authors.pop_front()
    }
}

fn settle(settled: Option<(Arc<Connection>, usize)>) {
    if let Some((connection, requests)) = settled {
        connection.settle_all(requests);
    }
}
