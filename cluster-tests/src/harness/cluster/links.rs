//! What is done to the links between the nodes of a cluster, in whatever way its environment can.

use anyhow::{Result, bail};

use super::super::links::{Link, Trouble, around};
use super::super::machine::has_tool;
use super::Cluster;

impl Cluster {
    /// Whether links can be cut at all; the error says why not.
    pub fn can_cut(&self) -> Result<(), String> {
        let can = self.network.is_some() || self.namespaces.is_some();
        if can { Ok(()) } else { Err("it was started without a network that can be cut".into()) }
    }

    /// Whether there are namespaces and so a kernel's network; the error says why not.
    pub fn in_namespaces(&self) -> Result<(), String> {
        let is = self.namespaces.is_some();
        if is { Ok(()) } else { Err("it takes network namespaces".into()) }
    }

    /// Whether packets can be late; the error says why not.
    pub fn can_be_late(&self) -> Result<(), String> {
        if self.namespaces.is_some() && !has_tool("iptables-restore") {
            return Err(
                "there is no iptables here, and this kernel's nftables have no queue".into()
            );
        }
        self.can_cut()
    }

    /// Makes something wrong with these directions of links; answers the number it is ended by.
    pub fn trouble(&mut self, links: Vec<Link>, trouble: Trouble) -> Result<u64> {
        let number = self.links.add(links, trouble);
        self.apply_links()?;
        Ok(number)
    }

    /// Ends a trouble of links; nothing if it has ended.
    pub fn end_trouble(&mut self, number: u64) -> Result<()> {
        self.links.end(number);
        self.apply_links()
    }

    /// Ends all troubles of links, if there is a network that has them.
    pub fn mend_links(&mut self) -> Result<()> {
        self.links.clear();
        self.isolations.clear();
        if self.can_cut().is_ok() { self.apply_links() } else { Ok(()) }
    }

    fn apply_links(&mut self) -> Result<()> {
        match (&mut self.namespaces, &self.network) {
            (Some(namespaces), _) => namespaces.apply(&self.links),
            (None, Some(network)) => {
                network.apply(&self.links);
                Ok(())
            }
            (None, None) => bail!("start it with `cuttable`"),
        }
    }

    /// Cuts a node off from the others (clients still reach it).
    pub fn isolate(&mut self, index: usize) -> Result<()> {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        let number = self.trouble(around(&[index], &all), Trouble::Cut)?;
        if let Some(before) = self.isolations.insert(index, number) {
            self.end_trouble(before)?;
        }
        Ok(())
    }

    /// Ends the cut.
    pub fn heal(&mut self, index: usize) -> Result<()> {
        match self.isolations.remove(&index) {
            Some(number) => self.end_trouble(number),
            None => Ok(()),
        }
    }
}
