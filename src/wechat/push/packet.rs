//! The pure cryptography of message push: who signed a message, and what does its packet hide. Official page: 消息推送.
//!
//! Like `pay::sign` it reads no clock, setting or network, so the client and the simulator share it.

use aws_lc_rs::{
    cipher::{AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time, digest,
    iv::FixedLength,
};
use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

/// `EncodingAESKey` is cut from 33 random bytes: the two bits that its last letter has too many may be set.
const KEY_TEXT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
/// Packets are padded to a multiple of this, although a block of AES has 16 bytes.
const BLOCK: usize = 32;
/// Random bytes and the length before the message.
const HEAD: usize = 20;

/// Why a packet does not open, or a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Not 43 letters of base64.
    #[error("the 43 letters of EncodingAESKey are expected")]
    Key,
    /// Not base64, not whole blocks, or wrongly padded.
    #[error("the packet does not open with this key")]
    Sealed,
    /// It was sealed for another mini-program.
    #[error("the packet is for another mini-program")]
    AppDiffers,
}

/// The signature over some texts: SHA-1 over all of them, sorted, in hexadecimal.
///
/// It is `signature` over token, timestamp and nonce, and `msg_signature` over these and the packet.
pub fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, sorted.concat().as_bytes()))
}

/// Whether that is their signature; how long it takes says nothing about it.
pub fn is_signed(parts: &[&str], claimed: &str) -> bool {
    constant_time::verify_slices_are_equal(signature(parts).as_bytes(), claimed.as_bytes()).is_ok()
}

/// The key of `EncodingAESKey`. It cannot be printed.
#[derive(Clone)]
pub struct PushKey([u8; 32]);

impl std::fmt::Debug for PushKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushKey(…)")
    }
}

impl PushKey {
    /// Reads the 43 letters of the console.
    pub fn new(encoding_aes_key: &str) -> Result<Self, PacketError> {
        let bytes = KEY_TEXT.decode(format!("{encoding_aes_key}=")).map_err(|_| PacketError::Key)?;
        bytes.try_into().map(Self).map_err(|_| PacketError::Key)
    }

    fn iv(&self) -> FixedLength<16> {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.0[..16]);
        FixedLength::from(iv)
    }

    fn unbound(&self) -> Result<UnboundCipherKey, PacketError> {
        UnboundCipherKey::new(&AES_256, &self.0).map_err(|_| PacketError::Key)
    }

    /// Opens a packet for this mini-program: the message as it was sealed.
    ///
    /// Whoever calls this has checked the signature over the packet, so how it fails tells a stranger nothing.
    pub fn open(&self, packet: &str, appid: &str) -> Result<Vec<u8>, PacketError> {
        let mut bytes = STANDARD.decode(packet).map_err(|_| PacketError::Sealed)?;
        let key = DecryptingKey::cbc(self.unbound()?).map_err(|_| PacketError::Key)?;
        let plain = key.decrypt(&mut bytes, DecryptionContext::Iv128(self.iv())).map_err(|_| PacketError::Sealed)?;
        let plain = unpadded(plain).ok_or(PacketError::Sealed)?;
        let (head, rest) = plain.split_at_checked(HEAD).ok_or(PacketError::Sealed)?;
        let length = u32::from_be_bytes([head[16], head[17], head[18], head[19]]);
        let length = usize::try_from(length).map_err(|_| PacketError::Sealed)?;
        let (message, owner) = rest.split_at_checked(length).ok_or(PacketError::Sealed)?;
        if owner == appid.as_bytes() { Ok(message.to_vec()) } else { Err(PacketError::AppDiffers) }
    }

    /// Seals a message for a mini-program behind 16 random bytes.
    pub fn seal(&self, random: [u8; 16], message: &[u8], appid: &str) -> Result<String, PacketError> {
        let length = u32::try_from(message.len()).map_err(|_| PacketError::Sealed)?;
        let mut bytes = [random.as_slice(), &length.to_be_bytes(), message, appid.as_bytes()].concat();
        let pad = BLOCK - bytes.len() % BLOCK;
        bytes.resize(bytes.len() + pad, u8::try_from(pad).map_err(|_| PacketError::Sealed)?);
        let key = EncryptingKey::cbc(self.unbound()?).map_err(|_| PacketError::Key)?;
        key.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(self.iv())).map_err(|_| PacketError::Sealed)?;
        Ok(STANDARD.encode(bytes))
    }
}

