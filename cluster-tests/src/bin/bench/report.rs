//! Figures: collected, shown as a table for people and as JSON for programs.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Map, Value, json};

struct Figure {
    area: String,
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// To be below this, where there is something to be reached.
    below: Option<f64>,
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
        self.figures.push(Figure { area: area.into(), name, value, unit, below: None });
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
        let below = Some(below);
        self.figures.push(Figure { area: area.into(), name, value, unit, below });
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
            let target = figure.below.map_or(String::new(), |below| format!("< {below}"));
            let reached = match figure.below {
                None => "",
                Some(below) if figure.value < below => "yes",
                Some(_) => "no",
            };
            let value = readable(figure.value);
            table.add_row([area, figure.name, &value, figure.unit, &target, reached]);
        }
        table
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

/// Three digits that count.
fn readable(value: f64) -> String {
    match value.abs() {
        x if x >= 100.0 => format!("{value:.0}"),
        x if x >= 10.0 => format!("{value:.1}"),
        x if x >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
