//! A faithful Tencent COS, one bucket of it, and STS, on a port of its own: objects, lists, uploads in parts, forms,
//! temporary credentials.
//!
//! It verifies every signature, policy, token and condition, so that what passes here passes there. It can be reached
//! in the ways of the official SDKs: by the host of the bucket, by our address alone, or as a proxy. It shares with
//! the client (`storage::cos`) what both must mean alike, the signatures and the names in XML, and nothing else.
//!
//! **How to add an operation:** a case of [`CosOperation`], its line in `Asked::operation` and in
//! [`CosSimulator::carry_out`], its handler in the file of its noun.

mod access;
mod error;
mod fault;
mod form;
mod list;
mod multipart;
mod object;
mod policy;
mod request;
mod rest;
mod store;
mod token;

pub use fault::{CosFault, CosTrouble};
pub use request::CosOperation;

use super::{Error, ReplyLost, serve::serve_router};
use crate::{
    model::time::{Clock, Timestamp},
    wechat::pay::sign::random_text,
};
use access::Caller;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use error::{Outcome, Refusal, xml};
use policy::Act;
use request::Asked;
use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use store::Store;
use token::Tokens;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// Bodies that are no objects are short.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// How to start a [`CosSimulator`].
#[derive(Clone)]
pub struct CosOptions {
    /// The time of this COS: signatures, tokens, dates of objects.
    pub clock: Arc<dyn Clock>,
    /// Where objects are kept.
    pub folder: PathBuf,
    /// Name and account: `shop-1250000000`.
    pub bucket: String,
    /// `ap-guangzhou`.
    pub region: String,
    /// `SecretId` of the account.
    pub secret_id: String,
    /// `SecretKey` of it.
    pub secret_key: String,
}

impl std::fmt::Debug for CosOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CosOptions").field("bucket", &self.bucket).field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A running COS. Clones are the same one.
#[derive(Debug, Clone)]
pub struct CosSimulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: CosOptions,
    store: Arc<Store>,
    faults: Mutex<Vec<CosFault>>,
}

impl CosSimulator {
    /// Reads what is kept. Nothing runs yet: see [`serve`](Self::serve).
    pub fn new(options: CosOptions) -> Result<Self, Error> {
        let store = Arc::new(Store::open(&options.folder)?);
        Ok(Self(Arc::new(Inner { options, store, faults: Mutex::default() })))
    }

