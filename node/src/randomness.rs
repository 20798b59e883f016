//! The only place that draws random numbers, and the only one that asks the system for entropy.
//! Everything else gets a `Randomness`, so that one seed repeats a whole run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use uuid::Uuid;

type Seed = [u8; 32];

/// A source of random numbers. Cheap to clone; clones draw from one sequence, so whoever draws in
/// a task of its own gets a [`fork`](Randomness::fork): then the order in which tasks run does not
/// change what each of them draws.
#[derive(Clone)]
pub struct Randomness {
    seed: Seed,
    sequence: Arc<Mutex<StdRng>>,
}

// The seed tells all ids to come: it does not belong into a log.
impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Randomness").finish_non_exhaustive()
    }
}

impl Randomness {
    /// Seeded by the system: what a node runs on.
    #[expect(clippy::disallowed_methods)] // This is the place.
    pub fn of_system() -> Self {
        Randomness::with(rand::random())
    }

    /// The same numbers for the same seed, in this version.
    pub fn seeded(seed: u64) -> Self {
        let mut whole = Seed::default();
        whole[..8].copy_from_slice(&seed.to_le_bytes());
        Randomness::with(whole)
    }

    fn with(seed: Seed) -> Self {
        Randomness { seed, sequence: Arc::new(Mutex::new(StdRng::from_seed(seed))) }
    }

    /// A sequence of its own for one user. It depends on the seed and the user's name alone, not
    /// on what was drawn before; two users of one name would draw the same.
    pub fn fork(&self, user: &str) -> Randomness {
        let mut seed = self.seed;
        for (byte, mixed) in seed.iter_mut().zip(name_hash(user).to_le_bytes()) {
            *byte ^= mixed;
        }
        let mut forked = Seed::default();
        // Not the parent's own sequence, even for a name whose hash is zero.
        seed[31] ^= 0x5a;
        StdRng::from_seed(seed).fill_bytes(&mut forked);
        Randomness::with(forked)
    }

    /// A whole number.
    pub fn number(&self) -> u64 {
        self.draw(|rng| rng.random())
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&self) -> f64 {
        self.draw(|rng| rng.random())
    }

    /// A random (version 4) id.
    pub fn uuid(&self) -> Uuid {
        self.draw(|rng| uuid::Builder::from_random_bytes(rng.random()).into_uuid())
    }

    fn draw<T>(&self, from: impl FnOnce(&mut StdRng) -> T) -> T {
        // A generator is whole after any panic.
        from(&mut self.sequence.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// FNV-1a: written out because the standard hasher may change between releases.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(randomness: &Randomness) -> Vec<Uuid> {
        (0..4).map(|_| randomness.uuid()).collect()
    }

    #[test]
    fn a_seed_repeats_its_numbers_and_another_one_does_not() {
        assert_eq!(ids(&Randomness::seeded(7)), ids(&Randomness::seeded(7)));
        assert_ne!(ids(&Randomness::seeded(7)), ids(&Randomness::seeded(8)));
        assert_ne!(ids(&Randomness::of_system()), ids(&Randomness::of_system()));
    }

    #[test]
    fn a_fork_depends_on_its_name_and_not_on_what_others_draw() {
        let (root, busy) = (Randomness::seeded(7), Randomness::seeded(7));
        ids(&busy);
        ids(&busy.fork("jitter"));
        let forked = ids(&root.fork("ids"));
        assert_eq!(forked, ids(&busy.fork("ids")));
        assert_ne!(forked, ids(&root.fork("jitter")));
        assert_ne!(forked, ids(&root));
    }

    #[test]
    fn clones_share_one_sequence() {
        let one = Randomness::seeded(7);
        let both = [one.clone().uuid(), one.uuid()];
        assert_eq!(both.as_slice(), &ids(&Randomness::seeded(7))[..2]);
    }

    #[test]
    fn numbers_stay_in_their_range_and_ids_are_of_version_4() {
        let randomness = Randomness::seeded(1);
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&randomness.unit()));
            assert_eq!(randomness.uuid().get_version_num(), 4);
        }
    }
}
