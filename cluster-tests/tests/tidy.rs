//! Keeps the facts that rot when they are only written down. Here those of the code: who may import
//! whom, what is pure, that every file says what it is; in `documents` those of the documents,
//! in `metrics` that each is fed.

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/metrics.rs"]
mod metrics;

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files without tokio, storage, clock or randomness; besides those that say `[pure]`
/// in their first lines.
const PURE: &str = "
    api/src/model/ api/src/codec.rs api/src/peer/
    raft-store/src/state/ raft-store/src/keys/ raft-store/src/format/
    node/src/raft/node_ticker node/src/controller/placement.rs node/src/partition/acks.rs";

/// What a pure file does not name.
const IMPURE: &str = "tokio:: rocksdb SystemTime Instant::now rand:: std::env std::fs";

/// Files whose path starts so, and what they may not name: api depends on no crate of ours,
/// raft-store on the model only, nobody on node; edges don't import each other, and what lies
/// below doesn't import what lies above.
const DIRECTION: &str = "
    api/                  rampart_raft_store rampart_node
    raft-store/           rampart_api::http rampart_api::peer rampart_api::client rampart_node
    cluster-tests/src/    rampart_node rampart_raft_store
    node/src/http/        crate::cli
    node/src/cli/         crate::http
    node/src/partition/   crate::http crate::cli
    node/src/controller/  crate::http crate::cli
    node/src/groups/      crate::http crate::cli
    node/src/castle/      crate::http crate::cli
    node/src/metadata/    crate::http crate::cli crate::controller
    node/src/raft/        crate::http crate::cli crate::controller
    node/src/peer/        crate::http crate::cli";

/// A word, and the only places that may name it.
const ONLY_IN: &str = "
    rocksdb::             raft-store/src/engine/rocks api/examples/
    rampart_api::client   node/src/cli/ node/src/controller/topic_moves.rs node/tests/ cluster-tests/ api/";

/// Files with code that the compiler can't check; each place says why it is sound.
const UNSAFE: &str = "cluster-tests/src/harness/disk.rs";

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &str = "utils util helpers common misc impls manager2";

/// All there is at the top, besides names that start with a dot.
const TOP_LEVEL: &str = "
    Cargo.toml Cargo.lock Makefile README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE
    deny.toml rust-toolchain.toml node raft-store api cluster-tests deploy docs target";

/// This file names all that is forbidden.
const ME: &str = "cluster-tests/tests/tidy.rs";

/// The rows of a table above: the first word of a line, and the words after it.
fn rows(table: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.collect()))
    });
    rows.collect()
}

fn words(list: &'static str) -> Vec<&'static str> {
    list.split_whitespace().collect()
}

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines that are code, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines
            .map(|(i, line)| (i + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The code above the file's tests.
    fn product_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
    }

    /// Whether its first lines say that it is pure.
    fn says_pure(&self) -> bool {
        let head = self.text.lines().take_while(|line| line.starts_with("//!"));
        head.into_iter().any(|line| line.contains("[pure]"))
    }

    /// A file of tests only.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }
}

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the workspace is above its members").to_owned()
}

fn files(extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["api", "raft-store", "node", "cluster-tests", "deploy", "docs"] {
        walk(&root().join(folder), extension, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, extension: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !matches!(name.to_string_lossy().as_ref(), "target" | "node_modules" | "dist") {
                walk(&path, extension, found);
            }
        } else if path.extension().is_some_and(|e| e == extension) {
            let text = fs::read_to_string(&path).expect("sources are readable text");
            let path = path.strip_prefix(root()).expect("it was found below the root");
            let path = path.to_string_lossy().into_owned();
            found.push(Source { path, text });
        }
    }
}

/// Fails with everything that was found, so that one run shows all.
fn expect_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent: Vec<String> = files("rs")
        .into_iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path)
        .collect();
    expect_none("files that don't open with `//!`", &silent);
}

#[test]
fn every_file_of_the_console_says_what_it_is() {
    let is_silent = |file: &Source| !file.text.starts_with("// ") && !file.text.starts_with("/* ");
    let files: Vec<Source> = words("ts tsx mjs css").into_iter().flat_map(files).collect();
    assert!(files.len() > 30, "only {} files were found", files.len());
    let silent: Vec<String> = files.into_iter().filter(is_silent).map(|file| file.path).collect();
    expect_none("files that don't open with what they are", &silent);
}

#[test]
fn pure_folders_name_no_runtime_storage_clock_or_randomness() {
    let (pure, impure, sources) = (words(PURE), words(IMPURE), files("rs"));
    let is_pure =
        |file: &Source| file.says_pure() || pure.iter().any(|pure| file.path.starts_with(pure));
    let mut found = Vec::new();
    for pure in pure.iter().filter(|pure| !sources.iter().any(|file| file.path.starts_with(**pure)))
    {
        found.push(format!("{pure} is in the list and matches no file"));
    }
    for file in sources.iter().filter(|file| is_pure(file) && !file.is_test()) {
        for (number, line) in file.product_code() {
            if let Some(word) = impure.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{number} names {word}", file.path));
            }
        }
    }
    expect_none("pure files that are not", &found);
}

