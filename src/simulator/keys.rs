//! The RSA keys of this WeChat Pay and of its merchant: made once, kept in a folder, handed out as materials. The platform
//! certificate can be replaced on demand; the one that follows lives as long as the process.

use super::{Error, Materials, Options, Rotation};
use crate::wechat::pay::sign::{ApiV3Key, Certificate, KeyError, PrivateKey, PublicKey, random_text};
use std::{fs, path::Path, sync::OnceLock};

/// The keys in use. Three pairs: the merchant's, the platform certificate's and the WeChat Pay public key's.
#[derive(Debug)]
pub(super) struct Keys {
    /// Verifies requests and `paySign`.
    pub(super) merchant: PublicKey,
    /// Signs in platform-certificate mode.
    pub(super) platform: Platform,
    /// What takes its place, made when it is first asked for: RSA keys take long.
    next: OnceLock<Platform>,
    /// Signs in public-key mode.
    pub(super) public: PrivateKey,
    /// Seals notices and certificates.
    pub(super) seal: ApiV3Key,
    /// What a backend is given.
    pub(super) materials: Materials,
}

/// A platform certificate and its key.
#[derive(Debug)]
pub(super) struct Platform {
    /// Signs.
    pub(super) key: PrivateKey,
    /// Serial and validity.
    pub(super) certificate: Certificate,
    /// The certificate itself.
    pub(super) pem: String,
}

impl Platform {
    fn read(key_pem: &str, pem: String) -> Result<Self, KeyError> {
        let (_, certificate) = PublicKey::from_certificate_pem(&pem)?;
        Ok(Self { key: PrivateKey::from_pem(key_pem)?, certificate, pem })
    }

    fn make() -> Self {
        let (_, key_pem) = PrivateKey::generate().expect("the generator makes RSA keys of 2048 bits");
        let pem = certificate(&key_pem, "Simulated WeChat Pay platform").expect("a new key signs its own certificate");
        Self::read(&key_pem, pem).expect("what was just written can be read")
    }
}

/// The PEM texts and the key id, as the folder keeps them, a file each.
struct Texts {
    merchant_key: String,
    merchant_certificate: String,
    platform_key: String,
    platform_certificate: String,
    public_key: String,
    public_key_id: String,
}

const FILES: [&str; 6] = [
    "apiclient_key.pem",
    "apiclient_cert.pem",
    "simulator_platform_key.pem",
    "wechatpay_platform_cert.pem",
    "simulator_public_key_private_half.pem",
    "pub_key_id.txt",
];

impl Keys {
    /// Reads the folder's keys, or makes them.
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let texts = match &options.keys {
            None => make()?,
            Some(folder) => match read(folder) {
                Some(texts) => texts,
                None => keep(folder, make()?)?,
            },
        };
        let key = |error| Error::Keys(format!("{error}"));
        let merchant = PrivateKey::from_pem(&texts.merchant_key).map_err(key)?;
        let public = PrivateKey::from_pem(&texts.public_key).map_err(key)?;
        let (_, merchant_certificate) = PublicKey::from_certificate_pem(&texts.merchant_certificate).map_err(key)?;
        let platform = Platform::read(&texts.platform_key, texts.platform_certificate).map_err(key)?;
        let public_key_pem = public.public_key_pem();
        Ok(Self {
            merchant: PublicKey::from_pem(&merchant.public_key_pem()).map_err(key)?,
            public,
            next: OnceLock::new(),
            seal: ApiV3Key::new(&options.api_v3_key).map_err(key)?,
            materials: Materials {
                mchid: options.mchid.clone(),
                merchant_serial: merchant_certificate.serial,
                merchant_key_pem: texts.merchant_key,
                merchant_certificate_pem: texts.merchant_certificate,
                api_v3_key: options.api_v3_key.clone(),
                public_key_id: texts.public_key_id,
                public_key_pem,
                platform_certificate_pem: platform.pem.clone(),
                platform_serial: platform.certificate.serial.clone(),
            },
            platform,
        })
    }

    /// The certificates that are listed, and the one of them that signs.
    pub(super) fn platforms(&self, rotation: Rotation) -> (Vec<&Platform>, &Platform) {
        let (old, next) = (&self.platform, || self.next.get_or_init(Platform::make));
        match rotation {
            Rotation::Before => (vec![old], old),
            Rotation::Listed => (vec![old, next()], old),
            Rotation::Signing => (vec![old, next()], next()),
            Rotation::Over => (vec![next()], next()),
        }
    }
}

