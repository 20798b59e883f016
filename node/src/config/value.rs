//! The types a key can have: read from TOML or from text, written as TOML, and their bounds.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A value as it was given, before it has a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// From the environment or the command line, where everything is text.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML string.
    String(String),
    /// A TOML array of strings.
    Strings(Vec<String>),
    /// Anything else in TOML, which no key takes.
    Other(&'static str),
}

impl Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Given::Text(text) => f.write_str(text),
            Given::Integer(number) => number.fmt(f),
            Given::Boolean(fact) => fact.fmt(f),
            Given::String(text) => write!(f, "{text:?}"),
            Given::Strings(texts) => write!(f, "{texts:?}"),
            Given::Other(kind) => f.write_str(kind),
        }
    }
}

/// A type that a key can have.
pub(super) trait Value: Sized {
    /// Reads it; the error says what would be right.
    fn read(given: &Given) -> Result<Self, String>;
    /// Writes it as TOML.
    fn show(&self) -> String;
}

impl Value for u64 {
    fn read(given: &Given) -> Result<Self, String> {
        let wanted = || "a whole number, 0 or more".to_owned();
        match given {
            Given::Integer(number) => u64::try_from(*number).map_err(|_| wanted()),
            Given::Text(text) => text.replace('_', "").parse().map_err(|_| wanted()),
            Given::Boolean(_) | Given::String(_) | Given::Strings(_) | Given::Other(_) => {
                Err(wanted())
            }
        }
    }

    fn show(&self) -> String {
        grouped(*self)
    }
}

impl Value for u32 {
    fn read(given: &Given) -> Result<Self, String> {
        u32::try_from(u64::read(given)?).map_err(|_| format!("at most {}", u32::MAX))
    }

    fn show(&self) -> String {
        grouped(u64::from(*self))
    }
}

impl Value for bool {
    fn read(given: &Given) -> Result<Self, String> {
        match given {
            Given::Boolean(fact) => Ok(*fact),
            Given::Text(text) if text == "true" || text == "1" => Ok(true),
            Given::Text(text) if text == "false" || text == "0" => Ok(false),
            _ => Err("true or false".to_owned()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn read(given: &Given) -> Result<Self, String> {
        match given {
            Given::Text(text) | Given::String(text) => Ok(text.clone()),
            _ => Err("a string in quotes".to_owned()),
        }
    }

    fn show(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Value for PathBuf {
    fn read(given: &Given) -> Result<Self, String> {
        match String::read(given)? {
            empty if empty.is_empty() => Err("a path".to_owned()),
            path => Ok(PathBuf::from(path)),
        }
    }

    fn show(&self) -> String {
        self.display().to_string().show()
    }
}

impl Value for SocketAddr {
    fn read(given: &Given) -> Result<Self, String> {
        String::read(given)
            .unwrap_or_default()
            .replacen("localhost:", "127.0.0.1:", 1)
            .parse()
            .map_err(|_| "IP:PORT, such as \"127.0.0.1:8080\" or \"0.0.0.0:8080\"".to_owned())
    }

    fn show(&self) -> String {
        self.to_string().show()
    }
}

impl Value for Vec<String> {
    fn read(given: &Given) -> Result<Self, String> {
        match given {
            Given::Strings(texts) => Ok(texts.clone()),
            Given::Text(text) => Ok(text
                .split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect()),
            _ => Err("a list of strings, such as [\"10.0.0.1:9090\"]".to_owned()),
        }
    }

    fn show(&self) -> String {
        let texts: Vec<String> = self.iter().map(Value::show).collect();
        format!("[{}]", texts.join(", "))
    }
}

/// No bound beyond the type.
pub(super) fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

/// A number between two others, both allowed.
pub(super) fn between<T: Copy + Into<u64>>(value: &T, min: u64, max: u64) -> Result<(), String> {
    match (*value).into() {
        number if (min..=max).contains(&number) => Ok(()),
        _ => Err(format!("between {} and {}", grouped(min), grouped(max))),
    }
}

/// `host:port` as another machine can reach it, or empty.
pub(super) fn empty_or_host_port(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { host_port(text) }
}

/// `host:port` as another machine can reach it, in each element.
pub(super) fn host_ports(texts: &[String]) -> Result<(), String> {
    texts.iter().try_for_each(|text| host_port(text))
}

fn host_port(text: &str) -> Result<(), String> {
    let wanted =
        || format!("HOST:PORT as others reach it, such as \"10.0.0.1:9090\", not {text:?}");
    let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
    let named = !host.is_empty() && !host.contains(['/', ' ', '@']);
    let unbracketed_v6 = host.contains(':') && !host.starts_with('[');
    let reachable = !matches!(host, "0.0.0.0" | "[::]");
    match port.parse::<u16>() {
        Ok(port) if port > 0 && named && reachable && !unbracketed_v6 => Ok(()),
        _ => Err(wanted()),
    }
}

/// A number as TOML lets people read it: `16_777_216`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_for_reading() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1_000"), (16 << 20, "16_777_216")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn host_and_port_are_both_needed() {
        for good in ["a:1", "10.0.0.1:9090", "[::1]:9090", "rampart-0.rampart:9090"] {
            assert_eq!(host_port(good), Ok(()), "{good}");
        }
        for bad in ["a", ":1", "a:0", "a:70000", "http://a:1", "::1:9090", "0.0.0.0:9090", "a b:1"]
        {
            assert!(host_port(bad).is_err(), "{bad}");
        }
    }
}
