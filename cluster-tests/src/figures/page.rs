//! Figures in a page, between two marks of their own.

use anyhow::{Context, Result};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{ContentArrangement, Table};

/// The place of some figures: `<!-- name -->` to `<!-- end of name -->`.
#[derive(Debug, Clone, Copy)]
pub struct Section(pub &'static str);

impl Section {
    /// The page with this in the place of what stood there: what is said about the figures, and
    /// the figures.
    pub fn put(self, page: &str, said: &str, mut table: Table) -> Result<String> {
        let Section(name) = self;
        let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- end of {name} -->"));
        let missing = || format!("the page has no {begin} … {end}");
        let (head, rest) = page.split_once(&begin).with_context(missing)?;
        let (_, tail) = rest.split_once(&end).with_context(missing)?;
        table.load_style(ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
        Ok(format!("{head}{begin}\n{said}\n\n{table}\n{end}{tail}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let page = "head\n<!-- a -->\nold\n<!-- end of a -->\n<!-- b -->\n<!-- end of b -->\ntail";
        let mut table = Table::new();
        table.set_header(["x"]).add_row(["1"]);
        let page = Section("a").put(page, "Today.", table.clone()).unwrap();
        assert!(page.starts_with("head\n<!-- a -->\nToday.\n\n| x |\n"), "{page}");
        assert!(page.ends_with("<!-- end of a -->\n<!-- b -->\n<!-- end of b -->\ntail"), "{page}");
        assert!(Section("c").put(&page, "", table).is_err());
    }
}
