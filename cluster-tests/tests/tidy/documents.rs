//! The documents name what exists: error codes, invariants and their tests, numbers on disk and on
//! the wire; and they, like everything else here, name nothing of the place where they were written.

use std::collections::BTreeSet;
use std::fs;

use rampart_api::model::error_code::ErrorCode;

use super::{ME, Source, expect_none, files, root, words};

/// Where everything lies that somebody wrote, beside the folders that `files` walks.
const PLACES: &str = ".ci .github .cargo Makefile README.md ARCHITECTURE.md CHANGELOG.md
    CONTRIBUTING.md Cargo.toml deny.toml rust-toolchain.toml .clippy.toml .rustfmt.toml .gitignore";

/// Names of the pages in a folder, in order.
fn pages(folder: &str) -> BTreeSet<String> {
    let folder = root().join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let name = |entry: fs::DirEntry| entry.path().file_stem()?.to_str().map(str::to_owned);
    entries
        .filter_map(|entry| name(entry.expect("a folder that can be read")))
        .filter(|page| page != "README")
        .collect()
}

#[test]
fn every_decision_has_a_number_of_its_own() {
    let pages = pages("docs/decisions");
    assert!(pages.len() > 10, "{pages:?}");
    let numbers: Vec<&str> = pages.iter().filter_map(|page| page.split('-').next()).collect();
    let twice: Vec<String> =
        numbers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].into()).collect();
    expect_none("numbers of more than one page in docs/decisions", &twice);
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<String> = ErrorCode::ALL.iter().map(|c| c.as_str().to_owned()).collect();
    let pages = pages("docs/errors");
    let differ: Vec<String> = codes.symmetric_difference(&pages).cloned().collect();
    expect_none("error codes without docs/errors/<CODE>.md, or pages without a code", &differ);
}

#[test]
fn every_invariant_is_enforced_and_checked_where_the_table_says() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let sources = files("rs");
    let tests: BTreeSet<&str> = sources.iter().flat_map(test_functions).collect();
    let (mut described, mut found) = (BTreeSet::new(), Vec::new());
    for row in architecture.lines().filter(|line| line.starts_with("| INV-")) {
        let columns: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[number, _, enforced, checked] = columns.as_slice() else {
            panic!("a row of other than four columns: {row}");
        };
        described.insert(number.to_owned());
        for place in quoted(enforced).filter(|place| !names_it(place, number, &sources)) {
            found.push(format!("{number} is not named in {place}, which enforces it"));
        }
        let is_there = |name: &&str| tests.contains(name) || root().join(name).is_file();
        for name in quoted(checked).filter(|name| !is_there(name)) {
            found.push(format!("{number} names `{name}`: no test and no file"));
        }
        if !quoted(checked).any(|name| tests.contains(name)) {
            found.push(format!("{number} names no test"));
        }
    }
    for file in sources.iter().filter(|file| !is_tidy(&file.path)) {
        let numbers = file.text.lines().flat_map(invariants);
        for number in numbers.filter(|number| !described.contains(number)) {
            found.push(format!("{} names {number}, unknown here", file.path));
        }
    }
    let count = described.len();
    assert!(count >= 9, "a table with only {count} invariants");
    expect_none("invariants of ARCHITECTURE.md", &found);
}

/// The names between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a file, or a file of a folder, names an invariant.
fn names_it(place: &str, number: &str, sources: &[Source]) -> bool {
    let mut inside = sources.iter().filter(|file| file.path.starts_with(place));
    match place.ends_with(".toml") {
        true => fs::read_to_string(root().join(place)).is_ok_and(|text| text.contains(number)),
        false => inside.any(|file| file.text.contains(number)),
    }
}

/// The functions that a test runner calls.
fn test_functions(file: &Source) -> Vec<&str> {
    let (mut found, mut is_next) = (Vec::new(), false);
    for line in file.text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_next = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_next) {
            found.extend(rest.split_once('(').map(|(name, _)| name));
            is_next = false;
        }
    }
    found
}

fn is_tidy(path: &str) -> bool {
    path == ME || path.starts_with("cluster-tests/tests/tidy/")
}

/// `INV-` and two digits, wherever they stand in a line.
fn invariants(line: &str) -> Vec<String> {
    let numbers = line.split("INV-").skip(1).filter_map(|rest| rest.get(..2));
    numbers.map(|number| format!("INV-{number}")).collect()
}

