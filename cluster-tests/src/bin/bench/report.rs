//! Figures: collected, shown as a table for people and as JSON for programs.

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use rampart_cluster_tests::figures::page::Section;
use rampart_cluster_tests::figures::readable;
use serde_json::{Map, Value, json};

/// Where they stand in a page.
const SECTION: Section = Section("figures");

struct Figure {
    area: String,
    name: &'static str,
    value: f64,
    unit: &'static str,
    target: Target,
}

/// What is to be reached.
#[derive(Clone, Copy)]
enum Target {
    None,
    Below(f64),
    Above(f64),
}

/// Figures in the order they were measured.
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Report { figures: Vec::new() }
    }

    /// What is being measured now.
    pub(crate) fn progress(&self, what: impl AsRef<str>) {
        eprintln!("bench: {}", what.as_ref());
    }

    /// Adds a figure; the unit is part of its name in JSON.
    pub(crate) fn add(
        &mut self,
        area: impl Into<String>,
        name: &'static str,
        value: f64,
        unit: &'static str,
    ) {
        self.push(area.into(), name, (value, unit), Target::None);
    }

    /// Adds a figure that is to be below a target; whether it is, is shown beside it.
    pub(crate) fn add_below(
        &mut self,
        area: impl Into<String>,
        name: &'static str,
        value: f64,
        unit: &'static str,
        below: f64,
    ) {
        self.push(area.into(), name, (value, unit), Target::Below(below));
    }

    /// Adds a figure that is to be above a target; whether it is, is shown beside it.
    pub(crate) fn add_above(
        &mut self,
        area: impl Into<String>,
        name: &'static str,
        value: f64,
        unit: &'static str,
        above: f64,
    ) {
        self.push(area.into(), name, (value, unit), Target::Above(above));
    }

    fn push(
        &mut self,
        area: String,
        name: &'static str,
        (value, unit): (f64, &'static str),
        target: Target,
    ) {
        eprintln!("bench:   {name}: {} {unit}", readable(value));
        self.figures.push(Figure { area, name, value, unit, target });
    }

    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["", "figure", "value", "unit", "target", "reached"]);
        let mut last = "";
        for figure in &self.figures {
            let area = if figure.area == last { "" } else { &figure.area };
            last = &figure.area;
            let (target, is_reached) = match figure.target {
                Target::None => (String::new(), None),
                Target::Below(target) => (format!("< {target}"), Some(figure.value < target)),
                Target::Above(target) => (format!("> {target}"), Some(figure.value > target)),
            };
            let reached = is_reached.map_or("", |is| if is { "yes" } else { "no" });
            let value = readable(figure.value);
            table.add_row([area, figure.name, &value, figure.unit, &target, reached]);
        }
        table
    }

    /// A page with these figures in the place of those that it has.
    pub(crate) fn put_into(&self, page: &str, said: &str) -> Result<String> {
        SECTION.put(page, said, self.table())
    }

    /// `{"area":{"figure (unit)":value}}`
    pub(crate) fn json(&self) -> String {
        let mut areas = Map::new();
        for figure in &self.figures {
            let area = areas.entry(figure.area.clone()).or_insert_with(|| json!({}));
            let rounded = (figure.value * 1_000.0).round() / 1_000.0;
            area[format!("{} ({})", figure.name, figure.unit)] = json!(rounded);
        }
        Value::Object(areas).to_string()
    }
}
