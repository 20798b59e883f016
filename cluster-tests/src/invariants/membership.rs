//! P15: nodes and replicas change, and some change is completed. That all else holds meanwhile, the
//! other properties see.

use super::findings::Findings;
use super::property::Property::P15;
use crate::history::event::{Event, Phase};

/// What a change of nodes or replicas has in its kind; others are about topics and configuration.
const WORDS: [&str; 7] = ["node", "replica", "member", "decommission", "drain", "reassign", "move"];

/// Changes that ended, in whatever way, and that were completed. One that a history breaks off in
/// says nothing.
#[derive(Debug, Default)]
pub(super) struct Changes {
    ended: u64,
    completed: u64,
}

impl Changes {
    /// A change of the cluster or a topic began or ended.
    pub(super) fn on_admin(&mut self, event: &Event) {
        let kind = event.kind.as_deref().unwrap_or("");
        if !kind.contains("topic") && WORDS.iter().any(|word| kind.contains(word)) {
            self.ended += u64::from(event.phase != Phase::Invoke);
            self.completed += u64::from(event.phase == Phase::Ok);
        }
    }

    pub(super) fn at_end(&self, findings: &mut Findings) {
        findings.facts(P15, self.ended);
        if self.ended > 0 && self.completed == 0 {
            let ended = self.ended;
            findings.violation(P15, || format!("none of {ended} changes was completed"));
        }
    }
}
