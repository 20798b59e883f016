//! What a finder says of its run: one JSON object, the last line of its output or of the file that
//! `--summary` names. Finders say more or less, and the same thing in a few forms; what is not said
//! is nothing, but no verdict is no clean run.
//!
//! ```json
//! {"first_seed":1,"seeds":200,"seconds":600,"nodes":[3,5],"faults":{"kill":12},
//!  "operations":9000,"acknowledged":8000,"cuts":0,"damaged_files":0,"protocols":["http"],
//!  "skipped":["netem"],"known_upstream":0,"failed_seeds":[],"verdict":"clean"}
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::run_line::{Verdict, Work};

/// A finder's own words about its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The first seed, where it says.
    pub first_seed: Option<u64>,
    /// How many seeds, where it says.
    pub seeds: Option<u64>,
    /// Seeds that violate a property.
    pub failed_seeds: Vec<u64>,
    /// What it found, where it says.
    pub verdict: Option<Verdict>,
    /// Properties that were violated, as `P1`.
    pub properties: Vec<String>,
    /// What it did.
    pub work: Work,
}

/// The last line that is a JSON object.
pub fn find(output: &str) -> Option<Summary> {
    let objects = output.lines().rev().filter(|line| line.trim_start().starts_with('{'));
    objects.filter_map(|line| serde_json::from_str(line).ok()).map(|object| read(&object)).next()
}

/// Takes a summary apart.
pub fn read(object: &Map<String, Value>) -> Summary {
    let get = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
    let number = |names: &[&str]| get(names).and_then(count);
    let operations = get(&["operations", "ops"]);
    let within = |names: &[&str]| {
        names.iter().find_map(|name| operations?.as_object()?.get(*name)).and_then(count)
    };
    // A plain number says how many failed, not which.
    let failed_seeds = numbers(get(&["failed_seeds", "failures"]).filter(|list| list.is_array()));
    // Of what `crash` did so many times.
    let done = |what: &str| match object.get("what").and_then(Value::as_str) {
        Some(said) if said == what => number(&["count"]),
        _ => None,
    };
    Summary {
        first_seed: number(&["first_seed", "from", "seed"]),
        seeds: number(&["seeds", "runs", "ran"]),
        verdict: match get(&["verdict", "result", "ok"]) {
            Some(said) => verdict(said),
            None => number(&["failed"]).map(|failed| match failed {
                0 => Verdict::Clean,
                _ => Verdict::Violated,
            }),
        },
        properties: texts(get(&["properties", "violations", "violated"])),
        work: Work {
            seconds: number(&["seconds", "virtual_seconds", "duration"]).unwrap_or(0),
            nodes: numbers(get(&["nodes"])),
            faults: faults(get(&["faults", "counts"])),
            operations: number(&["operations", "ops"])
                .or_else(|| within(&["invoked", "total"]))
                .unwrap_or(0),
            acknowledged: number(&["acknowledged", "acked"])
                .or_else(|| within(&["acknowledged", "acked", "ok"]))
                .unwrap_or(0),
            cuts: number(&["cuts", "power_cuts"]).or(done("cuts")).unwrap_or(0),
            damaged_files: number(&["damaged_files", "damaged"]).or(done("damage")).unwrap_or(0),
            protocols: texts(get(&["protocols"])),
            skipped: texts(get(&["skipped"])),
            known_upstream: faults(get(&["known_upstream", "upstream"])).values().sum(),
        },
        failed_seeds,
    }
}

/// A number, or how many there are in a list or by kind.
fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|x| x as u64)),
        Value::Array(list) => Some(list.len() as u64),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => None,
    }
}

