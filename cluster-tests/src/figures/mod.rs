//! What both benchmarks do with figures, whatever they are of: appends of the disk alone beside
//! which they stand, what they were made with, how they are written, and their place in a page.

pub mod appends;
pub mod conditions;
pub mod page;

/// Three digits that count.
pub fn readable(value: f64) -> String {
    match value.abs() {
        x if x >= 100.0 => format!("{value:.0}"),
        x if x >= 10.0 => format!("{value:.1}"),
        x if x >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Of an even number the mean of the two in the middle; nothing of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => Some(values[middle]),
        _ => Some((values.get(middle.checked_sub(1)?)? + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![7.0]), Some(7.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn three_digits_count() {
        let written = [1_234.56, 12.345, 1.234, 0.123_45].map(readable);
        assert_eq!(written, ["1235", "12.3", "1.23", "0.1235"]);
    }
}
