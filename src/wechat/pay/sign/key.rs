//! RSA keys: the merchant's, which signs, and WeChat Pay's, which verifies.

use crate::model::time::Timestamp;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject,
};
use std::sync::Arc;

/// Why a key, a certificate or a sealed text cannot be used. It never quotes the material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM section of the kind that was expected.
    #[error("not PEM of the expected kind")]
    Pem,
    /// PEM, but no usable RSA key of 2048 to 8192 bits within it.
    #[error("not an RSA key of at least 2048 bits")]
    Rsa,
    /// PEM, but no X.509 certificate within it.
    #[error("not an X.509 certificate")]
    Certificate,
    /// An `APIv3` key is 32 bytes long.
    #[error("an APIv3 key has exactly 32 bytes")]
    Length,
    /// The sealed text is damaged, or was sealed with another key.
    #[error("the sealed text does not open with this key")]
    Sealed,
    /// The generator gave no key.
    #[error("no key could be made")]
    Generate,
}

/// The merchant's API key (`apiclient_key.pem`): signs requests and `wx.requestPayment`.
pub struct PrivateKey(KeyPair);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// Reads the first private key of a PEM text: PKCS#8, which WeChat Pay gives out, or PKCS#1.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if let Ok(key) = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()) {
            return KeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Self).map_err(|_| KeyError::Rsa);
        }
        let key = PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        KeyPair::from_der(key.secret_pkcs1_der()).map(Self).map_err(|_| KeyError::Rsa)
    }

    /// A new key of 2048 bits and its PKCS#8 PEM, for simulators and tests. Takes a good part of a second.
    pub fn generate() -> Result<(Self, String), KeyError> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
        let der: Pkcs8V1Der<'static> = key.as_der().map_err(|_| KeyError::Generate)?;
        let text = pem("PRIVATE KEY", der.as_ref());
        Ok((Self(key), text))
    }

    /// RSA PKCS#1 v1.5 over SHA-256, in base64 on one line: WeChat's `WECHATPAY2-SHA256-RSA2048`.
    pub fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a key that was accepted signs into a buffer of its own size");
        STANDARD.encode(signature)
    }

    /// The public half as `SubjectPublicKeyInfo` PEM, in the form of WeChat's `pub_key.pem`.
    pub fn public_key_pem(&self) -> String {
        let der: PublicKeyX509Der<'static> = self.0.public_key().as_der().expect("a parsed key can be written again");
        pem("PUBLIC KEY", der.as_ref())
    }
}

/// A key of WeChat Pay that verifies replies and notices: the public key, or one within a platform certificate.
#[derive(Clone)]
pub struct PublicKey(Arc<ParsedPublicKey>);

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey(…)")
    }
}

/// What a platform certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The serial number in upper-case hexadecimal, as `Wechatpay-Serial` carries it.
    pub serial: String,
    /// The first moment of its validity.
    pub not_before: Timestamp,
    /// The last moment of its validity.
    pub not_after: Timestamp,
}

impl PublicKey {
    /// Reads a `PUBLIC KEY` PEM (`pub_key.pem`).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        Self::from_spki(&der)
    }

    /// Reads the key and the particulars of a `CERTIFICATE` PEM. Trust is the caller's affair: WeChat Pay's chain is
    /// private, a platform certificate is trusted because it came sealed with our `APIv3` key.
    pub fn from_certificate_pem(pem: &str) -> Result<(Self, Certificate), KeyError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|_| KeyError::Certificate)?;
        let validity = certificate.validity();
        let serial = hex::encode_upper(certificate.raw_serial());
        let particulars = Certificate {
            // DER puts a zero byte before a number whose first bit is set; WeChat does not.
            serial: serial.strip_prefix("00").map(str::to_owned).unwrap_or(serial),
            not_before: Timestamp::from_seconds(validity.not_before.timestamp()),
            not_after: Timestamp::from_seconds(validity.not_after.timestamp()),
        };
        Ok((Self::from_spki(certificate.public_key().raw)?, particulars))
    }

    /// Whether this key made that signature, given in strict base64. Text that is no base64, WeChat's
    /// `WECHATPAY/SIGNTEST/` probe among it, is simply no signature.
    pub fn verify(&self, message: &[u8], signature_base64: &str) -> bool {
        STANDARD.decode(signature_base64).is_ok_and(|signature| self.0.verify_sig(message, &signature).is_ok())
    }

    fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| KeyError::Rsa)?;
        Ok(Self(Arc::new(key)))
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let base64 = STANDARD.encode(der);
    for (place, symbol) in base64.char_indices() {
        if place > 0 && place % 64 == 0 {
            text.push('\n');
        }
        text.push(symbol);
    }
    text + "\n-----END " + label + "-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_signs_only_its_public_half_verifies() {
        let (key, pem) = PrivateKey::generate().expect("key");
        let again = PrivateKey::from_pem(&pem).expect("PKCS#8");
        let public = PublicKey::from_pem(&key.public_key_pem()).expect("SPKI");
        let other = PublicKey::from_pem(&PrivateKey::generate().expect("key").0.public_key_pem()).expect("SPKI");
        let signature = again.sign(b"message");
        assert!(public.verify(b"message", &signature));
        assert!(!public.verify(b"messagf", &signature));
        assert!(!other.verify(b"message", &signature));
        for bad in ["", "WECHATPAY/SIGNTEST/x", &signature[..343], &format!("{signature}\n"), &format!("A{signature}")]
        {
            assert!(!public.verify(b"message", bad), "{bad}");
        }
    }

    #[test]
    fn a_certificate_gives_its_key_and_its_serial() {
        let (key, pem) = PrivateKey::generate().expect("key");
        let pair = rcgen::KeyPair::from_pem(&pem).expect("pair");
        for (bytes, serial) in [([0xAB_u8, 0x01], "AB01"), ([0x0A, 0x10], "0A10")] {
            let mut parameters = rcgen::CertificateParams::default();
            parameters.serial_number = Some(rcgen::SerialNumber::from_slice(&bytes));
            parameters.not_before = rcgen::date_time_ymd(2025, 1, 2);
            parameters.not_after = rcgen::date_time_ymd(2030, 1, 2);
            let certificate = parameters.self_signed(&pair).expect("certificate").pem();
            let (public, particulars) = PublicKey::from_certificate_pem(&certificate).expect("parsed");
            assert_eq!(particulars.serial, serial);
            assert_eq!(particulars.not_before.rfc3339(), "2025-01-02T08:00:00+08:00");
            assert_eq!(particulars.not_after.rfc3339(), "2030-01-02T08:00:00+08:00");
            assert!(public.verify(b"x", &key.sign(b"x")));
        }
    }

    #[test]
    fn material_of_another_kind_is_refused() {
        let (key, pem) = PrivateKey::generate().expect("key");
        assert_eq!(PrivateKey::from_pem("").err(), Some(KeyError::Pem));
        assert_eq!(PrivateKey::from_pem(&key.public_key_pem()).err(), Some(KeyError::Pem));
        assert_eq!(PublicKey::from_pem(&pem).err(), Some(KeyError::Pem));
        assert_eq!(PublicKey::from_certificate_pem(&pem).err(), Some(KeyError::Pem));
        let curve = rcgen::KeyPair::generate().expect("P-256");
        assert_eq!(PrivateKey::from_pem(&curve.serialize_pem()).err(), Some(KeyError::Rsa));
        assert_eq!(PublicKey::from_pem(&curve.public_key_pem()).err(), Some(KeyError::Rsa));
        assert!(!format!("{key:?}").contains("MII"));
    }
}