/// Numbers, alone or in a list, plain or as the `seed` of an object, or in its `run`, a command.
fn numbers(value: Option<&Value>) -> Vec<u64> {
    let of_command = |value: &Value| {
        let (_, seed) = value.get("run")?.as_str()?.split_once("--seed ")?;
        seed.split_whitespace().next()?.parse().ok()
    };
    let one = |value: &Value| {
        value.as_u64().or_else(|| value.get("seed")?.as_u64()).or_else(|| of_command(value))
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Texts, in a list, as keys, or as a name of an object.
fn texts(value: Option<&Value>) -> Vec<String> {
    let one = |value: &Value| {
        let named = ["property", "name", "kind"].iter().find_map(|name| value.get(*name));
        named.unwrap_or(value).as_str().map(str::to_owned)
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// How many of each kind: as a map, as a list of names, or as one number without kinds.
fn faults(value: Option<&Value>) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    match value {
        Some(Value::Object(map)) => {
            found.extend(map.iter().filter_map(|(kind, n)| Some((kind.clone(), count(n)?))));
        }
        Some(Value::Number(number)) => {
            found.extend(number.as_u64().map(|n| ("any".to_owned(), n)));
        }
        other => {
            for kind in texts(other) {
                *found.entry(kind).or_insert(0) += 1;
            }
        }
    }
    found
}

fn verdict(value: &Value) -> Option<Verdict> {
    match value {
        Value::Bool(true) => Some(Verdict::Clean),
        Value::Bool(false) => Some(Verdict::Violated),
        Value::String(word) => Some(match word.as_str() {
            "clean" | "ok" | "passed" => Verdict::Clean,
            "violated" | "failed" => Verdict::Violated,
            _ => Verdict::Undecided,
        }),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a run found, by its exit code and its own words: clean only if neither says otherwise.
pub fn judge(exit_code: Option<i32>, summary: &Summary) -> Verdict {
    match (exit_code, summary.verdict) {
        (Some(1), _) | (_, Some(Verdict::Violated)) => Verdict::Violated,
        (Some(0), Some(Verdict::Clean)) if summary.failed_seeds.is_empty() => Verdict::Clean,
        (Some(0), _) if !summary.failed_seeds.is_empty() => Verdict::Violated,
        _ => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_this_page_is_read_whole() {
        let said = r#"{"first_seed":1,"seeds":200,"seconds":600,"nodes":[3,5],"faults":{"kill":12},
            "operations":9000,"acknowledged":8000,"cuts":3,"damaged_files":4,"protocols":["http"],
            "skipped":["netem"],"known_upstream":2,"failed_seeds":[7],"verdict":"violated"}"#;
        let summary = find(&format!("text\n{}\n", said.replace('\n', " "))).unwrap();
        assert_eq!((summary.first_seed, summary.seeds), (Some(1), Some(200)));
        assert_eq!(
            (summary.verdict, &summary.failed_seeds[..]),
            (Some(Verdict::Violated), &[7][..])
        );
        let work = Work {
            seconds: 600,
            nodes: vec![3, 5],
            faults: [("kill".to_owned(), 12)].into(),
            operations: 9_000,
            acknowledged: 8_000,
            cuts: 3,
            damaged_files: 4,
            protocols: vec!["http".to_owned()],
            skipped: vec!["netem".to_owned()],
            known_upstream: 2,
        };
        assert_eq!(summary.work, work);
    }

    #[test]
    fn other_forms_say_the_same() {
        let said = r#"{"seed":9,"nodes":3,"duration":60.5,"faults":["kill","kill","cut"],
            "operations":{"invoked":10,"ok":8},"violations":[{"property":"P1"}],"ok":false}"#;
        let summary = find(&said.replace('\n', " ")).unwrap();
        assert_eq!(summary.first_seed, Some(9));
        assert_eq!((summary.work.seconds, &summary.work.nodes[..]), (60, &[3][..]));
        assert_eq!(summary.work.faults, [("kill".to_owned(), 2), ("cut".to_owned(), 1)].into());
        assert_eq!((summary.work.operations, summary.work.acknowledged), (10, 8));
        assert_eq!(
            (summary.verdict, summary.properties),
            (Some(Verdict::Violated), vec!["P1".to_owned()])
        );
    }

    #[test]
    fn what_a_sweep_says_names_the_seeds_that_failed() {
        let said = r#"{"planned":9,"ran":8,"failed":2,"virtual_seconds":140,"acked":77,
            "faults":{"kill":5},"upstream":{"io_progress":1,"purged":2},
            "failures":[{"run":"--seed 17 --nodes 5","what":"P1"},{"run":"--seed 19","what":"x"}]}"#;
        let sweep = find(&said.replace('\n', " ")).unwrap();
        assert_eq!((sweep.seeds, &sweep.failed_seeds[..]), (Some(8), &[17, 19][..]));
        assert_eq!(sweep.verdict, Some(Verdict::Violated));
        assert_eq!((sweep.work.seconds, sweep.work.acknowledged), (140, 77));
        assert_eq!(sweep.work.known_upstream, 3);
        let clean = find(r#"{"ran":8,"failed":0,"failures":[]}"#).unwrap();
        assert_eq!(judge(Some(0), &clean), Verdict::Clean);
    }

    #[test]
    fn what_crash_says_is_its_cuts_or_its_damages() {
        let said = |what: &str| {
            let rest = r#""seed":4,"count":50,"seconds":61.5,"counts":{"torn":20,"cut":30},
                "skipped":{"xfs":"no mkfs"},"failed":2,"failures":[{"what":"x","again":"y"}],
                "verdict":"failed"}"#;
            find(&format!("{{\"what\":\"{what}\",{}", rest.replace('\n', " "))).unwrap()
        };
        let (cuts, damage) = (said("cuts"), said("damage"));
        assert_eq!((cuts.work.cuts, cuts.work.damaged_files), (50, 0));
        assert_eq!((damage.work.cuts, damage.work.damaged_files), (0, 50));
        assert_eq!((cuts.first_seed, cuts.seeds, cuts.work.seconds), (Some(4), None, 61));
        assert_eq!((cuts.work.faults.len(), &cuts.work.skipped[..]), (2, &["xfs".to_owned()][..]));
        assert!(cuts.failed_seeds.is_empty(), "how many failed is no seed");
        assert_eq!(judge(Some(1), &cuts), Verdict::Violated);
    }

    #[test]
    fn a_run_is_clean_only_if_it_says_so_and_ends_so() {
        let says = |verdict| Summary { verdict, ..Summary::default() };
        let clean = says(Some(Verdict::Clean));
        assert_eq!(judge(Some(0), &clean), Verdict::Clean);
        assert_eq!(judge(Some(1), &clean), Verdict::Violated);
        assert_eq!(judge(Some(5), &clean), Verdict::Undecided);
        assert_eq!(judge(None, &clean), Verdict::Undecided, "killed");
        assert_eq!(judge(Some(0), &says(None)), Verdict::Undecided);
        let failed = Summary { failed_seeds: vec![3], ..clean };
        assert_eq!(judge(Some(0), &failed), Verdict::Violated);
    }
}