fn make() -> Result<Texts, Error> {
    let pair = || PrivateKey::generate().map(|(_, pem)| pem).map_err(|error| Error::Keys(error.to_string()));
    let (merchant_key, platform_key, public_key) = (pair()?, pair()?, pair()?);
    Ok(Texts {
        merchant_certificate: certificate(&merchant_key, "Simulated merchant")?,
        platform_certificate: certificate(&platform_key, "Simulated WeChat Pay platform")?,
        merchant_key,
        platform_key,
        public_key,
        public_key_id: format!("PUB_KEY_ID_{}", digits(28)),
    })
}

/// A self-signed certificate with a 20-byte serial. Real ones hang under a private root that nobody checks either:
/// a platform certificate is trusted because it came sealed with the `APIv3` key.
fn certificate(key_pem: &str, name: &str) -> Result<String, Error> {
    let broken = |error: rcgen::Error| Error::Keys(error.to_string());
    let pair = rcgen::KeyPair::from_pem(key_pem).map_err(broken)?;
    let mut serial = [0_u8; 20];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::Keys("no randomness".to_owned()))?;
    // 40 digits, none of them lost or added when written as a positive number.
    serial[0] = 0x10 | (serial[0] & 0x6f);
    let mut parameters = rcgen::CertificateParams::default();
    parameters.serial_number = Some(rcgen::SerialNumber::from_slice(&serial));
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    // Wide, so that a simulator whose clock was set anywhere near has a valid certificate.
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    Ok(parameters.self_signed(&pair).map_err(broken)?.pem())
}

/// So many random decimal digits.
pub(super) fn digits(count: usize) -> String {
    random_text(count).bytes().map(|symbol| char::from(b'0' + symbol % 10)).collect()
}

fn read(folder: &Path) -> Option<Texts> {
    let mut texts = FILES.into_iter().map(|name| fs::read_to_string(folder.join(name)).ok());
    let mut next = || texts.next().flatten();
    Some(Texts {
        merchant_key: next()?,
        merchant_certificate: next()?,
        platform_key: next()?,
        platform_certificate: next()?,
        public_key: next()?,
        public_key_id: next()?.trim().to_owned(),
    })
}

/// Writes a set beside the folder and moves it there as a whole, so that of several simulators started at the same
/// time all end up with the same set, and a kill leaves none that is half written.
fn keep(folder: &Path, texts: Texts) -> Result<Texts, Error> {
    let fresh = folder.with_extension(random_text(8));
    fs::create_dir_all(&fresh).map_err(Error::file(&fresh))?;
    let all = [
        &texts.merchant_key,
        &texts.merchant_certificate,
        &texts.platform_key,
        &texts.platform_certificate,
        &texts.public_key,
        &texts.public_key_id,
    ];
    for (name, text) in FILES.into_iter().zip(all) {
        fs::write(fresh.join(name), text).map_err(Error::file(&fresh))?;
    }
    // Never read back: it is there for whoever configures a backend by file name.
    let public = PrivateKey::from_pem(&texts.public_key).map_err(|error| Error::Keys(error.to_string()))?;
    fs::write(fresh.join("pub_key.pem"), public.public_key_pem()).map_err(Error::file(&fresh))?;
    let Err(error) = fs::rename(&fresh, folder) else { return Ok(texts) };
    fs::remove_dir_all(&fresh).map_err(Error::file(&fresh))?;
    // Somebody else was faster; or the folder holds other things, and then it must be said.
    read(folder).ok_or_else(|| Error::file(folder)(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::test::options;

    #[test]
    fn keys_are_made_once_and_kept() {
        let folder = tempfile::tempdir().expect("folder");
        let options = Options { keys: Some(folder.path().join("keys")), ..options() };
        let first = Keys::open(&options).expect("made").materials;
        let second = Keys::open(&options).expect("read").materials;
        assert_eq!(first.merchant_serial, second.merchant_serial);
        assert_eq!(first.public_key_pem, second.public_key_pem);
        assert_eq!(first.public_key_id, second.public_key_id);
        assert_eq!((first.merchant_serial.len(), first.platform_serial.len()), (40, 40));
        let written = fs::read_to_string(folder.path().join("keys/pub_key.pem")).expect("for other backends");
        assert_eq!(written, first.public_key_pem);
    }

    #[test]
    fn an_api_v3_key_of_another_length_is_refused() {
        let options = Options { api_v3_key: "short".to_owned(), ..options() };
        assert!(matches!(Keys::open(&options), Err(Error::Keys(_))));
    }
}
