//! WeChat Cloud Run (微信云托管) in front: its gateway names the caller in headers. Anybody else can send the same headers, so
//! they are taken off every request, and believed only with `server.cloud_run` and beside `X-WX-SOURCE`, which the
//! gateway sets on calls from within WeChat. Official page: 云托管, 获取用户信息.

use super::problem::Problem;
use crate::model::user::is_openid;
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, request::Parts},
};
use std::net::IpAddr;

/// Whom the gateway names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CloudCaller {
    /// The mini-program.
    pub(super) appid: String,
    /// The person in it.
    pub(super) openid: String,
    /// The person over all apps, where there is one.
    pub(super) unionid: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for CloudCaller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::of("cloud.caller_missing"))
    }
}

/// Take the headers off, and note whom they name if they can be believed. Gives the address of the client, if the gateway
/// says it: its own would be that of all of them.
pub(super) fn admit(trusted: bool, request: &mut Request) -> Option<IpAddr> {
    let headers = request.headers_mut();
    let mut named: Vec<HeaderName> = Vec::new();
    named.extend(headers.keys().filter(|name| name.as_str().starts_with("x-wx-")).cloned());
    if named.is_empty() {
        return None;
    }
    let from_wechat = trusted && text(headers, "x-wx-source").is_some();
    let (caller, ip) = if from_wechat { (caller(headers), client(headers)) } else { (None, None) };
    for name in named {
        headers.remove(name);
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    ip
}

/// The one value of a header; sent twice, it names nobody.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next()?.to_str().ok()?;
    (all.next().is_none() && !value.is_empty()).then_some(value)
}

fn caller(headers: &HeaderMap) -> Option<CloudCaller> {
    let openid = text(headers, "x-wx-openid").filter(|openid| is_openid(openid))?;
    let unionid = text(headers, "x-wx-unionid").filter(|unionid| is_openid(unionid));
    let appid = text(headers, "x-wx-appid")?;
    Some(CloudCaller { appid: appid.to_owned(), openid: openid.to_owned(), unionid: unionid.map(str::to_owned) })
}

fn client(headers: &HeaderMap) -> Option<IpAddr> {
    text(headers, "x-original-forwarded-for")?.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(headers: &[(&str, &str)]) -> Request {
        headers
            .iter()
            .fold(Request::builder(), |all, (name, value)| all.header(*name, *value))
            .body(Body::empty())
            .unwrap()
    }

    #[test]
    fn names_are_believed_only_of_the_gateway_and_never_reach_a_handler() {
        let all = [
            ("X-WX-SOURCE", "wx_client"),
            ("X-WX-OPENID", "oAbC"),
            ("X-WX-APPID", "wx1"),
            ("X-WX-UNIONID", "u1"),
            ("X-Original-Forwarded-For", "203.0.113.7"),
        ];
        let ip: IpAddr = "203.0.113.7".parse().unwrap();
        let caller = CloudCaller { appid: "wx1".to_owned(), openid: "oAbC".to_owned(), unionid: Some("u1".to_owned()) };
        let without = |name: &str| all.into_iter().filter(|(known, _)| *known != name).collect::<Vec<_>>();
        let twice: Vec<_> = all.into_iter().chain([("X-WX-OPENID", "oOther")]).collect();
        for (trusted, headers, expected) in [
            (true, all.to_vec(), (Some(caller), Some(ip))),
            (false, all.to_vec(), (None, None)),
            (true, without("X-WX-SOURCE"), (None, None)),
            (true, without("X-WX-OPENID"), (None, Some(ip))),
            (true, without("X-WX-APPID"), (None, Some(ip))),
            (true, twice, (None, Some(ip))),
        ] {
            let mut request = request(&headers);
            let found = admit(trusted, &mut request);
            assert_eq!((request.extensions().get::<CloudCaller>().cloned(), found), expected, "{headers:?}");
            assert!(request.headers().keys().all(|name| !name.as_str().starts_with("x-wx-")), "{headers:?}");
        }
    }
}
