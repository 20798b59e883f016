//! The place of the table in its page: between two markers, the first of which says about which
//! code it is.

use anyhow::{Context, Result, bail};

const BEGIN: &str = "<!-- figures of tree ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- end of figures -->";

/// The page with this table, for the code with this tree.
///
/// # Errors
/// The page has no markers.
pub fn with_table(page: &str, tree: &str, table: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("the page has no begin of figures")?;
    let (_, after) = rest.split_once(END).context("the page has no end of figures")?;
    Ok(format!("{before}{BEGIN}{tree}{BEGIN_END}{table}{END}{after}"))
}

/// The tree and the table that are in the page.
///
/// # Errors
/// The page has no markers, or the first has no tree.
pub fn table_of(page: &str) -> Result<(&str, &str)> {
    let (_, rest) = page.split_once(BEGIN).context("the page has no begin of figures")?;
    let (tree, rest) = rest.split_once(BEGIN_END).context("the figures name no tree")?;
    let (table, _) = rest.split_once(END).context("the page has no end of figures")?;
    if tree.is_empty() || tree.contains(char::is_whitespace) {
        bail!("the figures are of the tree {tree:?}");
    }
    Ok((tree, table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_put_in_and_found_again_and_nothing_else_changes() {
        let page = "a\n<!-- figures of tree - -->\n<!-- end of figures -->\nb\n";
        let first = with_table(page, "t1", "| 1 |\n").unwrap();
        assert_eq!(table_of(&first).unwrap(), ("t1", "| 1 |\n"));
        let second = with_table(&first, "t2", "| 2 |\n").unwrap();
        assert_eq!(table_of(&second).unwrap(), ("t2", "| 2 |\n"));
        assert!(second.starts_with("a\n<!--") && second.ends_with("-->\nb\n"), "{second}");
        assert!(with_table("a", "t", "").is_err() && table_of("a").is_err());
    }
}
