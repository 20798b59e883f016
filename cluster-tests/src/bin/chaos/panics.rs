//! Panics in the nodes' logs. One of openraft that is known not to be ours is recognised by file, line
//! and message, and counted apart: the group that it ends is restarted in place, which must keep
//! every promise, and that is judged as everything else.

use std::collections::BTreeMap;

/// How a line begins to say that there was one.
const SAID: &str = "panicked at ";

/// A panic of openraft that is known.
struct Upstream {
    name: &'static str,
    /// File inside its package, and line.
    place: &'static str,
    /// What the next line of the log says.
    message: &'static str,
}

/// The known ones of 0.10.0-alpha.37.
const UPSTREAM: [Upstream; 1] = [Upstream {
    name: "purged",
    place: "openraft-0.10.0-alpha.37/src/core/raft_core.rs:2522:",
    message: "called `Option::unwrap()` on a `None` value",
}];

/// What the logs say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Panics {
    /// Those that no node should have.
    pub(crate) ours: Vec<String>,
    /// How many of each known one of openraft.
    pub(crate) upstream: BTreeMap<&'static str, u64>,
}

impl Panics {
    /// Looks through what one node has logged.
    pub(crate) fn look(&mut self, node: usize, log: &str) {
        let mut lines = log.lines().peekable();
        while let Some(line) = lines.next() {
            if !line.contains(SAID) {
                continue;
            }
            let message = lines.peek().copied().unwrap_or_default();
            let is_it = |known: &&Upstream| line.contains(known.place) && message == known.message;
            match UPSTREAM.iter().find(is_it) {
                Some(known) => *self.upstream.entry(known.name).or_default() += 1,
                None => self.ours.push(format!("node {node}: {line} {message}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_panic_is_told_from_others_by_file_line_and_message() {
        let place = "thread 'main' panicked at /x/openraft-0.10.0-alpha.37/src/core/raft_core.rs";
        let unwrap = "called `Option::unwrap()` on a `None` value";
        let mut panics = Panics::default();
        panics.look(1, &format!("a\n{place}:2522:76:\n{unwrap}\nb\n{place}:2522:76:\n{unwrap}"));
        assert_eq!((panics.ours.len(), panics.upstream["purged"]), (0, 2));
        panics.look(2, &format!("{place}:2523:76:\n{unwrap}\n{place}:2522:76:\nanother\n"));
        assert_eq!((panics.ours.len(), panics.upstream["purged"]), (2, 2));
        assert!(panics.ours[1].starts_with("node 2: ") && panics.ours[1].ends_with(" another"));
    }
}
