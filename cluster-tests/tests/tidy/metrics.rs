//! Every metric is fed by somebody: a gauge that nobody sets shows a 0 that operators believe.

use super::{Source, expect_none, files, names};

/// Where the handles are.
const HANDLES: &str = "node/src/telemetry/metrics.rs";

/// What follows a handle where it is fed, or handed to who feeds it.
const FED: [&str; 7] = [".set(", ".inc(", ".inc_by(", ".observe(", ".get_or_create(", ",", ")"];

/// Code without spaces and ends of lines, so that a chain of calls is one word.
fn squeezed<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(str::split_whitespace).collect()
}

/// The public fields of a struct: their names and types.
fn fields<'a>(source: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let body = source.split(&format!("pub struct {name} {{\n")).nth(1).unwrap_or_default();
    let lines = body.lines().take_while(|line| *line != "}");
    let public = lines.filter_map(|line| line.trim_start().strip_prefix("pub "));
    public.filter_map(|field| field.trim_end_matches(',').split_once(": ")).collect()
}

/// Functions of the handles' own file that feed this one, as they are called.
fn feeders(handles: &str, handle: &str) -> Vec<String> {
    let functions = handles.split("pub fn ").skip(1).filter_map(|text| text.split_once('('));
    let feeding = functions.filter(|(_, body)| is_fed(&squeezed(body.lines()), handle));
    feeding.map(|(name, _)| format!(".{name}(")).collect()
}

fn is_fed(squeezed: &str, handle: &str) -> bool {
    FED.iter().any(|way| squeezed.contains(&format!("{handle}{way}")))
}

#[test]
fn every_metric_is_registered_and_fed_by_somebody() {
    let (own, others): (Vec<Source>, Vec<Source>) = files("rs")
        .into_iter()
        .filter(|file| file.path.starts_with("node/src/") && !file.is_test())
        .partition(|file| file.path == HANDLES);
    let code = |file: &Source| squeezed(file.product_code().map(|(_, line)| line));
    let others: Vec<String> = others.iter().map(code).collect();
    let own: Vec<&str> = own.iter().flat_map(Source::product_code).map(|(_, line)| line).collect();
    let handles = own.join("\n");
    let (mut count, mut found) = (0, Vec::new());
    for (area, of) in fields(&handles, "Handles") {
        for (metric, _) in fields(&handles, of) {
            count += 1;
            let handle = format!(".{area}.{metric}");
            let feeders = feeders(&handles, &handle);
            let feeds = |code: &String| {
                is_fed(code, &handle) || feeders.iter().any(|call| code.contains(call))
            };
            if !others.iter().any(feeds) {
                found.push(format!("nobody feeds {area}.{metric}"));
            }
            if !names(&handles, &format!("metrics.{metric}.clone()")) {
                found.push(format!("{area}.{metric} is not registered"));
            }
        }
    }
    assert!(count >= 30, "only {count} metrics were found");
    expect_none("metrics that say nothing", &found);
}
