//! A program that another one started ends with it, even when that one is killed.

use std::io::Read;

/// Set by a parent that holds the other end of standard input for as long as it lives.
pub(crate) const VARIABLE: &str = "SORU_STOP_AT_END_OF_INPUT";

/// Resolves when the program should end: at SIGINT, at SIGTERM, or when the parent is gone. Signals are heeded from this
/// call on, not only once the answer is waited for.
pub(crate) fn ended() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    let heard = async |signal: std::io::Result<Signal>| match signal {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    };
    let terminated = signal(SignalKind::terminate());
    let interrupted = signal(SignalKind::interrupt());
    async move {
        tokio::select! {
            () = heard(terminated) => {}
            () = heard(interrupted) => {}
            () = parent_gone() => {}
        }
    }
}

async fn parent_gone() {
    if std::env::var_os(VARIABLE).is_none() {
        return std::future::pending().await;
    }
    let (gone, told) = tokio::sync::oneshot::channel();
    // A thread of its own: a blocked read of standard input would keep the runtime from shutting down.
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while matches!(std::io::stdin().read(&mut buffer), Ok(n) if n > 0) {}
        let _ = gone.send(());
    });
    let _ = told.await;
}
