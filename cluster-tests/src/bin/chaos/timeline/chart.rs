//! Pieces of the picture as SVG: a frame with axes, stacked bars, lines, and bars over time. `[pure]`

use std::fmt::Write;

/// Width of every picture, and of the part right of the names.
pub(super) const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 170.0;
const PLOT: f64 = WIDTH - LEFT - 24.0;
const LANE: f64 = 18.0;

/// Seconds to places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    end: f64,
}

/// A bar in a lane.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) color: &'static str,
    /// Shown when pointed at.
    pub(super) title: String,
}

/// One value a second; nothing where nothing was measured.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) color: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

impl Axis {
    /// From 0 to `end` seconds.
    pub(super) fn new(end: f64) -> Axis {
        Axis { end: end.max(1.0) }
    }

    fn x(self, second: f64) -> f64 {
        LEFT + PLOT * (second / self.end).clamp(0.0, 1.0)
    }

    /// A picture of this height, with what is in it and lines at the marks.
    pub(super) fn picture(self, height: f64, inside: &str, marks: &[(f64, String)]) -> String {
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" width=\"100%\" role=\"img\">\n{inside}",
            height + 22.0
        );
        for (at, name) in marks {
            let (x, name) = (self.x(*at), escape(name));
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height:.0}\" class=\"mark\">\
                 <title>{name} at {at:.1} s</title></line>"
            );
        }
        for tick in 0..=10 {
            let second = self.end * f64::from(tick) / 10.0;
            let (x, y) = (self.x(second), height + 14.0);
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.0}\" class=\"tick\">{second:.0} s</text>"
            );
        }
        out + "</svg>\n"
    }

    /// Lanes of bars under each other, each with a name; and their height.
    pub(super) fn lanes(self, lanes: &[(String, Vec<Bar>)]) -> (String, f64) {
        let mut out = String::new();
        for (number, (name, bars)) in lanes.iter().enumerate() {
            let y = number as f64 * LANE;
            let _ = writeln!(
                out,
                "<text x=\"{:.0}\" y=\"{:.0}\" class=\"name\">{}</text>",
                LEFT - 8.0,
                y + 13.0,
                escape(name)
            );
            for Bar { from, to, color, title } in bars {
                let (x, end) = (self.x(*from), self.x(*to));
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
                     fill=\"{color}\"><title>{}</title></rect>",
                    y + 2.0,
                    (end - x).max(1.5),
                    LANE - 4.0,
                    escape(title)
                );
            }
        }
        (out, lanes.len() as f64 * LANE)
    }

    /// Values of each second on top of each other.
    pub(super) fn stacked(self, height: f64, series: &[Series]) -> String {
        let seconds = series.iter().map(|one| one.values.len()).max().unwrap_or(0);
        let sum = |second: usize| -> f64 {
            series.iter().filter_map(|one| one.values.get(second).copied().flatten()).sum()
        };
        let most = (0..seconds).map(sum).fold(1.0, f64::max);
        let mut out = scale(height, most, "");
        for second in 0..seconds {
            let (x, next) = (self.x(second as f64), self.x(second as f64 + 1.0));
            let mut y = height;
            for one in series {
                let value = one.values.get(second).copied().flatten().unwrap_or(0.0);
                if value <= 0.0 {
                    continue;
                }
                let tall = value / most * height;
                y -= tall;
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{tall:.1}\" \
                     fill=\"{}\"><title>second {second}: {value:.0} {}</title></rect>",
                    (next - x).max(0.5),
                    one.color,
                    one.name
                );
            }
        }
        out
    }

    /// Lines, on a scale of powers of ten if the values differ that much.
    pub(super) fn lines(self, height: f64, unit: &str, series: &[Series]) -> String {
        let values = series.iter().flat_map(|one| one.values.iter().flatten().copied());
        let most = values.fold(1.0, f64::max);
        let y = |value: f64| height - (value.max(0.0) + 1.0).ln() / (most + 1.0).ln() * height;
        let mut out = String::new();
        for power in 0..=most.log10().ceil() as i32 {
            let value = 10_f64.powi(power);
            if value <= most {
                out += &rule(y(value), &format!("{value:.0} {unit}"));
            }
        }
        for one in series {
            let mut path = String::new();
            for (second, value) in one.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let is_joined = second > 0 && one.values[second - 1].is_some();
                let (letter, x) = (if is_joined { 'L' } else { 'M' }, self.x(second as f64 + 0.5));
                let _ = write!(path, "{letter}{x:.1} {:.1} h0.5 ", y(*value));
            }
            let _ = writeln!(
                out,
                "<path d=\"{path}\" stroke=\"{}\" class=\"line\"><title>{}</title></path>",
                one.color, one.name
            );
        }
        out
    }
}

/// Where the top of a picture is.
fn scale(height: f64, most: f64, unit: &str) -> String {
    rule(0.5, &format!("{most:.0} {unit}")) + &rule(height, "0")
}

fn rule(y: f64, text: &str) -> String {
    format!(
        "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"rule\"/>\
         <text x=\"{:.0}\" y=\"{:.1}\" class=\"name\">{text}</text>\n",
        LEFT + PLOT,
        LEFT - 8.0,
        (y + 4.0).max(10.0)
    )
}

/// Text that is no markup.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fault_says_is_no_markup() {
        let title = "<script>\"&".to_owned();
        let bar = Bar { from: 1.0, to: 2.0, color: "red", title };
        let (svg, height) = Axis::new(10.0).lanes(&[("a<b".to_owned(), vec![bar])]);
        assert!(svg.contains("&lt;script&gt;&quot;&amp;") && svg.contains("a&lt;b"), "{svg}");
        assert!(!svg.contains("<script") && height > 0.0);
    }

    #[test]
    fn bars_are_as_long_as_what_they_show() {
        let axis = Axis::new(100.0);
        assert!((axis.x(50.0) - axis.x(0.0) - PLOT / 2.0).abs() < 0.01);
        assert!(axis.x(1_000.0) <= WIDTH);
    }
}
