//! Panics of a run: each is a failure, also one that its task survives. Those of openraft that are
//! known are recognised by file, line and message, and counted apart.

use std::panic;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Panicked {
    /// File inside its package, and line.
    pub(crate) place: String,
    /// What it says.
    pub(crate) message: String,
}

/// An assertion of openraft that is known to fire on correct stores.
struct Upstream {
    name: &'static str,
    file: &'static str,
    line: u32,
    message: &'static str,
}

/// The known ones of 0.10.0-alpha.37.
const UPSTREAM: [Upstream; 2] = [
    // docs/decisions/0014-a-snapshot-behind-the-submitted-log.md; of the log's progress alone, whose
    // ids are in brackets.
    Upstream {
        name: "snapshot behind the submitted log",
        file: "openraft-0.10.0-alpha.37/src/raft_state/io_state/io_progress.rs",
        line: 126,
        message: "expect submitted:(by:",
    },
    // docs/decisions/0018-a-snapshot-past-a-log-of-a-later-term.md.
    Upstream {
        name: "snapshot past a log of a later term",
        file: "openraft-0.10.0-alpha.37/src/engine/log_id_list.rs",
        line: 283,
        message: "assertion failed: Some(upto) > self.last()",
    },
];

/// How a panic is said.
pub(crate) const SAID: &str = "panic at ";

static SEEN: Mutex<Vec<Panicked>> = Mutex::new(Vec::new());

/// From now on panics are kept, and said in one line each.
pub(crate) fn keep() {
    panic::set_hook(Box::new(move |info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!("{}:{}", in_package(at.file()), at.line()));
        let message = info.payload_as_str().unwrap_or("no message").to_owned();
        // Also where a panic ends the process, as one does while another is cleaned up after.
        eprintln!("{SAID}{place}: {message}");
        seen().push(Panicked { place, message });
    }));
}

/// The name of a known assertion of openraft, by the line in which its panic was said.
pub(crate) fn known_upstream_said(line: &str) -> Option<&'static str> {
    let (place, message) = line.strip_prefix(SAID)?.split_once(": ")?;
    known_upstream(&Panicked { place: place.to_owned(), message: message.to_owned() })
}

/// The panics so far. That of turmoil, which only says that there was one, comes after them.
pub(crate) fn all() -> Vec<Panicked> {
    seen().clone()
}

fn seen() -> std::sync::MutexGuard<'static, Vec<Panicked>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path without what of it belongs to this machine.
fn in_package(path: &str) -> &str {
    let package = path.rfind("/src/").map_or(0, |at| path[..at].rfind('/').map_or(0, |at| at + 1));
    &path[package..]
}

/// The name of a known assertion of openraft.
pub(crate) fn known_upstream(panicked: &Panicked) -> Option<&'static str> {
    let is_it = |known: &&Upstream| {
        panicked.place == format!("{}:{}", known.file, known.line)
            && panicked.message.contains(known.message)
    };
    UPSTREAM.iter().find(is_it).map(|known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_assertion_is_known_at_its_place_and_by_its_words_alone() {
        let at = |line: u32, message: &str| Panicked {
            place: format!(
                "openraft-0.10.0-alpha.37/src/raft_state/io_state/io_progress.rs:{line}"
            ),
            message: message.to_owned(),
        };
        let said = "expect submitted:(by:T4-N2:committed, T4-N2.9) < new_submitted:(by:";
        let line = format!("{SAID}{}: {said}", at(126, said).place);
        assert!(known_upstream_said(&line).is_some(), "{line}");
        assert!(known_upstream_said(said).is_none());
        assert!(known_upstream(&at(126, said)).is_some());
        assert!(known_upstream(&at(127, said)).is_none());
        let of_apply = "expect submitted:T4-N2.9 < new_submitted:T4-N2.8";
        assert!(known_upstream(&at(126, of_apply)).is_none());
    }

    #[test]
    fn places_name_the_package_and_nothing_of_the_machine() {
        let path = "/somewhere/registry/src/index/openraft-0.10.0/src/core/raft_core.rs";
        assert_eq!(in_package(path), "openraft-0.10.0/src/core/raft_core.rs");
        assert_eq!(in_package("src/main.rs"), "src/main.rs");
    }
}
