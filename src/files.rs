//! Open files: each connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Files the server needs besides those of its connections.
const OWN_FILES: u64 = 64;

/// Lets the process open as many files as its user may, and warns if that is too few for `connections`.
pub(crate) fn make_room_for(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let allowed = if raised.is_ok() { maximum } else { current };
    debug!(from = current, to = allowed, "limit of open files");
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OWN_FILES);
    // No limit at all is `None`.
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed) {
        warn!(
            allowed,
            needed, "the limit of open files is too low for max-connections (see ulimit -n)"
        );
    }
}
