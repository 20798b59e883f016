//! Why a configuration was refused: the key, its value, where it came from, what would be right.

use std::path::PathBuf;

use super::load::Origin;

/// A configuration that no node starts with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration file {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is not TOML.
    #[error("configuration file {}, line {line}: {reason}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// A key nobody reads.
    #[error("unknown configuration key `{key}` ({origin}): {known}")]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Where.
        origin: Origin,
        /// The keys there are.
        known: String,
    },
    /// A value of the wrong type, out of bounds, or at odds with another one.
    #[error("`{key}` = {value} ({origin}) is wrong: it must be {wanted}")]
    BadValue {
        /// With its section.
        key: String,
        /// As it was written.
        value: String,
        /// Where.
        origin: Origin,
        /// What would be right.
        wanted: String,
    },
}
