//! Numbers that nobody can foresee.

/// So many random bytes.
pub fn random_bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system always has random bytes");
    bytes
}

/// A random number from 0 up to, but not including, `below`.
pub fn random_number(below: u64) -> u64 {
    // 64 random bits against bounds below a million: the bias is beyond measure.
    u64::from_le_bytes(random_bytes()) % below.max(1)
}
