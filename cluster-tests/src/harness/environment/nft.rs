//! `[pure]` What the kernel is told so that the links are as they should be: rules of nftables for cuts,
//! loss and packets that arrive twice, a token bucket for slow links.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::links::{Links, Trouble};

/// Loss and repetition are dice thrown by the kernel, per packet.
const DICE: &str = "numgen random mod 100";

/// The least and the longest time that packets are late.
pub(super) type Lateness = (Duration, Duration);

/// What one node's side of the network needs.
#[derive(Debug)]
pub(super) struct Commands {
    /// For nft in the node's namespace: what it does not receive.
    pub inside: String,
    /// For nft outside, at its end of the bridge: what it receives twice.
    pub outside: String,
    /// The narrowest bound on what it sends.
    pub kbit: Option<u32>,
    /// How late what it receives is, by sender.
    pub late: BTreeMap<usize, Lateness>,
}

/// The commands for one node: whatever was there before is replaced at once.
pub(super) fn commands(
    to: usize,
    nodes: &BTreeMap<usize, Ipv4Addr>,
    links: &Links,
    device: &str,
) -> Commands {
    let (mut drops, mut twice, mut kbit) = (String::new(), String::new(), None);
    let mut late = BTreeMap::new();
    for (&from, address) in nodes {
        for trouble in links.on((from, to)) {
            match trouble {
                Trouble::Cut => drops += &format!("  ip saddr {address} drop;\n"),
                Trouble::Loss(percent) => {
                    drops += &format!("  ip saddr {address} {DICE} < {percent} drop;\n");
                }
                Trouble::Twice(percent) => {
                    twice +=
                        &format!("  ip saddr {address} {DICE} < {percent} dup to \"{device}\";\n");
                }
                Trouble::Late(..) | Trouble::Slow(_) => {}
            }
        }
        late.extend(links.late((from, to)).map(|wait| (from, wait)));
        kbit = [kbit, links.kbit((to, from))].into_iter().flatten().min();
    }
    let hook = "type filter hook input priority 0;";
    let inside = format!(
        "table inet chaos\ndelete table inet chaos\n\
         table inet chaos {{\n chain input {{\n  {hook}\n{drops} }}\n}}\n"
    );
    let hook = format!("type filter hook egress device \"{device}\" priority 0;");
    let mut outside = clear_outside(device);
    if !twice.is_empty() {
        outside +=
            &format!("table netdev {device} {{\n chain egress {{\n  {hook}\n{twice} }}\n}}\n");
    }
    Commands { inside, outside, kbit, late }
}

/// Takes away what is at a node's end of the bridge, whether or not there is something.
pub(super) fn clear_outside(device: &str) -> String {
    format!("table netdev {device}\ndelete table netdev {device}\n")
}

/// Arguments for tc that bound what a node sends.
pub(super) fn shape(space: &str, kbit: u32) -> Vec<String> {
    let text =
        format!("-n {space} qdisc add dev eth0 root tbf rate {kbit}kbit burst 16kb latency 400ms");
    text.split(' ').map(str::to_owned).collect()
}

/// Arguments for tc that end the bound.
pub(super) fn unshape(space: &str) -> Vec<String> {
    format!("-n {space} qdisc del dev eth0 root").split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_drops_what_comes_from_those_it_is_cut_from_and_nothing_else() {
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let nodes = BTreeMap::from([(0, address(10)), (1, address(11)), (2, address(12))]);
        let mut links = Links::default();
        links.add(vec![(0, 1)], Trouble::Cut);
        links.add(vec![(2, 1)], Trouble::Loss(30));
        links.add(vec![(1, 2)], Trouble::Twice(5));
        links.add(vec![(1, 0)], Trouble::Slow(100));
        let one = commands(1, &nodes, &links, "dev1");
        assert!(one.inside.contains("ip saddr 10.0.0.10 drop;"));
        assert!(one.inside.contains("ip saddr 10.0.0.12 numgen random mod 100 < 30 drop;"));
        assert_eq!((one.outside, one.kbit), (clear_outside("dev1"), Some(100)));
        let two = commands(2, &nodes, &links, "dev2");
        assert!(!two.inside.contains("drop"), "{}", two.inside);
        assert!(two.outside.contains("ip saddr 10.0.0.11 numgen random mod 100 < 5 dup to"));
    }
}
