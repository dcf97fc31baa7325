//! The keys that verify WeChat Pay: its public key from the settings, and the platform certificates it publishes.
//! While a merchant is moved from one to the other both sign, so both may be held.

use super::{
    proof::{NoticeReason, Proof},
    sign::{KeyError, PublicKey, SEAL_ALGORITHM},
};
use crate::{
    model::time::Timestamp,
    wechat::{Error, ErrorKind, Wechat, transport::Reply},
};
use axum::http::Method;
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

const OPERATION: &str = "certificates";
/// At most one download in this time, whoever asks: an unknown serial costs a stranger nothing to write.
const ATTEMPT_INTERVAL: Duration = Duration::from_mins(1);
/// WeChat asks for less than 12 hours between two looks at the list.
const LIST_AGE_MAX: Duration = Duration::from_hours(11);

type Certificates = HashMap<String, (PublicKey, Timestamp)>;

/// All keys by their serial.
pub(super) struct KeyRing {
    public_key: Option<(String, PublicKey)>,
    downloads: bool,
    certificates: RwLock<(Certificates, Option<Timestamp>)>,
    attempt: tokio::sync::Mutex<Attempt>,
}

#[derive(Default)]
struct Attempt {
    last: Option<Timestamp>,
    failure: Option<Error>,
}

impl KeyRing {
    pub(super) fn new(public_key: Option<(String, PublicKey)>, downloads: bool) -> Self {
        Self { public_key, downloads, certificates: RwLock::default(), attempt: tokio::sync::Mutex::default() }
    }

    /// The id that asks WeChat Pay to sign with the public key.
    pub(super) fn public_key_id(&self) -> Option<&str> {
        self.public_key.as_ref().map(|(id, _)| id.as_str())
    }

    /// The key of exactly this serial, unless its certificate has ended.
    pub(super) fn find(&self, serial: &str, now: Timestamp) -> Option<PublicKey> {
        if let Some((_, key)) = self.public_key.as_ref().filter(|(id, _)| id == serial) {
            return Some(key.clone());
        }
        let held = self.certificates.read().unwrap_or_else(PoisonError::into_inner);
        held.0.get(serial).filter(|(_, end)| now <= *end).map(|(key, _)| key.clone())
    }

    fn is_stale(&self, now: Timestamp) -> bool {
        let held = self.certificates.read().unwrap_or_else(PoisonError::into_inner);
        self.downloads && held.1.is_none_or(|fetched| now.since(fetched) >= LIST_AGE_MAX)
    }

    fn replace(&self, certificates: Certificates, now: Timestamp) {
        *self.certificates.write().unwrap_or_else(PoisonError::into_inner) = (certificates, Some(now));
    }
}

#[derive(Deserialize)]
struct List {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    serial_no: String,
    encrypt_certificate: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    algorithm: String,
    nonce: String,
    #[serde(default)]
    associated_data: String,
    ciphertext: String,
}

impl Wechat {
    /// The platform certificates at hand: serial number and end.
    pub fn certificate_ends(&self) -> Vec<(String, Timestamp)> {
        let held = self.0.merchant.keys.certificates.read().unwrap_or_else(PoisonError::into_inner);
        held.0.iter().map(|(serial, (_, end))| (serial.clone(), *end)).collect()
    }

    /// The key of this serial; an unknown one may cost one download. `None`: WeChat Pay has no such key. An error:
    /// its list could not be had.
    pub(super) async fn pay_key(&self, serial: &str) -> Result<Option<PublicKey>, Error> {
        let ring = &self.0.merchant.keys;
        let now = self.0.clock.now();
        let key = ring.find(serial, now);
        if !ring.downloads || (key.is_some() && !ring.is_stale(now)) {
            return Ok(key);
        }
        // In a task of its own: a caller who hangs up must not be able to stop a download, nor to use up the one
        // attempt of this minute.
        let (this, wanted, known) = (self.clone(), serial.to_owned(), key.is_some());
        let refresh = self.0.tasks.spawn(async move { this.refresh_certificates(&wanted, known).await });
        if known {
            return Ok(key);
        }
        let failure = refresh.await.unwrap_or_else(|_| Some(Error::new(OPERATION, ErrorKind::Busy, "interrupted")));
        match (ring.find(serial, now), failure) {
            (None, Some(failure)) => Err(failure),
            (key, _) => Ok(key),
        }
    }

    /// Downloads the list unless that was tried within a minute. Gives the failure of the last attempt.
    async fn refresh_certificates(&self, serial: &str, known: bool) -> Option<Error> {
        let ring = &self.0.merchant.keys;
        let mut attempt = if known {
            // A key is at hand: no need to queue behind a look at the list that another has begun.
            ring.attempt.try_lock().ok()?
        } else {
            ring.attempt.lock().await
        };
        let now = self.0.clock.now();
        if ring.find(serial, now).is_some() && !ring.is_stale(now) {
            return None;
        }
        if attempt.last.is_some_and(|last| now.since(last) < ATTEMPT_INTERVAL) {
            return attempt.failure.clone();
        }
        attempt.last = Some(now);
        attempt.failure = match self.download_certificates().await {
            Ok(certificates) => {
                tracing::info!(count = certificates.len(), "platform certificates downloaded");
                ring.replace(certificates, now);
                None
            }
            Err(error) => {
                tracing::warn!(%error, "platform certificates could not be downloaded");
                Some(error)
            }
        };
        attempt.failure.clone()
    }

