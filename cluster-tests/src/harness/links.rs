//! `[pure]` What is wrong with the links between nodes: several things at once, each ended for itself.
//! The environments make it so: `network` in user space, `environment` with the kernel's means.

use std::collections::BTreeMap;
use std::time::Duration;

/// A direction of a link: from one node to another.
pub type Link = (usize, usize);

/// What can be wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing passes.
    Cut,
    /// So many of a hundred packets are lost, and sent again by TCP.
    Loss(u32),
    /// So many of a hundred packets arrive twice.
    Twice(u32),
    /// Everything is late by a time between the two, and what is later by chance is overtaken.
    Late(Duration, Duration),
    /// At most so many thousand bits a second.
    Slow(u32),
}

/// All troubles of a cluster's links.
#[derive(Debug, Clone, Default)]
pub struct Links {
    last: u64,
    troubles: BTreeMap<u64, (Vec<Link>, Trouble)>,
}

impl Links {
    /// Adds a trouble; answers its number, by which it is ended.
    pub fn add(&mut self, links: Vec<Link>, trouble: Trouble) -> u64 {
        self.last += 1;
        self.troubles.insert(self.last, (links, trouble));
        self.last
    }

    /// Ends a trouble; nothing if it has ended.
    pub fn end(&mut self, number: u64) {
        self.troubles.remove(&number);
    }

    /// Ends all.
    pub fn clear(&mut self) {
        self.troubles.clear();
    }

    /// Everything that is wrong with one direction.
    pub fn on(&self, link: Link) -> impl Iterator<Item = Trouble> {
        let mine = self.troubles.values().filter(move |(links, _)| links.contains(&link));
        mine.map(|(_, trouble)| *trouble)
    }

    /// Whether nothing passes.
    pub fn is_cut(&self, link: Link) -> bool {
        self.on(link).any(|trouble| trouble == Trouble::Cut)
    }

    /// The least and the longest time that everything is late, if it is.
    pub fn late(&self, link: Link) -> Option<(Duration, Duration)> {
        let all = self.on(link).filter_map(|trouble| match trouble {
            Trouble::Late(least, most) => Some((least, most)),
            _ => None,
        });
        all.reduce(|a, b| (a.0 + b.0, a.1 + b.1))
    }

    /// The narrowest of its bounds, in thousand bits a second.
    pub fn kbit(&self, link: Link) -> Option<u32> {
        let all = self.on(link).filter_map(|trouble| match trouble {
            Trouble::Slow(kbit) => Some(kbit),
            _ => None,
        });
        all.min()
    }
}

/// Both directions between these and all the others.
pub fn around(these: &[usize], all: &[usize]) -> Vec<Link> {
    let others: Vec<usize> = all.iter().copied().filter(|node| !these.contains(node)).collect();
    let mut links = Vec::new();
    for &one in these {
        for &other in &others {
            links.extend([(one, other), (other, one)]);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_add_up_and_end_one_by_one() {
        let mut links = Links::default();
        let cut = links.add(around(&[0], &[0, 1, 2]), Trouble::Cut);
        let again = links.add(vec![(1, 0)], Trouble::Cut);
        let slow = links.add(vec![(1, 0)], Trouble::Slow(10));
        links.add(vec![(1, 0)], Trouble::Slow(20));
        assert!(links.is_cut((0, 2)) && links.is_cut((2, 0)) && !links.is_cut((1, 2)));
        links.end(cut);
        assert!(!links.is_cut((0, 1)) && links.is_cut((1, 0)));
        links.end(again);
        links.end(again);
        assert!(!links.is_cut((1, 0)));
        assert_eq!(links.kbit((1, 0)), Some(10));
        links.end(slow);
        assert_eq!(links.kbit((1, 0)), Some(20));
        assert_eq!(links.late((1, 0)), None);
    }
}
