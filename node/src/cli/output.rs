//! Prints answers: a table for people, JSON for programs.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::failure::Failure;

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints in the format that was chosen, or that suits standard output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    chosen: Option<Format>,
    is_terminal: bool,
}

impl Printer {
    pub(super) fn new(chosen: Option<Format>) -> Self {
        Printer { chosen, is_terminal: std::io::stdout().is_terminal() }
    }

    /// The format that was asked for, if one was.
    pub(super) fn chosen(&self) -> Option<Format> {
        self.chosen
    }

    fn format(&self) -> Format {
        let fitting = if self.is_terminal { Format::Table } else { Format::Json };
        self.chosen.unwrap_or(fitting)
    }

    /// Prints an answer: the JSON of `value`, or the text that `table` makes of it.
    pub(super) fn print<T: Serialize>(
        &self,
        value: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let text = match self.format() {
            Format::Table => table(value),
            Format::Json if self.is_terminal => {
                serde_json::to_string_pretty(value).map_err(std::io::Error::from)?
            }
            Format::Json => serde_json::to_string(value).map_err(std::io::Error::from)?,
        };
        self.line(&text)
    }

    /// Prints a line.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", text.trim_end())?;
        Ok(output.flush()?)
    }
}

/// A table without lines: columns are what people look for and what they cut out. Columns of
/// numbers stand to the right.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows.iter().map(|row| row.iter().map(String::as_str)));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if rows.iter().all(|row| is_number(&row[index])) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A number, a size, a duration, or the dash for none.
fn is_number(text: &str) -> bool {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let is_digits = number.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '.'));
    text == "-" || !number.is_empty() && is_digits && !unit.contains([' ', ','])
}

/// Names and values, one pair a line.
pub(super) fn pairs<const N: usize>(pairs: &[(&str, String); N]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = pairs.iter().map(|(name, value)| format!("{name:width$}  {value}\n"));
    lines.collect()
}

/// A number with commas: `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that reads best: `1.5 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// What there is, or a dash.
pub(super) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

/// Milliseconds as people say them.
pub(super) fn duration_ms(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=119_999 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{} min", ms / 60_000),
    }
}

/// Numbers joined by commas.
pub(super) fn ids(ids: impl IntoIterator<Item = u64>) -> String {
    let texts: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(",") }
}

/// An argument `KEY=VALUE`.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("KEY=VALUE is wanted, such as retention.ms=86400000".to_owned()),
    }
}

/// Says something on standard output that nobody has to hear: the work goes on without a reader.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// The same on standard error.
pub(super) fn say_error(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_numbers_read_well() {
        assert_eq!([bytes(0), bytes(1023), bytes(1536)], ["0 B", "1023 B", "1.5 KiB"]);
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!([number(7), number(1_000), number(12_345_678)], ["7", "1,000", "12,345,678"]);
        assert_eq!(
            [duration_ms(5), duration_ms(1_500), duration_ms(600_000)],
            ["5 ms", "1.5 s", "10 min"]
        );
        assert_eq!([ids([]), ids([3, 1])], ["-", "3,1"]);
    }

    #[test]
    fn tables_align_numbers_to_the_right() {
        let rows = [["flights".to_owned(), "4".to_owned()], ["x".to_owned(), "12".to_owned()]];
        let text = table(["TOPIC", "PARTITIONS"], rows);
        assert_eq!(text, "TOPIC    PARTITIONS\nflights           4\nx                12");
        for (text, is) in [("1.5 KiB", true), ("-", true), ("1 2 3", false), ("", false)] {
            assert_eq!(is_number(text), is, "{text}");
        }
    }

    #[test]
    fn pairs_stand_below_each_other() {
        assert_eq!(
            pairs(&[("id", "1".into()), ("address", "a:1".into())]),
            "id       1\naddress  a:1\n"
        );
    }

    #[test]
    fn configuration_pairs_need_a_key_and_a_value() {
        assert_eq!(key_value("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(key_value("a").is_err());
        assert!(key_value("=a").is_err());
    }
}