#[test]
fn imports_go_one_way() {
    let (direction, only_in) = (rows(DIRECTION), rows(ONLY_IN));
    let mut found = Vec::new();
    for file in files("rs").iter().filter(|file| file.path != ME) {
        let starts = |folder: &str| file.path.starts_with(folder);
        for (number, line) in file.code() {
            let forbidden = direction.iter().filter(|(folder, _)| starts(folder));
            let forbidden = forbidden.flat_map(|(_, words)| words);
            let foreign = only_in.iter().filter(|(_, places)| !places.iter().any(|p| starts(p)));
            let foreign = foreign.map(|(word, _)| word);
            for word in forbidden.chain(foreign).filter(|word| line.contains(**word)) {
                found.push(format!("{}:{number} names {word}", file.path));
            }
        }
    }
    expect_none("imports against the direction", &found);
}

#[test]
fn only_the_listed_files_hold_unsafe_code_and_each_place_says_why_it_is_sound() {
    let mut found = Vec::new();
    for file in files("rs").iter().filter(|file| file.path != ME) {
        let places = file.code().filter(|(_, line)| line.contains("unsafe {")).count();
        let reasons = file.text.matches("// SAFETY: ").count();
        if places != reasons || (places > 0 && !words(UNSAFE).contains(&file.path.as_str())) {
            found.push(format!("{}: {places} places, {reasons} reasons", file.path));
        }
    }
    expect_none("unsafe code", &found);
}

/// Keys of the configuration, as the sections define them, and the functions beside them that hand
/// them out under another name.
fn config_keys(section: &Source) -> Vec<(String, Vec<String>)> {
    let mut keys = Vec::new();
    let body = section.text.split("section! {").nth(1).unwrap_or_default();
    for line in body.lines().take_while(|line| *line != "}") {
        let name = line.trim_start().split_once(": ").map_or("", |(name, _)| name);
        if line.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            keys.push(name.to_owned());
        }
    }
    let functions = section.text.split("pub fn ").skip(1);
    let functions: Vec<(&str, &str)> = functions.filter_map(|text| text.split_once('(')).collect();
    let handed_out = |key: &String| {
        let by = functions.iter().filter(|(_, text)| names(text, &format!("self.{key}")));
        by.map(|(name, _)| (*name).to_owned()).collect()
    };
    let pairs: Vec<_> = keys.iter().map(|key| (key.clone(), handed_out(key))).collect();
    pairs
}

/// Whether a text has this name, and not only a longer one that begins so.
fn names(text: &str, name: &str) -> bool {
    let is_longer = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| !is_longer(&text[at + name.len()..]))
}

#[test]
fn every_configuration_key_is_read_by_somebody() {
    let (config, others): (Vec<_>, Vec<_>) = files("rs")
        .into_iter()
        .filter(|file| file.path.starts_with("node/src/") && !file.is_test())
        .partition(|file| file.path.starts_with("node/src/config/"));
    let (mut count, mut found) = (0, Vec::new());
    for section in config.iter().filter(|file| file.text.contains("section! {")) {
        for (key, functions) in config_keys(section) {
            count += 1;
            let mut ways = functions.iter().map(|name| format!(".{name}")).collect::<Vec<_>>();
            ways.push(format!(".{key}"));
            let is_read = |file: &Source| {
                file.product_code().any(|(_, line)| ways.iter().any(|way| names(line, way)))
            };
            if !others.iter().any(is_read) {
                found.push(format!("{}: {key}", section.path));
            }
        }
    }
    assert!(count >= 40, "only {count} keys were found");
    expect_none("configuration keys that nobody reads", &found);
}

#[test]
fn nothing_is_left_for_later_and_no_name_is_empty() {
    let marks = [["TO", "DO"], ["FIX", "ME"]].map(|parts| parts.concat());
    let home = ["/ho", "me/"].concat();
    let empty = words(EMPTY_NAMES);
    let mut found = Vec::new();
    for file in words("rs ts tsx mjs css html md toml yml yaml sh").into_iter().flat_map(files) {
        for (i, line) in file.text.lines().enumerate() {
            let mut parts = line.split(|c: char| !c.is_ascii_alphanumeric());
            if parts.any(|word| marks.iter().any(|mark| mark == word)) || line.contains(&home) {
                found.push(format!("{}:{} {}", file.path, i + 1, line.trim()));
            }
        }
        let mut names = file.path.split('/').map(|name| name.trim_end_matches(".rs"));
        if names.any(|name| empty.contains(&name)) {
            found.push(format!("{} has a name that says nothing", file.path));
        }
    }
    expect_none("left for later, or of one machine", &found);
}

#[test]
fn the_top_level_holds_only_what_belongs_there() {
    let allowed = words(TOP_LEVEL);
    let strangers: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !allowed.contains(&name.as_str()))
        .collect();
    expect_none("files at the top level that don't belong there", &strangers);
}