/// Without its padding: 1 to 32 bytes that all say how many they are.
fn unpadded(plain: &[u8]) -> Option<&[u8]> {
    let pad = usize::from(*plain.last()?);
    if pad == 0 || pad > BLOCK {
        return None;
    }
    let (rest, padding) = plain.split_at_checked(plain.len().checked_sub(pad)?)?;
    padding.iter().all(|byte| usize::from(*byte) == pad).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAAAA";
    const APPID: &str = "wxba5fad812f8e6fb9";
    const PACKET: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzaz\
        hZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2k\
        m32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";

    fn key() -> PushKey {
        PushKey::new(&"A".repeat(43)).expect("key")
    }

    #[test]
    fn the_published_signatures_come_out() {
        for (timestamp, nonce, expected) in [
            ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
            ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
            ("1714112445", "415670741", "6c5c811b55cc85e0e1b54100749188c20beb3f5d"),
        ] {
            assert_eq!(signature(&[TOKEN, timestamp, nonce]), expected);
            assert_eq!(signature(&[nonce, TOKEN, timestamp]), expected, "in any order");
            assert!(is_signed(&[TOKEN, timestamp, nonce], expected));
            assert!(!is_signed(&[TOKEN, timestamp, nonce], &expected[1..]));
            assert!(!is_signed(&["AAAAB", timestamp, nonce], expected));
        }
        let parts = [TOKEN, "1714112445", "415670741", PACKET];
        assert!(is_signed(&parts, "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"));
    }

    #[test]
    fn the_published_packet_opens_although_its_padding_exceeds_a_block() {
        let message = key().open(PACKET, APPID).expect("open");
        assert_eq!(message.len(), 167);
        let message: serde_json::Value = serde_json::from_slice(&message).expect("JSON");
        assert_eq!((&message["Event"], &message["CreateTime"]), (&"debug_demo".into(), &1_714_112_445.into()));
        assert_eq!(key().open(PACKET, "wx0000000000000000"), Err(PacketError::AppDiffers));
    }

    #[test]
    fn the_published_reply_is_sealed_alike() {
        let sealed = key().seal(*b"707722b803182950", br#"{"demo_resp":"good luck"}"#, APPID).expect("seal");
        let expected = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";
        assert_eq!(sealed, expected);
        let parts = [TOKEN, "1713424427", "415670741", &sealed];
        assert_eq!(signature(&parts), "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1");
    }

    #[test]
    fn every_length_comes_back_and_nothing_altered_does() {
        // The last letter carries two bits more than 32 bytes need.
        let key = PushKey::new("kQ3vX8mB1nZ6cR5tY7uW2eP9aS4dF0gHjLkMoIpUqTz").expect("key");
        for length in 0..100 {
            let message = vec![b'm'; length];
            let sealed = key.seal([7; 16], &message, APPID).expect("seal");
            assert_eq!(key.open(&sealed, APPID), Ok(message), "{length}");
            let mut bytes = STANDARD.decode(&sealed).expect("base64");
            assert_eq!(bytes.len() % BLOCK, 0);
            *bytes.last_mut().expect("bytes") ^= 0x40;
            assert_eq!(key.open(&STANDARD.encode(bytes), APPID), Err(PacketError::Sealed), "{length}");
        }
        for packet in ["", "AAAA", "not base64", &STANDARD.encode([0; 33]), &STANDARD.encode([0; 64])] {
            assert_eq!(key.open(packet, APPID), Err(PacketError::Sealed), "{packet}");
        }
        for text in ["", "A", &"A".repeat(42), &"A".repeat(44), &"*".repeat(43)] {
            assert!(PushKey::new(text).is_err(), "{text}");
        }
        assert_eq!(format!("{key:?}"), "PushKey(…)");
    }
}
