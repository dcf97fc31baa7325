//! Chance that can be had again: everything the matrix leaves to chance comes from its seed.

/// `SplitMix64`: good enough to choose moments, and the same on every machine.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Those of one round of one kind: they do not depend on which other kinds run.
    pub(super) fn new(seed: u64, kind: &str, round: u32) -> Self {
        // FNV-1a over the name.
        let name = kind
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(seed ^ name ^ u64::from(round).wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// A number below `bound`; zero when that is zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way_and_others_do_not() {
        let row = |seed, kind, round| {
            let mut dice = Dice::new(seed, kind, round);
            (0..8).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(row(7, "lost", 0), row(7, "lost", 0));
        for other in [row(8, "lost", 0), row(7, "late", 0), row(7, "lost", 1)] {
            assert_ne!(row(7, "lost", 0), other);
        }
        assert!(row(7, "lost", 0).iter().all(|number| *number < 1000));
        assert_eq!(Dice::new(1, "a", 0).below(0), 0);
    }
}
