//! What every stored value stands: it comes back equal and to the same bytes, damage is refused
//! where a checksum covers it, and nothing that a disk can hold makes a decoder panic. Called by
//! the tests of every family and codec.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;
use rampart_api::codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FormatError;
use super::envelope::{self, ENVELOPE_BYTES};

/// What happens to bytes: somewhere a bit flips or they end, or they are something else.
#[derive(Debug, Clone)]
pub(crate) struct Harm {
    at: Index,
    bit: u8,
    noise: Vec<u8>,
}

pub(crate) fn harm() -> impl Strategy<Value = Harm> {
    let noise = prop::collection::vec(any::<u8>(), 0..64);
    (any::<Index>(), 0..8u8, noise).prop_map(|(at, bit, noise)| Harm { at, bit, noise })
}

impl Harm {
    pub(crate) fn flipped(&self, bytes: &[u8]) -> Vec<u8> {
        let mut flipped = bytes.to_vec();
        flipped[self.at.index(bytes.len())] ^= 1 << self.bit;
        flipped
    }

    pub(crate) fn cut<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..self.at.index(bytes.len())]
    }

    pub(crate) fn noise(&self) -> &[u8] {
        &self.noise
    }
}

/// A value in an envelope.
pub(crate) fn survives<T>(version: u8, value: &T, harm: &Harm) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let sealed = envelope::seal(version, value);
    let opened: T = envelope::open(version, &sealed).expect("what was sealed opens");
    prop_assert_eq!(&opened, value);
    prop_assert_eq!(&envelope::seal(version, &opened), &sealed);

    prop_assert!(envelope::open::<T>(version, &harm.flipped(&sealed)).is_err(), "a flipped bit");
    prop_assert!(envelope::open::<T>(version, harm.cut(&sealed)).is_err(), "a cut");
    prop_assert!(envelope::open::<T>(version, harm.noise()).is_err(), "noise");
    let newer = envelope::open::<T>(version, &envelope::seal(version + 1, value));
    prop_assert_eq!(newer, Err(FormatError::Newer { found: version + 1, known: version }));
    survives_bare::<T>(&sealed[ENVELOPE_BYTES..], value, harm)
}

/// A value in the codec alone, such as a command: its checksum is that of the entry around it.
pub(crate) fn survives_in_codec<T>(value: &T, harm: &Harm) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    survives_bare(&codec::encode(value), value, harm)
}

fn survives_bare<T>(bytes: &[u8], value: &T, harm: &Harm) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let back: T = codec::decode(bytes).expect("what was encoded decodes");
    prop_assert_eq!(&back, value);
    prop_assert_eq!(codec::encode(&back), bytes);
    prop_assert!(codec::decode::<T>(harm.cut(bytes)).is_err(), "a cut");
    prop_assert!(codec::decode::<T>(&[bytes, &[0]].concat()).is_err(), "a byte too many");
    // Without a checksum these may mean something else. They must not panic.
    let _ = codec::decode::<T>(&harm.flipped(bytes));
    let _ = codec::decode::<T>(harm.noise());
    Ok(())
}
