//! Being told to stop.

/// Resolves when the process is told to stop, with what told it.
#[cfg(unix)]
pub(super) async fn asked_to_stop() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// Resolves when the process is told to stop, with what told it.
#[cfg(not(unix))]
pub(super) async fn asked_to_stop() -> std::io::Result<&'static str> {
    tokio::signal::ctrl_c().await?;
    Ok("Ctrl-C")
}
