//! How many are distinct, from a few kilobytes: `HyperLogLog` (Flajolet, Fusy, Gandouet and Meunier, 2007).

/// Bits of a hash that choose a register.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;

/// How far an estimate is off at most, three times the standard error of 1.04/√4096: 997 of 1,000 are nearer.
pub const ERROR_PERCENT: i64 = 5;

/// A set of which only the size is asked. Sketches of parts make the sketch of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch(Vec<u8>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

/// FNV-1a, stirred until every bit of it depends on every byte.
fn hash(text: &str) -> u64 {
    let mut hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

impl Sketch {
    /// As it was stored; what is no sketch is an empty one.
    pub fn of_registers(registers: Vec<u8>) -> Self {
        if registers.len() == REGISTERS { Self(registers) } else { Self::default() }
    }
    /// As it is stored: 4,096 bytes.
    pub fn registers(&self) -> &[u8] {
        &self.0
    }
    /// One more; the same twice changes nothing. Whether it changed anything.
    pub fn insert(&mut self, text: &str) -> bool {
        let hash = hash(text);
        let rank = u8::try_from((hash << BITS).leading_zeros().min(64 - BITS) + 1).unwrap_or(u8::MAX);
        let place = usize::try_from(hash >> (64 - BITS)).unwrap_or(0);
        let Some(register) = self.0.get_mut(place) else { return false };
        let grows = *register < rank;
        *register = rank.max(*register);
        grows
    }
    /// All that are in either.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own = (*own).max(*other));
    }
    /// About how many are distinct; see [`ERROR_PERCENT`].
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate far below 2^53")]
    pub fn estimate(&self) -> i64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|rank| (-f64::from(*rank)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty: f64 = self.0.iter().map(|rank| f64::from(u8::from(*rank == 0))).sum();
        // Few in many registers are better counted by how many of those are empty.
        let few = raw <= 2.5 * registers && empty > 0.0;
        (if few { registers * (registers / empty).ln() } else { raw }).round() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_the_bound_and_parts_make_the_whole() {
        let (mut whole, mut parts) = (Sketch::default(), [Sketch::default(), Sketch::default()]);
        let mut next = 0_i64;
        for count in [0, 1, 10, 100, 1_000, 5_000, 10_000, 12_000, 50_000, 300_000] {
            while next < count {
                let name = format!("u{next}");
                whole.insert(&name);
                parts[usize::try_from(next % 2).expect("0 or 1")].insert(&name);
                assert!(!whole.insert(&name), "the same once more");
                next += 1;
            }
            let off = (whole.estimate() - count).abs();
            assert!(off * 100 <= count * ERROR_PERCENT, "{count}: off by {off}");
            let mut merged = parts[0].clone();
            merged.merge(&parts[1]);
            assert_eq!(merged, whole);
        }
        assert_eq!(Sketch::of_registers(whole.registers().to_vec()), whole);
        assert_eq!(Sketch::of_registers(vec![1]), Sketch::default());
    }
}
