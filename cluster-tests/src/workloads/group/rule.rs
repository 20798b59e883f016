//! What a member does with a record follows from the record's value, whoever the member is. `[pure]`

use super::Way;
use crate::history::Said;

/// What to say of a record at its `attempt`.
pub fn said(way: Way, value: &str, attempt: u32) -> Said {
    let kind = value.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte)) % 20;
    match (way, kind) {
        // Nobody can process it, and it is known at once, or never.
        (Way::GivesUp, 0) => Said::Reject,
        (Way::GivesUp, 1) => Said::Retry,
        // It fails at first.
        (Way::GivesUp | Way::Acks, 0..4) if attempt == 1 => Said::Retry,
        _ => Said::Ack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_first_is_done_later_unless_nobody_can() {
        let values: Vec<String> = (0..400).map(|number| format!("3.{number}.0")).collect();
        let count = |way, attempt, said_is: Said| {
            values.iter().filter(|value| said(way, value, attempt) == said_is).count()
        };
        assert_eq!(count(Way::Commits, 1, Said::Ack), 400);
        assert_eq!(count(Way::Acks, 2, Said::Ack), 400);
        assert!((20..200).contains(&count(Way::Acks, 1, Said::Retry)));
        let (rejected, retried) =
            (count(Way::GivesUp, 3, Said::Reject), count(Way::GivesUp, 3, Said::Retry));
        assert!((5..60).contains(&rejected) && (5..60).contains(&retried), "{rejected} {retried}");
        assert!(count(Way::GivesUp, 1, Said::Retry) > retried);
    }
}
