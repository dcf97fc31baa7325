//! The pure cryptography of WeChat Pay API v3: who signed these bytes, and what do they hide.
//!
//! Nothing here reads a clock, a setting or the network, so the client and the simulator share it: what one
//! signs the other verifies with the same code, and each is also checked against the official vectors.
//!
//! **How to add an algorithm:** a file with one type that holds its key and cannot be printed, and a test that a
//! changed byte is refused. Callers choose the key; nothing here looks one up.

mod authorization;
mod key;
mod seal;

pub use authorization::{AUTHORIZATION_SCHEME, Authorization, AuthorizationError};
pub use key::{Certificate, KeyError, PrivateKey, PublicKey};
pub use seal::{ApiV3Key, SEAL_ALGORITHM};

/// What a request signs: five lines, each ended by a line feed, the last one too.
///
/// `path_and_query` is what goes on the wire, percent-encoded, without the host; `timestamp` is in seconds; a
/// request without a body signs an empty last line. Official page: 签名生成.
pub fn request_message(method: &str, path_and_query: &str, timestamp: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{method}\n{path_and_query}\n{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// What a reply or a notice signs: three lines over the raw body, never over JSON written again.
///
/// `timestamp` and `nonce` are the texts of their headers. Official page: 签名验证.
pub fn reply_message(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// What `wx.requestPayment` proves: four lines, `package` being `prepay_id=…`.
///
/// The appid is signed although the client never sends it. Official page: 小程序调起支付.
pub fn payment_message(appid: &str, timestamp: &str, nonce: &str, package: &str) -> Vec<u8> {
    format!("{appid}\n{timestamp}\n{nonce}\n{package}\n").into_bytes()
}

/// So many random letters and digits, from the operating system's generator.
///
/// 62 does not divide 256, so the eight highest values of a byte are skipped: every symbol is equally likely.
pub fn random_text(length: usize) -> String {
    const SYMBOLS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
        let fair = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(SYMBOLS[usize::from(byte % 62)]));
        text.extend(fair.take(length - text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ends_with_a_line_feed() {
        assert_eq!(request_message("GET", "/v3/x?a=1", 7, "n", b""), b"GET\n/v3/x?a=1\n7\nn\n\n");
        assert_eq!(reply_message("7", "n", b""), b"7\nn\n\n");
        assert_eq!(payment_message("wx", "7", "n", "prepay_id=1"), b"wx\n7\nn\nprepay_id=1\n");
    }

    #[test]
    fn random_text_is_as_long_as_asked_and_differs() {
        for length in [0, 1, 32, 200] {
            let text = random_text(length);
            assert_eq!(text.len(), length);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        }
        assert_ne!(random_text(32), random_text(32));
    }
}
