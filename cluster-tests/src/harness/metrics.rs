//! Counters of a node, read from the page of its metrics.

use anyhow::{Context, Result};

use super::client::Api;

/// Begins the name of each.
const PRODUCT: &str = "rampart_";

/// What these counters of a node stand at, each by its name without the product's.
pub async fn counters<const N: usize>(api: &Api, names: [&str; N]) -> Result<[u64; N]> {
    let page = api.get("/metrics").await?;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = read(&text, &format!("{PRODUCT}{name}"))
            .with_context(|| format!("there is no metric {name}"))?;
    }
    Ok(values)
}

/// A metric without labels.
fn read(page: &str, name: &str) -> Option<u64> {
    let of_line = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    page.lines().find_map(of_line)
}

/// A counter over the lives of a node: each begins at zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    last: u64,
    sum: u64,
}

impl Total {
    /// It stands at so much now. What a life counted after the last look at it is not known.
    pub fn see(&mut self, now: u64) {
        self.sum += if now < self.last { now } else { now - self.last };
        self.last = now;
    }

    /// Of all lives so far, at least.
    pub fn sum(&self) -> u64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let page = "# TYPE a counter\na_total_more 1\na_total{x=\"y\"} 2\na_total 3\n";
        assert_eq!((read(page, "a_total"), read(page, "a")), (Some(3), None));
    }

    #[test]
    fn lives_are_added_up() {
        let mut total = Total::default();
        [2, 5, 5, 1, 3].into_iter().for_each(|now| total.see(now));
        assert_eq!(total.sum(), 8);
    }
}
