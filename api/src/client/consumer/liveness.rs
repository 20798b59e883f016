//! `[pure]` Whether the group still counts this member in. Time is that since the consumer began.
//! The coordinator's clock starts anew when a request arrives, the member's when it is sent, which
//! is earlier: so a member never thinks longer that it is in than the coordinator does.

use std::time::Duration;

/// How it stands between a member and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It got through not long ago.
    In,
    /// For two thirds of its session it did not: it delivers nothing until it does.
    Doubtful,
    /// Its session may be over, and others may have what it held.
    Out,
}

/// When the member last got through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Liveness {
    session: Duration,
    /// When the latest request was sent that the coordinator has answered.
    through: Option<Duration>,
}

impl Liveness {
    pub(super) fn new(session: Duration) -> Liveness {
        Liveness { session, through: None }
    }

    /// A request that was sent then has been answered by the coordinator.
    pub(super) fn got_through(&mut self, sent: Duration) {
        self.through = self.through.max(Some(sent));
    }

    /// The member is out, whatever the clock says.
    pub(super) fn is_out(&mut self) {
        self.through = None;
    }

    pub(super) fn standing(&self, now: Duration) -> Standing {
        match self.through.map(|through| now.saturating_sub(through)) {
            Some(silent) if silent < self.session * 2 / 3 => Standing::In,
            Some(silent) if silent < self.session => Standing::Doubtful,
            Some(_) | None => Standing::Out,
        }
    }

    /// When the next sign of life is wanted: there is time for two attempts more before it counts.
    pub(super) fn sign_due(&self) -> Duration {
        self.through.map_or(Duration::ZERO, |through| through + self.session / 4)
    }

    /// When the standing changes if nothing is heard.
    pub(super) fn next_change(&self, now: Duration) -> Option<Duration> {
        let through = self.through?;
        match self.standing(now) {
            Standing::In => Some(through + self.session * 2 / 3),
            Standing::Doubtful => Some(through + self.session),
            Standing::Out => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_doubts_before_the_coordinator_does() {
        let secs = Duration::from_secs;
        let mut liveness = Liveness::new(secs(15));
        assert_eq!(liveness.standing(secs(0)), Standing::Out, "it never was in");
        liveness.got_through(secs(100));
        liveness.got_through(secs(90));
        let cases = [
            (100, Standing::In, Some(110)),
            (109, Standing::In, Some(110)),
            (110, Standing::Doubtful, Some(115)),
            (114, Standing::Doubtful, Some(115)),
            (115, Standing::Out, None),
        ];
        for (now, standing, change) in cases {
            assert_eq!(liveness.standing(secs(now)), standing, "{now}");
            assert_eq!(liveness.next_change(secs(now)), change.map(secs), "{now}");
        }
        assert!(liveness.sign_due() < secs(105));
        liveness.is_out();
        assert_eq!(liveness.standing(secs(101)), Standing::Out);
    }
}
