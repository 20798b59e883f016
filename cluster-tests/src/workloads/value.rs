//! Values that are unique over a run and tell by themselves whether they are whole. `[pure]`
//! A short one is its name alone. A long one is its name, which says how long the rest is, a bar,
//! and padding that follows from the name; only the name goes into the history.

/// Begins the name of a value whose padding is not what it should be.
pub const CORRUPT: &str = "corrupt:";
const BAR: char = '|';
const LENGTH: char = '+';

/// The name of one value: of this client, in its request of this number, at this place.
pub fn name(process: u32, request: u64, place: usize, padding: usize) -> String {
    match padding {
        0 => format!("{process}.{request}.{place}"),
        _ => format!("{process}.{request}.{place}{LENGTH}{padding}"),
    }
}

/// What is written for a name.
pub fn full(name: &str) -> String {
    match padding_of(name) {
        Some(length) => format!("{name}{BAR}{}", padding(name, length)),
        None => name.to_owned(),
    }
}

/// The name of a value that was read, marked if it is not what was written for it.
pub fn read(value: &str) -> String {
    let name = value.split_once(BAR).map_or(value, |(name, _)| name);
    if full(name) == value { name.to_owned() } else { format!("{CORRUPT}{name}") }
}

fn padding_of(name: &str) -> Option<usize> {
    name.split_once(LENGTH)?.1.parse().ok()
}

/// Letters that follow from the name.
fn padding(name: &str, length: usize) -> String {
    // FNV-1a for the beginning, then xorshift: enough to differ between names and along the way.
    let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut text = String::with_capacity(length);
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let letters = state.to_le_bytes().map(|byte| char::from(b'a' + byte % 26));
        text.extend(letters.iter().take(length - text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_damage_is_seen() {
        let short = name(3, 14, 1, 0);
        assert_eq!((full(&short).as_str(), read(&short).as_str()), ("3.14.1", "3.14.1"));
        let long = name(3, 14, 1, 100);
        let written = full(&long);
        assert_eq!(written.len(), long.len() + 1 + 100);
        assert_eq!(read(&written), long);
        let cut = &written[..written.len() - 1];
        let turned = written.replacen(&written[20..21], "Z", 1);
        for bad in [cut, &turned, &long, &format!("{written}x")] {
            assert_eq!(read(bad), format!("corrupt:{long}"), "{bad}");
        }
    }

    #[test]
    fn padding_differs_between_names() {
        assert_ne!(padding("1.1.1+50", 50), padding("1.1.2+50", 50));
    }
}