#[test]
fn formats_has_the_numbers_of_the_code() {
    let formats = fs::read_to_string(root().join("docs/formats.md")).unwrap();
    let source = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let mut found = Vec::new();
    let mut compare = |what: &str, code: BTreeSet<String>, page: BTreeSet<String>| {
        assert!(code.len() >= 3, "{what}: only {code:?} were found in the code");
        found.extend(code.symmetric_difference(&page).map(|number| format!("{what}: {number}")));
    };
    let registry = source("raft-store/src/keys/registry.rs");
    compare("family", variants(&registry, "enum Family"), table(&formats, "| family | name |"));
    let frames = source("api/src/peer/frame.rs");
    compare("frame", variants(&frames, "enum FrameKind"), table(&formats, "| kind | frame |"));
    let proposals = source("raft-store/src/type_config.rs");
    let payload = source("raft-store/src/format/payload.rs");
    let numbers = |lines: BTreeSet<String>| -> BTreeSet<String> {
        lines.into_iter().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
    };
    let mut kinds = numbers(variants(&proposals, "enum ProposalKind"));
    kinds.extend(numbers(constants(&payload)));
    compare("entry kind", kinds, numbers(table(&formats, "| kind | payload |")));
    let protocol = source("api/src/peer/handshake.rs");
    let version = number_after(&protocol, "PROTOCOL_VERSION: u32 = ");
    if number_after(&formats, "Protocol version ") != version {
        found.push(format!("protocol version: {version:?} in the code"));
    }
    let identity = source("node/src/identity.rs");
    let identity = number_after(&identity, "const FORMAT: u32 = ");
    if number_after(&formats, "`format` (") != identity {
        found.push(format!("format of node.json: {identity:?} in the code"));
    }
    expect_none("docs/formats.md and the code differ", &found);
}

/// `NUMBER NAME` of each variant of an enum that has numbers.
fn variants(source: &str, head: &str) -> BTreeSet<String> {
    let body = source.split_once(head).map_or("", |(_, rest)| rest);
    let lines = body.lines().skip(1).take_while(|line| *line != "}");
    let pairs = lines.filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "));
    pairs.map(|(name, number)| format!("{number} {name}")).collect()
}

/// `NUMBER NAME` of each `const NAME: u8 = NUMBER;`.
fn constants(source: &str) -> BTreeSet<String> {
    let lines = source.lines().filter_map(|line| line.strip_prefix("const "));
    let pairs = lines.filter_map(|line| line.trim_end_matches(';').split_once(": u8 = "));
    pairs.map(|(name, number)| format!("{number} {name}")).collect()
}

/// `NUMBER NAME` of each row of a table: its first two columns.
fn table(page: &str, head: &str) -> BTreeSet<String> {
    let lines = page.lines().skip_while(|line| !line.starts_with(head)).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let columns = rows.map(|row| row.split('|').skip(1).take(2).map(str::trim).collect::<Vec<_>>());
    columns.map(|pair| pair.join(" ")).collect()
}

fn number_after<'a>(text: &'a str, head: &str) -> Option<&'a str> {
    let rest = text.split_once(head)?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()
}

/// Everything that somebody wrote: sources, documents, scripts, configuration.
fn written() -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    for extension in words("rs ts tsx mjs html md toml yml yaml sh service sysusers") {
        found.extend(files(extension));
    }
    let mut read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("what is written is readable text");
        let path = path.strip_prefix(root()).expect("it is below the root");
        found.push(Source { path: path.to_string_lossy().into_owned(), text });
    };
    let mut left: Vec<_> = words(PLACES).into_iter().map(|place| root().join(place)).collect();
    left.push(root().join("deploy/docker/Dockerfile"));
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                left.extend(entries.map(|entry| entry.path()));
            }
            false => read(path),
        }
    }
    found
}

#[test]
fn nothing_tells_of_the_place_where_it_was_written() {
    // In pieces, so that this file does not name them itself.
    let paths = [["/ho", "me/"], ["/wo", "rk/"], ["/tmp/", "wt"], ["/Us", "ers/"]];
    let hosts = [["arti", "factory"], ["nex", "us."], ["mirror", "."], ["proxy.", "golang"]];
    let people = [["sub", "agent"], ["work", "tree"], ["co-authored", "-by"], ["review", "er"]];
    let work = [["this ", "session"], ["previous ", "session"], ["next ", "session"]];
    let forbidden: Vec<String> =
        [&paths[..], &hosts, &people, &work].concat().iter().map(|parts| parts.concat()).collect();
    let mut found = Vec::new();
    let written = written();
    assert!(written.iter().any(|file| file.path == ".ci/run"), "the scripts are not looked at");
    for file in &written {
        for (number, line) in (1..).zip(file.text.lines()) {
            let lower = line.to_lowercase();
            let named =
                forbidden.iter().filter(|word| lower.contains(word.to_lowercase().as_str()));
            found.extend(named.map(|word| format!("{}:{number} names {word}", file.path)));
            if has_issue_number(line) {
                found.push(format!("{}:{number} names an issue, and not whose", file.path));
            }
        }
    }
    expect_none("words that belong to the making, not to the product", &found);
}

/// `issue` or `#` and a number, in a line that does not say whose.
fn has_issue_number(line: &str) -> bool {
    let is_foreign = ["upstream", "openraft", "rocksdb", "tokio", "kafka", "systemd", "https://"];
    let lower = line.to_lowercase();
    let numbered = |(at, mark): (usize, &str)| {
        let before = lower[..at].chars().next_back();
        let free = before.is_none_or(|c| c == ' ' || c == '(');
        free && lower[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit())
    };
    let marks = ["#", "issue ", "issue #"];
    let any = marks.iter().any(|mark| lower.match_indices(mark).any(numbered));
    any && !is_foreign.iter().any(|name| lower.contains(name))
}
