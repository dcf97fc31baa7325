//! Addresses of proxies: single ones, or networks such as those of pods and load balancers, which change.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, net::IpAddr, str::FromStr};

/// An address or a network: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Several of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Whether an address lies in one of them.
    pub fn contains(&self, address: &IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(*address))
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        // On the left, so that a prefix means the same in both families.
        IpAddr::V4(four) => ((four.to_bits() as u128) << 96, 32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let ((own, width), (other, other_width)) = (bits(self.address), bits(address.to_canonical()));
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        width == other_width && own & mask == other & mask
    }
}

impl FromStr for Network {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "an address or a network such as 10.0.0.0/8 is expected";
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        let width = bits(address).1;
        let prefix = prefix.map_or(Ok(width), |prefix| prefix.parse().map_err(|_| EXPECTED))?;
        if prefix == 0 || prefix > width {
            return Err("a network of everybody trusts everybody, and no prefix is longer than its address");
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == bits(self.address).1 {
            return self.address.fmt(f);
        }
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_network_and_in_no_other() {
        let within = |network: &str, address: &str| {
            network.parse::<Network>().expect("network").contains(address.parse().expect("address"))
        };
        for (network, address, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("172.28.5.128/25", "172.28.5.127", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe00::1", false),
            ("fd00::/8", "10.0.0.1", false),
            ("::1", "::1", true),
        ] {
            assert_eq!(within(network, address), expected, "{address} in {network}");
        }
        for wrong in ["", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0/8", "10.0.0.0/-1", "shop"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        assert_eq!("10.0.0.0/8".parse::<Network>().expect("network").to_string(), "10.0.0.0/8");
        assert_eq!("::1".parse::<Network>().expect("network").to_string(), "::1");
    }
}
