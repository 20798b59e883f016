//! docs/reliability.md says what is so: its figures are those of the record, its bugs are those that
//! can be planted, its tests exist; and what is shipped has no planted bug.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rampart_cluster_tests::gates::ledger::Ledger;
use rampart_cluster_tests::gates::{PAGE, RUNS, document, figures};
use rampart_cluster_tests::harness::binary;
use rampart_cluster_tests::planted::BUGS;

/// The feature that compiles planted bugs in.
const FEATURE: &str = "planted-bugs";

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the workspace is above its members").to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All sources below the folders of the packages.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> =
        ["api", "raft-store", "node", "cluster-tests"].map(|name| root().join(name)).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).unwrap();
                found.push((path, source));
            }
        }
    }
    found
}

/// The first column of the rows below a heading of a table, up to its end.
fn first_column(page: &str, heading: &str) -> Vec<String> {
    let rows = page.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn the_figures_are_those_of_the_record() {
    let page = text(PAGE);
    let (tree, table) = document::table_of(&page).unwrap();
    let ledger = Ledger::read(&root().join(RUNS)).unwrap();
    assert_eq!(table, figures::table(&ledger, tree), "run: make gate-report");
}

#[test]
fn the_bugs_that_can_be_planted_are_the_ones_that_are_hunted_and_described() {
    let store = text("raft-store/src/planted.rs");
    let (_, names) = store.split_once("fn name(self)").expect("the names of the bugs");
    let names = names.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    let planted: Vec<&str> = names.collect();
    let hunted: Vec<&str> = BUGS.iter().map(|bug| bug.name).collect();
    assert!(planted.len() >= 10, "{planted:?}");
    assert_eq!(planted, hunted, "raft-store/src/planted.rs and cluster-tests/src/planted.rs");
    assert_eq!(first_column(&text(PAGE), "| bug | wrong line |"), hunted, "{PAGE}");
    let properties = BUGS.iter().flat_map(|bug| bug.properties);
    let described = first_column(&text(PAGE), "| number | to a user |");
    assert_eq!(described.len(), 20, "{described:?}");
    for property in properties {
        assert!(described.iter().any(|name| name == property), "{property}");
    }
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let sources = sources();
    let page = text(PAGE);
    let (_, record) = page.split_once("## Track record").expect("the track record");
    let rows = record.lines().filter(|line| line.starts_with("| "));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    // A name with several words is a test's; others are of packages, keys and programs.
    let tests: BTreeSet<&str> =
        quoted.filter(|name| name.matches('_').count() >= 2 && !name.contains('/')).collect();
    let is_there = |name: &&str| {
        let function = format!("fn {name}(");
        *name == "allow_log_reversion" || sources.iter().any(|(_, text)| text.contains(&function))
    };
    let missing: Vec<&&str> = tests.iter().filter(|name| !is_there(name)).collect();
    assert!(tests.len() >= 40, "only {} tests are named", tests.len());
    assert!(missing.is_empty(), "{PAGE} names tests that are not there: {missing:?}");
}

#[test]
fn no_default_build_has_planted_bugs() {
    for package in ["api", "raft-store", "node", "cluster-tests"] {
        let manifest = text(&format!("{package}/Cargo.toml"));
        // Its own definition, and nothing that turns it on: no default, no dependency's feature.
        let naming: Vec<&str> = manifest.lines().filter(|line| line.contains(FEATURE)).collect();
        let defines = format!("{FEATURE} = [");
        assert!(naming.iter().all(|line| line.starts_with(&defines)), "{package}: {naming:?}");
        assert_eq!(naming.len(), usize::from(["raft-store", "node"].contains(&package)));
    }
    assert!(!text("Cargo.toml").contains(FEATURE), "a dependency of the workspace has it");
}

#[test]
fn the_server_that_is_tested_has_no_planted_bugs() {
    let server = binary::rampart().unwrap();
    let bytes = fs::read(&server).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("RAMPART_CONFIG"), "{} names no variable at all", server.display());
    assert!(!has("RAMPART_PLANTED"), "{} is built with {FEATURE}", server.display());
}

#[test]
fn nothing_allows_a_log_to_go_back() {
    let name = ["allow_log", "_reversion"].concat();
    for (path, text) in sources().iter().filter(|(path, _)| !path.ends_with("reliability.rs")) {
        assert!(!text.contains(&name), "{} uses {name}", path.display());
    }
}
