//! What Castle asks of clients, until they say that it is done or it is too late.

use std::collections::BTreeSet;

use rampart_api::model::limits::{
    DIRECTIVES_PER_CLIENT_MAX, DIRECTIVES_PER_STATE_MAX, GROUP_STATE_BYTES_MAX,
    MEMBER_TEXT_BYTES_MAX,
};

use super::{Handled, fits, fits_in, under};
use crate::state::group::ids::DirectiveId;
use crate::state::group::outcome::{GroupOutcome, Refusal};
use crate::state::group::state::{Directive, DirectiveKind, GroupState, Weighs};

impl GroupState {
    pub(super) fn direct(
        &mut self,
        client: &str,
        kind: &DirectiveKind,
        expires_ms: i64,
    ) -> Handled {
        if client.is_empty() {
            return Err(Refusal::Invalid { what: "a client without an id" });
        }
        fits("a client's id", client.len(), MEMBER_TEXT_BYTES_MAX)?;
        if let DirectiveKind::Move { to } = kind {
            fits("an address", to.len(), MEMBER_TEXT_BYTES_MAX)?;
        }
        let waiting = self.directives.get(client).map_or(0, |directives| directives.len());
        under("directives for a client", waiting + 1, DIRECTIVES_PER_CLIENT_MAX)?;
        under("directives", self.directives_waiting() + 1, DIRECTIVES_PER_STATE_MAX)?;
        let directive = Directive { kind: kind.clone(), expires_ms };
        let bytes = self.bytes + directive.weight() + client.len() as u64;
        fits_in("bytes of groups", bytes, GROUP_STATE_BYTES_MAX)?;
        let id = DirectiveId(self.next_directive);
        self.next_directive += 1;
        self.put_directive(client, id, directive);
        Ok(GroupOutcome::Directed(id))
    }

    pub(super) fn directives_done(
        &mut self,
        client: &str,
        ids: &BTreeSet<DirectiveId>,
    ) -> GroupOutcome {
        GroupOutcome::DirectivesGone(self.keep_directives(client, |id, _| !ids.contains(&id)))
    }

    pub(super) fn expire_directives(&mut self, now_ms: i64) -> GroupOutcome {
        let clients: Vec<String> = self.directives.keys().cloned().collect();
        let gone = clients.iter().map(|client| {
            self.keep_directives(client, |_, directive| directive.expires_ms > now_ms)
        });
        GroupOutcome::DirectivesGone(gone.sum())
    }
}
