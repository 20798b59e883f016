//! What a process costs, read from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Clock ticks in a second: fixed by the kernel's interface to user space on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time in user and kernel mode since the process started.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).context("/proc/<pid>/stat looks different here")?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Memory that is in RAM now, in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kib.context("/proc/<pid>/status has no VmRSS")? << 10)
}

/// The state letter of `/proc/<pid>/stat`: `T` stands still, `Z` has ended; `None` if it is gone.
pub fn state(pid: u32) -> Option<char> {
    state_letter(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn state_letter(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Fields 14 and 15; counted from behind the command name, which may contain anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 100 << 10);
        assert!(cpu_time(pid).unwrap() < Duration::from_secs(3_600));
    }

    #[test]
    fn a_command_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(state_letter(stat), Some('S'));
    }
}
