//! The page around the pictures. `[pure]`

use super::chart::{Axis, Bar, Series, escape};
use super::gather::{Gathered, Second};

const OK: &str = "#4c956c";
const FAIL: &str = "#f2a541";
const UNKNOWN: &str = "#c8553d";
const FAULT: &str = "#7d5ba6";
/// One color a node.
const NODES: [&str; 7] =
    ["#3d5a80", "#e07a5f", "#81b29a", "#f2cc8f", "#9d4edd", "#577590", "#bc4b51"];
const NOBODY: &str = "#cccccc";

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:24px auto;max-width:1240px;\
padding:0 16px;color:#222;background:#fff}h2{margin:28px 0 6px;font-size:16px}\
pre{background:#f4f4f4;padding:12px;overflow-x:auto}text{font:11px system-ui,sans-serif;fill:#555}\
.name{text-anchor:end}.tick{text-anchor:middle}.rule{stroke:#ddd}.mark{stroke:#222;\
stroke-dasharray:3 3}.line{fill:none;stroke-width:1.5}.key{display:inline-block;width:10px;\
height:10px;margin:0 4px 0 14px}@media(prefers-color-scheme:dark){body{background:#1b1b1b;\
color:#ddd}pre{background:#2a2a2a}text{fill:#aaa}.rule{stroke:#333}.mark{stroke:#ddd}}";

/// The whole page.
pub(crate) fn html(gathered: &Gathered, verdict: &str) -> String {
    let axis = Axis::new(gathered.end);
    let pictures = [
        faults(gathered, axis),
        operations(gathered, axis),
        throughput(gathered, axis),
        latency(gathered, axis),
        leaders(gathered, axis),
    ];
    let word = verdict.split(':').next().unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>rampart-chaos: {0}</title><style>{STYLE}</style></head>\n<body>\
         <h1>rampart-chaos: {0}</h1>\n<p>Dashed lines are steps of the run; everything says what \
         it is when pointed at.</p>\n{1}<h2>Verdict</h2>\n<pre>{2}</pre>\n</body></html>\n",
        escape(word),
        pictures.concat(),
        escape(verdict)
    )
}

fn section(title: &str, keys: &[(&str, &str)], picture: &str) -> String {
    let key = |(name, color): &(&str, &str)| {
        format!("<span class=\"key\" style=\"background:{color}\"></span>{}", escape(name))
    };
    let keys: String = keys.iter().map(key).collect();
    format!("<h2>{title} {keys}</h2>\n{picture}")
}

fn faults(gathered: &Gathered, axis: Axis) -> String {
    let mut lanes: Vec<(String, Vec<Bar>)> = Vec::new();
    for fault in &gathered.faults {
        let to = fault.to.unwrap_or(gathered.end);
        let title = format!("{} {}, {:.1} s to {to:.1} s", fault.kind, fault.detail, fault.from);
        let bar = Bar { from: fault.from, to, color: FAULT, title };
        match lanes.iter_mut().find(|(kind, _)| *kind == fault.kind) {
            Some((_, bars)) => bars.push(bar),
            None => lanes.push((fault.kind.clone(), vec![bar])),
        }
    }
    let (inside, height) = axis.lanes(&lanes);
    section("Faults", &[], &axis.picture(height, &inside, &gathered.marks))
}

fn series(
    gathered: &Gathered,
    name: &'static str,
    color: &'static str,
    value: impl Fn(&Second) -> Option<f64>,
) -> Series {
    Series { name, color, values: gathered.seconds.iter().map(value).collect() }
}

fn operations(gathered: &Gathered, axis: Axis) -> String {
    let all = [
        series(gathered, "done", OK, |second| Some(second.ok as f64)),
        series(gathered, "not done", FAIL, |second| Some(second.fail as f64)),
        series(gathered, "unknown", UNKNOWN, |second| Some(second.unknown as f64)),
    ];
    let inside = axis.stacked(120.0, &all);
    let keys = [("done", OK), ("not done", FAIL), ("unknown", UNKNOWN)];
    section("Operations a second", &keys, &axis.picture(120.0, &inside, &gathered.marks))
}

fn throughput(gathered: &Gathered, axis: Axis) -> String {
    let all = [
        series(gathered, "acknowledged", NODES[0], |second| Some(second.acked as f64)),
        series(gathered, "read", NODES[2], |second| Some(second.read as f64)),
    ];
    let inside = axis.lines(100.0, "", &all);
    let keys = [("acknowledged", NODES[0]), ("read", NODES[2])];
    section("Records a second", &keys, &axis.picture(100.0, &inside, &gathered.marks))
}

fn latency(gathered: &Gathered, axis: Axis) -> String {
    let all = [
        series(gathered, "median", OK, |second| second.percentile(50)),
        series(gathered, "99th of a hundred", FAIL, |second| second.percentile(99)),
        series(gathered, "longest", UNKNOWN, |second| second.percentile(100)),
    ];
    let inside = axis.lines(120.0, "ms", &all);
    let keys = [("median", OK), ("99 %", FAIL), ("longest", UNKNOWN)];
    section("Acknowledged produces took", &keys, &axis.picture(120.0, &inside, &gathered.marks))
}

fn leaders(gathered: &Gathered, axis: Axis) -> String {
    let color = |node: Option<u32>| node.map_or(NOBODY, |node| NODES[node as usize % NODES.len()]);
    let mut lanes = Vec::new();
    for (partition, seen) in &gathered.leaders {
        let mut bars = Vec::new();
        for (number, (from, node, epoch)) in seen.iter().enumerate() {
            let to = seen.get(number + 1).map_or(gathered.end, |(next, ..)| *next);
            let who = node.map_or("a node unknown here".to_owned(), |node| format!("node {node}"));
            let title = format!("{partition}: {who} in epoch {epoch} from {from:.1} s");
            bars.push(Bar { from: *from, to, color: color(*node), title });
        }
        lanes.push((partition.clone(), bars));
    }
    let nodes = gathered.leaders.values().flatten().filter_map(|(_, node, _)| *node);
    let count = nodes.max().map_or(0, |node| node as usize + 1).min(NODES.len());
    let names: Vec<String> = (0..count).map(|node| format!("node {node}")).collect();
    let keys: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(NODES).collect();
    let (inside, height) = axis.lanes(&lanes);
    section("Leaders", &keys, &axis.picture(height, &inside, &gathered.marks))
}

#[cfg(test)]
mod tests {
    use super::super::gather::Fault;
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_shows_what_there_is() {
        let mut gathered = Gathered::default();
        gathered.end = 10.0;
        gathered.seconds = vec![Second { ok: 3, latencies: vec![2.0], ..Second::default() }; 10];
        gathered.leaders.insert("t/0".to_owned(), vec![(0.0, Some(1), 1), (4.0, None, 2)]);
        let (kind, detail) = ("kill-one".to_owned(), "2: kill -9".to_owned());
        gathered.faults.push(Fault { kind, detail, from: 3.0, to: None });
        gathered.marks.push((8.0, "healed".to_owned()));
        let page = html(&gathered, "clean: 3 operations <b>");
        for wanted in ["kill-one", "2: kill -9", "t/0", "node 1 in epoch 1", "healed", "&lt;b&gt;"]
        {
            assert!(page.contains(wanted), "{wanted} is missing");
        }
        for foreign in ["http://", "https://", "src=", "href=", "NaN"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
