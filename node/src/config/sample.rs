//! The configuration as text: the sample file, and what is in effect with its origins.

use super::{Config, Loaded, Origin};

/// A value in effect, for `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// With its section.
    pub key: String,
    /// As it is written in the file.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The file deploy/config/rampart.toml: every key with its documentation and its default, all
/// commented out, so that it changes nothing until it is edited.
pub fn sample() -> String {
    let mut text = String::from(
        "# Configuration of a Rampart node. Printed by `rampart config sample`; every key is shown\n\
         # with its default. A key can also be set by the environment, RAMPART_<SECTION>_<KEY>, and\n\
         # the common ones by a flag of `rampart server`. A flag wins over the environment, the\n\
         # environment over this file. `rampart config show` prints what is in effect and why.\n",
    );
    for section in Config::default().sections() {
        text.push('\n');
        comment(&mut text, section.doc());
        text.push_str(&format!("[{}]\n", section.name()));
        for key in section.keys() {
            comment(&mut text, key.doc);
            text.push_str(&format!("#{} = {}\n", key.name, section.show(key.name)));
        }
    }
    text
}

/// Every value in effect.
pub fn settings(loaded: &Loaded) -> Vec<Setting> {
    let mut settings = Vec::new();
    for section in loaded.config.sections() {
        for key in section.keys() {
            let name = format!("{}.{}", section.name(), key.name);
            let (value, origin) = (section.show(key.name), loaded.origin(&name));
            settings.push(Setting { key: name, value, origin });
        }
    }
    settings
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(&format!("#{line}\n"));
    }
}
