//! Servers that are measured beside the program: a bare copy through hyper, and the storage's own writer behind one route.
//! Each is this bench again, in a process of its own.

use anyhow::Context as _;
use axum::body::Body;
use futures_util::StreamExt as _;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
    net::TcpListener,
};
use tokio_util::io::ReaderStream;
use weizhan::{
    app::SystemClock,
    config::Config,
    storage::{ObjectKey, Storage},
};

/// So much is read and written at once, as the storage does.
const PIECE_BYTES: usize = 256 << 10;

type Answer = anyhow::Result<Response<Body>>;

/// The bare program: a file as it is, and the body of a request as a file, flushed to the disk.
pub async fn bare(port: u16, folder: PathBuf) -> anyhow::Result<()> {
    serve(port, move |request: Request<Incoming>| {
        let folder = folder.clone();
        async move {
            let path = folder.join("bare.bin");
            if request.method() == Method::GET {
                let file = File::open(path).await?;
                let length = file.metadata().await?.len();
                let body = Body::from_stream(ReaderStream::with_capacity(file, PIECE_BYTES));
                return Ok(Response::builder().header("content-length", length).body(body)?);
            }
            let mut file = BufWriter::with_capacity(PIECE_BYTES, File::create(path).await?);
            let mut body = Body::new(request.into_body()).into_data_stream();
            while let Some(piece) = body.next().await {
                file.write_all(&piece?).await?;
            }
            file.flush().await?;
            file.get_ref().sync_all().await?;
            Ok(Response::new(Body::empty()))
        }
    })
    .await
}

/// The storage of these settings: the body of a request as an object.
pub async fn writer(port: u16, settings: PathBuf) -> anyhow::Result<()> {
    let config = Config::load(Some(&settings), std::iter::empty(), &[])?;
    let storage = Storage::open(&config, Arc::new(SystemClock)).await?;
    serve(port, move |request: Request<Incoming>| {
        let storage = storage.clone();
        async move {
            let mut writing = storage.write(&ObjectKey::parse("written.bin")?).await?;
            let mut body = Body::new(request.into_body()).into_data_stream();
            while let Some(piece) = body.next().await {
                writing.write(&piece?).await?;
            }
            writing.end().await?;
            Ok(Response::new(Body::empty()))
        }
    })
    .await
}

async fn serve<F>(port: u16, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static) -> anyhow::Result<()>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await.context("a free port")?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(request);
            async move {
                anyhow::Ok(answer.await.unwrap_or_else(|error| {
                    let mut response = Response::new(Body::from(format!("{error:#}")));
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    response
                }))
            }
        });
        // One client, which asks for one thing after the other.
        if let Err(error) =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        {
            eprintln!("{error}");
        }
    }
}