    /// Serves until told to stop.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        serve_router(listener, self.router(), stop, &TaskTracker::new()).await;
        Ok(())
    }

    /// The interface, for callers that serve it themselves.
    pub fn router(&self) -> Router {
        let cors = CorsLayer::new()
            .allow_origin(Any)
            .allow_methods(Any)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(Any);
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).layer(cors);
        router.with_state(self.clone())
    }

    /// Names and sizes of all objects, in the order of the names.
    pub fn objects(&self) -> Vec<(String, u64)> {
        let all = self.store().objects_from("", "");
        all.iter().map(|object| (object.key.clone(), object.bytes.size)).collect()
    }

    /// How many uploads in parts were begun and neither completed nor aborted.
    pub fn uploads(&self) -> usize {
        self.store().uploads("").len()
    }

    fn options(&self) -> &CosOptions {
        &self.0.options
    }

    fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    fn now(&self) -> Timestamp {
        self.options().clock.now()
    }

    fn tokens(&self) -> Tokens<'_> {
        Tokens(&self.options().secret_key)
    }

    #[expect(clippy::unused_self, reason = "all that makes names is asked of the simulator")]
    fn random(&self, length: usize) -> String {
        random_text(length)
    }

    fn request_id(&self) -> String {
        format!("sim-{}", self.random(24))
    }

    /// Whether a host is that of our bucket. An address by number, or `localhost`, has one bucket alone.
    fn bucket_of(&self, host: &str) -> Result<(), Refusal> {
        let bare = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let bucket = ["myqcloud.com", "tencentcos.cn"].into_iter().find_map(|domain| {
            let rest = bare.strip_suffix(domain)?.trim_end_matches('.');
            rest.strip_suffix(&self.options().region)?.trim_end_matches('.').strip_suffix("cos")
        });
        match bucket {
            None => Ok(()),
            Some("") => {
                let message = "Path-style addresses are not accepted: name the bucket in the host.";
                Err(Refusal::new(StatusCode::FORBIDDEN, "PathStyleDomainForbidden", message))
            }
            Some(bucket) if bucket.trim_end_matches('.') == self.options().bucket => Ok(()),
            Some(_) => Err(Refusal::missing("NoSuchBucket", "The specified bucket does not exist.")),
        }
    }

    fn may(&self, caller: &Caller, operation: CosOperation, key: &str, asked: &Asked) -> Result<(), Refusal> {
        let CosOptions { bucket, region, .. } = self.options();
        caller.may(&Act { operation, key, bucket, region, asked })
    }

    async fn carry_out(&self, operation: CosOperation, asked: &Asked, body: Body) -> Outcome {
        use CosOperation as Op;
        if operation == Op::PostObject {
            return self.post_object(asked, body).await;
        }
        let caller = self.caller(asked)?;
        match operation {
            // Each of its keys is asked about.
            Op::DeleteMultipleObjects => {}
            Op::GetBucket | Op::ListMultipartUploads => {
                self.may(&caller, operation, asked.param("prefix").unwrap_or_default(), asked)?;
            }
            _ => self.may(&caller, operation, asked.key(), asked)?,
        }
        match operation {
            Op::PutObject if asked.headers.contains_key("x-cos-copy-source") => self.copy(asked, &caller).await,
            Op::PutObject => self.put_object(asked, body).await,
            Op::GetObject | Op::HeadObject => self.get_object(asked).await,
            Op::DeleteObject => self.delete_object(asked).await,
            Op::DeleteMultipleObjects => self.delete_many(asked, &caller, &short(body).await?).await,
            Op::GetBucket => self.list(asked),
            Op::HeadBucket => Ok(Response::new(Body::empty())),
            Op::InitiateMultipartUpload => self.begin(asked).await,
            Op::UploadPart => self.part(asked, &caller, body).await,
            Op::ListParts => self.list_parts(asked),
            Op::CompleteMultipartUpload => self.complete(asked, &short(body).await?).await,
            Op::AbortMultipartUpload => self.abort(asked).await,
            Op::ListMultipartUploads => self.list_uploads(asked),
            Op::PostObject => unreachable!("was told apart above"),
        }
    }

    async fn ask(&self, asked: &Asked, body: Body) -> Outcome {
        self.bucket_of(&asked.host)?;
        let operation = asked.operation()?;
        let Some(trouble) = self.trouble(operation, asked.key()) else {
            return self.carry_out(operation, asked, body).await;
        };
        match trouble {
            CosTrouble::Refuse { status, code } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(Refusal::new(status, code, "A fault that was asked for."))
            }
            CosTrouble::RefuseInside { code } => {
                let refusal = Refusal::new(StatusCode::OK, code, "A fault that was asked for.");
                Ok(xml(StatusCode::OK, &refusal.document(&asked.path, &self.request_id())))
            }
            CosTrouble::ReplyLost => {
                let mut response = self.carry_out(operation, asked, body).await.unwrap_or_default();
                response.extensions_mut().insert(ReplyLost);
                Ok(response)
            }
            CosTrouble::Stall => std::future::pending().await,
            CosTrouble::BreakOff { after } => {
                let response = self.carry_out(operation, asked, body).await?;
                Ok(response.map(|body| fault::broken_off(body, after)))
            }
        }
    }
}

async fn answer(State(cos): State<CosSimulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (body, rest) = rest::split(body);
    let request_id = cos.request_id();
    let read = Asked::read(&parts);
    let mut response = match &read {
        Ok(asked) if asked.method == "POST" && asked.key().is_empty() && CosSimulator::is_sts(asked) => {
            match short(body).await {
                Ok(body) => cos.sts(asked, &body),
                Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            }
        }
        _ => {
            let outcome = match &read {
                Ok(asked) => cos.ask(asked, body).await,
                Err(refusal) => Err(refusal.clone()),
            };
            outcome.unwrap_or_else(|refusal| {
                tracing::debug!(code = %refusal.code, message = refusal.message, path = parts.uri.path(), "COS refuses");
                let told = xml(refusal.status, &refusal.document(parts.uri.path(), &request_id));
                if parts.method == "HEAD" { refusal.status.into_response() } else { told }
            })
        }
    };
    rest.read().await;
    let headers = response.headers_mut();
    object::insert(headers, "server", "tencent-cos");
    object::insert(headers, "x-cos-request-id", &request_id);
    object::insert(headers, "date", &object::http_date(cos.now()));
    response
}

/// A body that is no object.
async fn short(body: Body) -> Result<Bytes, Refusal> {
    let read = axum::body::to_bytes(body, DOCUMENT_BYTES_MAX).await;
    read.map_err(|_| Refusal::bad("IncompleteBody", "The body broke off or is too long."))
}