    /// Whether WeChat Pay takes our signature and we take its: asks for the list of certificates, whether they are used or
    /// not, and gives their serials and ends. What goes wrong names what is wrong: `SIGN_ERROR` the merchant's key or serial,
    /// `pay.api_v3_key` that key, a forged reply the key of WeChat Pay. A merchant without certificates hears
    /// `RESOURCE_NOT_EXISTS`, which also shows that our signature is taken.
    pub async fn try_keys(&self) -> Result<Vec<(String, Timestamp)>, Error> {
        let listed = self.download_certificates().await?;
        Ok(listed.into_iter().map(|(serial, (_, end))| (serial, end)).collect())
    }

    /// Official page: 下载平台证书.
    async fn download_certificates(&self) -> Result<Certificates, Error> {
        let url = self.pay_address(&["v3", "certificates"]);
        let once = async || {
            let began = Instant::now();
            let reply = self.pay_exchange(OPERATION, &Method::GET, &url, None).await;
            let result = reply.and_then(|reply| self.read_certificates(&reply));
            self.0.meter.note(OPERATION, &result, began.elapsed());
            result
        };
        match once().await {
            Err(error) if error.code() == NoticeReason::Probe.as_str() => once().await,
            other => other,
        }
    }

    /// The list is signed by a key that may be within it, so it is opened first and verified after; what makes it
    /// WeChat's is that it opens with our `APIv3` key.
    fn read_certificates(&self, reply: &Reply) -> Result<Certificates, Error> {
        let unreadable = |error| Error::new(OPERATION, ErrorKind::Busy, "unreadable").because(error);
        let list: List = serde_json::from_slice(&reply.body).map_err(unreadable)?;
        let open = |item: Item| self.open_certificate(&item).map(|held| (item.serial_no, held));
        let opened: Result<Certificates, KeyError> = list.data.into_iter().map(open).collect();
        let certificates = opened.map_err(|error| Error::setting("pay.api_v3_key", error))?;
        let now = self.0.clock.now();
        let checked = Proof::read(&reply.headers, now).and_then(|proof| {
            let listed = certificates.get(proof.serial).map(|(key, _)| key.clone());
            let key = listed.or_else(|| self.0.merchant.keys.find(proof.serial, now));
            proof.verify(&key.ok_or(NoticeReason::SerialUnknown)?, &reply.body)
        });
        match checked {
            Ok(()) => Ok(certificates),
            Err(reason) => Err(Error::new(OPERATION, ErrorKind::Forged, reason.as_str())),
        }
    }

    fn open_certificate(&self, item: &Item) -> Result<(PublicKey, Timestamp), KeyError> {
        let sealed = &item.encrypt_certificate;
        if sealed.algorithm != SEAL_ALGORITHM {
            return Err(KeyError::Sealed);
        }
        let pem = self.0.merchant.open(&sealed.nonce, &sealed.associated_data, &sealed.ciphertext)?;
        let pem = std::str::from_utf8(&pem).map_err(|_| KeyError::Pem)?;
        let (key, particulars) = PublicKey::from_certificate_pem(pem)?;
        if !particulars.serial.eq_ignore_ascii_case(&item.serial_no) {
            return Err(KeyError::Certificate);
        }
        Ok((key, particulars.not_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::desk::{Desk, Signer};

    const UNKNOWN: &str = r#"{"code":"RESOURCE_NOT_EXISTS","message":"none"}"#;

    async fn serial_is_known(desk: &Desk, serial: &str) -> Result<bool, ErrorKind> {
        desk.wechat.pay_key(serial).await.map(|key| key.is_some()).map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn the_list_is_downloaded_when_needed_and_once_a_minute_at_most() {
        let desk = Desk::open(true).await;
        desk.say_certificates(Signer::Certificate);
        let crowd = (0..10).map(|_| serial_is_known(&desk, "7A01"));
        let all = futures_util::future::join_all(crowd).await;
        assert!(all.into_iter().all(|known| known == Ok(true)));
        for _ in 0..5 {
            assert_eq!(serial_is_known(&desk, "FFFF").await, Ok(false));
        }
        assert_eq!(desk.lines(), ["GET /v3/certificates"]);
        desk.clock.advance(ATTEMPT_INTERVAL);
        desk.say_certificates(Signer::Certificate);
        assert_eq!(serial_is_known(&desk, "FFFF").await, Ok(false));
        assert_eq!(desk.lines().len(), 1);
    }

    #[tokio::test]
    async fn a_list_that_is_not_signed_from_within_is_refused() {
        for (signer, kind) in [(Signer::Nobody, ErrorKind::Forged), (Signer::Stranger, ErrorKind::Forged)] {
            let desk = Desk::open(true).await;
            desk.say_certificates(signer);
            assert_eq!(serial_is_known(&desk, "7A01").await, Err(kind), "{signer:?}");
        }
        let desk = Desk::open(true).await;
        desk.say(404, UNKNOWN, Signer::Nobody);
        assert_eq!(serial_is_known(&desk, "7A01").await, Err(ErrorKind::Missing));
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_does_not_stop_the_download() {
        let desk = Desk::open(true).await;
        desk.say_certificates(Signer::Certificate);
        {
            let mut asking = std::pin::pin!(desk.wechat.pay_key("7A01"));
            assert!(futures_util::poll!(asking.as_mut()).is_pending());
        }
        assert_eq!(serial_is_known(&desk, "7A01").await, Ok(true));
        assert_eq!(desk.lines().len(), 1);
    }
}
