//! What runs that were killed have left: namespaces, links, mounts and control groups whose names
//! carry the id of a process that is no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::PREFIX;

/// Begins the name of every bridge and link; names of links are short.
pub(super) const LINK: &str = "rp";

/// Clears it away. What can't be (somebody else does the same just now) is left to the next run.
pub(super) fn clear() -> Result<()> {
    for space in words_of("ip", &["netns", "list"])? {
        if is_dead(&space, PREFIX) {
            for pid in words_of("ip", &["netns", "pids", &space])? {
                run("kill", &["-9", &pid]);
            }
            run("ip", &["netns", "delete", &space]);
        }
    }
    for link in words_of("ip", &["-o", "link"])? {
        let name = link.split(['@', ':']).next().unwrap_or_default();
        if is_dead(name, LINK) {
            run("ip", &["link", "delete", name]);
        }
    }
    for point in words_of("cat", &["/proc/mounts"])? {
        let of_a_run = Path::new(&point).parent().and_then(Path::file_name);
        if of_a_run.is_some_and(|name| is_dead(&name.to_string_lossy(), PREFIX)) {
            run("umount", &["-l", &point]);
            let _ = fs::remove_file(Path::new(&point).with_extension("img"));
        }
    }
    for kind in ["memory", "blkio"] {
        let groups = fs::read_dir(Path::new("/sys/fs/cgroup").join(kind));
        for group in groups.into_iter().flatten().flatten() {
            if is_dead(&group.file_name().to_string_lossy(), PREFIX) {
                let _ = fs::remove_dir(group.path());
            }
        }
    }
    Ok(())
}

/// Whether a name is one of a run's, and the process in it is no more.
fn is_dead(name: &str, prefix: &str) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else { return false };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (pid, after) = rest.split_at(digits);
    !pid.is_empty() && after.starts_with(['-', 'x']) && !Path::new("/proc").join(pid).exists()
}

fn words_of(program: &str, args: &[&str]) -> Result<BTreeSet<String>> {
    let output = Command::new(program).args(args).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn run(program: &str, args: &[&str]) {
    let _ = Command::new(program).args(args).output();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ended_runs_are_taken() {
        let me = std::process::id();
        let dead = u32::MAX;
        assert!(is_dead(&format!("rampart-{dead}-0-1"), PREFIX));
        assert!(is_dead(&format!("rp{dead}x0n1"), LINK));
        for name in [format!("rampart-{me}-0"), "rampart-".to_owned(), "rampart-disk".to_owned()] {
            assert!(!is_dead(&name, PREFIX), "{name}");
        }
        assert!(!is_dead("rp0", LINK));
    }
}
