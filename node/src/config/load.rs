//! Layers: defaults, file, environment, flags. The later one wins; each value remembers its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::value::Given;
use super::{Config, ConfigError, validate};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A validated configuration and where its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Where the value of `section.key` came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}

/// Collects the layers, lowest first.
#[derive(Debug, Default)]
pub struct Loader {
    config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Loader {
    /// The defaults.
    pub fn new() -> Self {
        Loader::default()
    }

    /// Adds a TOML file.
    pub fn file(self, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        self.toml(path, &text)
    }

    /// Adds the text of a TOML file.
    pub fn toml(mut self, path: &Path, text: &str) -> Result<Self, ConfigError> {
        let line_at = |position: usize| 1 + text[..position].matches('\n').count();
        let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_at(span.start.min(text.len()))),
            reason: error.message().to_owned(),
        })?;
        for (section, value) in root.get_ref() {
            let origin = Origin::File(path.to_owned(), line_at(section.span().start));
            let DeValue::Table(keys) = value.get_ref() else {
                return Err(unknown(&self.config, section.get_ref(), origin));
            };
            if !self.config.sections().iter().any(|known| known.name() == section.get_ref()) {
                return Err(unknown(&self.config, section.get_ref(), origin));
            }
            for (key, value) in keys {
                let origin = Origin::File(path.to_owned(), line_at(key.span().start));
                let key = format!("{}.{}", section.get_ref(), key.get_ref());
                self = self.set(&key, &given(value.get_ref()), origin)?;
            }
        }
        Ok(self)
    }

    /// Adds environment variables: `RAMPART_SECTION_KEY`. One that names a section but no key of
    /// it is refused; the variables that Kubernetes makes up for services are not.
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut names = BTreeMap::new();
        for section in self.config.sections() {
            for key in section.keys() {
                let key = format!("{}.{}", section.name(), key.name);
                names.insert(format!("RAMPART_{}", key.replace('.', "_").to_uppercase()), key);
            }
        }
        for (variable, text) in variables {
            let origin = Origin::Environment(variable.clone());
            match names.get(&variable) {
                Some(key) => self = self.set(key, &Given::Text(text), origin)?,
                None if is_ours(&self.config, &variable) => {
                    return Err(unknown(&self.config, &variable, origin));
                }
                None => {}
            }
        }
        Ok(self)
    }

    /// Adds a flag that sets `section.key`.
    pub fn flag(self, flag: &str, key: &str, text: &str) -> Result<Self, ConfigError> {
        self.set(key, &Given::Text(text.to_owned()), Origin::Flag(flag.to_owned()))
    }

    /// Checks everything together.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let loaded = Loaded { config: self.config, origins: self.origins };
        validate::validate(&loaded)?;
        Ok(loaded)
    }

    fn set(mut self, key: &str, given: &Given, origin: Origin) -> Result<Self, ConfigError> {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let sections = self.config.sections_mut();
        let found = sections.into_iter().find(|known| known.name() == section);
        let Some(found) = found.filter(|known| known.keys().iter().any(|k| k.name == name)) else {
            return Err(unknown(&self.config, key, origin));
        };
        if let Err(wanted) = found.set(name, given) {
            let (key, value) = (key.to_owned(), given.to_string());
            return Err(ConfigError::BadValue { key, value, origin, wanted });
        }
        self.origins.insert(key.to_owned(), origin);
        Ok(self)
    }
}

fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::Integer(integer) => {
            let digits = integer.as_str().replace('_', "");
            i64::from_str_radix(&digits, integer.radix())
                .map_or(Given::Other("an integer beyond 64 bits"), Given::Integer)
        }
        DeValue::Boolean(fact) => Given::Boolean(*fact),
        DeValue::String(text) => Given::String(text.to_string()),
        DeValue::Array(array) => array
            .iter()
            .map(|element| match element.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect::<Option<_>>()
            .map_or(Given::Other("an array with something else than strings"), Given::Strings),
        DeValue::Float(_) => Given::Other("a number with a fraction"),
        DeValue::Datetime(_) => Given::Other("a date"),
        DeValue::Table(_) => Given::Other("a table"),
    }
}

/// `RAMPART_<SECTION>_…`, and not one of `…_SERVICE_HOST`, `…_SERVICE_PORT…`, `…_PORT`, `…_PORT_…`
/// that Kubernetes sets for a service named, say, `rampart-http`.
fn is_ours(config: &Config, variable: &str) -> bool {
    let made_up = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|w| variable.contains(w))
        || variable.ends_with("_PORT");
    let sections = config.sections();
    let mut prefixes = sections.iter().map(|s| format!("RAMPART_{}_", s.name().to_uppercase()));
    !made_up && prefixes.any(|prefix| variable.starts_with(&prefix))
}

/// The error for a key nobody reads: lists the keys of its section, or the sections.
fn unknown(config: &Config, key: &str, origin: Origin) -> ConfigError {
    let lower = key.trim_start_matches("RAMPART_").to_lowercase();
    let sections = config.sections();
    let section = sections.iter().find(|section| {
        let rest = lower.strip_prefix(section.name());
        rest.is_some_and(|rest| rest.starts_with(['.', '_']))
    });
    let known = match section {
        Some(section) => {
            let keys: Vec<_> = section.keys().iter().map(|key| key.name).collect();
            format!("[{}] has {}", section.name(), keys.join(", "))
        }
        None => {
            let names: Vec<_> = sections.iter().map(|s| format!("[{}]", s.name())).collect();
            format!("the sections are {}", names.join(", "))
        }
    };
    ConfigError::UnknownKey { key: key.to_owned(), origin, known }
}
