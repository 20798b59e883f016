//! Facts and violations as they are found, property by property.

use super::property::Property;
use super::verdict::{PropertyVerdict, Violation};

/// Violations shown of one property before the rest is only counted.
const SHOWN: u64 = 10;

/// What was looked at and what was wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    facts: [u64; Property::ALL.len()],
    violations: [u64; Property::ALL.len()],
    shown: Vec<Violation>,
}

impl Findings {
    /// A property was looked at so many times.
    pub(super) fn facts(&mut self, property: Property, count: u64) {
        self.facts[property.index()] += count;
    }

    /// A property does not hold. The message is made only if it is shown.
    pub(super) fn violation(&mut self, property: Property, message: impl FnOnce() -> String) {
        let count = &mut self.violations[property.index()];
        *count += 1;
        if *count <= SHOWN {
            self.shown.push(Violation { property, message: message() });
        }
    }

    /// Whether anything is wrong.
    pub(super) fn is_violated(&self) -> bool {
        self.violations.iter().any(|count| *count > 0)
    }

    /// Each property, and the violations to show.
    pub(super) fn into_parts(self) -> (Vec<PropertyVerdict>, Vec<Violation>) {
        let Findings { facts, violations, mut shown } = self;
        shown.sort_by_key(|violation| violation.property);
        let verdicts = Property::ALL.map(|property| PropertyVerdict {
            property,
            title: property.title().to_owned(),
            facts: facts[property.index()],
            violations: violations[property.index()],
            not_checked: (facts[property.index()] == 0)
                .then(|| property.without_facts().to_owned()),
        });
        (verdicts.into(), shown)
    }
}
