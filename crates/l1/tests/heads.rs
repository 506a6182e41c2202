//! Following heads through all that happens to connections.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;

use fake::{Ending, Fake, Reply, block_hash, head_line, header_json, settings};
use futures_util::StreamExt;
use soru_l1::{L1Error, Settings};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const MONITOR: &str = "GET /monitor/heads/main";

fn line(level: u32) -> Vec<u8> {
    head_line(level, 0, block_hash(level - 1, 0))
}

/// What was logged while the guard lives, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn count(&self, text: &str) -> usize {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().matches(text).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_head_may_come_in_pieces() {
    let fake = Fake::start().await;
    let pieces = line(5).chunks(7).map(<[u8]>::to_vec).collect();
    fake.on(MONITOR, Reply::Pieces(pieces, Ending::StaysOpen));
    let head = fake.client().monitor_heads().next().await;
    assert_eq!((head.level.get(), head.hash, head.predecessor), (5, block_hash(5, 0), block_hash(4, 0)));
}

#[tokio::test]
async fn of_heads_that_come_at_once_the_newest_counts() {
    let fake = Fake::start().await;
    let piece = [line(5), line(6), line(7)].concat();
    fake.on(MONITOR, Reply::Pieces(vec![piece], Ending::StaysOpen));
    assert_eq!(fake.client().monitor_heads().next().await.level.get(), 7);
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again_and_no_head_comes_twice() {
    let fake = Fake::start().await;
    fake.on(MONITOR, Reply::Pieces(vec![line(5)], Ending::Ends))
        .on(MONITOR, Reply::Pieces(vec![line(5)], Ending::Ends))
        .on(MONITOR, Reply::Status(502, "a proxy".to_owned()))
        .on(MONITOR, Reply::RetryAfter(429, "0"))
        .on(MONITOR, Reply::Pieces(vec![b"<html>".to_vec()], Ending::Ends))
        .on(MONITOR, Reply::Pieces(vec![line(6)[..30].to_vec()], Ending::Ends))
        .on(MONITOR, Reply::Pieces(vec![line(6)], Ending::StaysOpen));
    let (log, _guard) = Log::start();
    let heads = fake.client().monitor_heads().into_stream().take(2);
    let levels: Vec<_> = heads.map(|head| head.level.get()).collect().await;
    assert_eq!(levels, [5, 6]);
    assert_eq!(fake.asked(MONITOR).len(), 7);
    // One outage, however many attempts.
    assert_eq!(log.count(&format!("layer-1 unreachable at {}, waiting", fake.endpoint)), 1);
    assert_eq!(log.count(&format!("layer-1 reachable again at {}", fake.endpoint)), 1);
}

#[tokio::test]
async fn a_single_attempt_says_what_happened() {
    let fake = Fake::start().await;
    fake.on(MONITOR, Reply::Pieces(vec![line(5)], Ending::Ends))
        .on(MONITOR, Reply::Pieces(vec![line(6)], Ending::Ends));
    let client = fake.client();
    let mut heads = client.monitor_heads();
    assert_eq!(heads.try_next().await.unwrap().level.get(), 5);
    let error = heads.try_next().await.unwrap_err();
    assert!(matches!(&error, L1Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("/monitor/heads/main"), "{error}");
    assert_eq!(heads.try_next().await.unwrap().level.get(), 6);
}

#[tokio::test]
async fn a_quiet_stream_is_opened_anew_without_complaint() {
    let fake = Fake::start().await;
    fake.on(MONITOR, Reply::Pieces(vec![line(5)], Ending::StaysOpen))
        .on(MONITOR, Reply::Pieces(vec![line(5)], Ending::StaysOpen))
        .on(MONITOR, Reply::Pieces(vec![[line(5), line(6)].concat()], Ending::StaysOpen));
    let (log, _guard) = Log::start();
    let mut heads =
        fake.client_with(Settings { silence: Duration::from_millis(20), ..settings() }).monitor_heads();
    assert_eq!(heads.next().await.level.get(), 5);
    assert_eq!(heads.next().await.level.get(), 6);
    assert_eq!((fake.asked(MONITOR).len(), log.count("unreachable")), (3, 0));
}

#[tokio::test]
async fn a_stream_that_never_says_anything_is_a_timeout() {
    let fake = Fake::start().await;
    fake.on(MONITOR, Reply::Pieces(vec![], Ending::StaysOpen));
    let mut heads = fake
        .client_with(Settings { request_timeout: Duration::from_millis(20), ..settings() })
        .monitor_heads();
    assert!(matches!(heads.try_next().await, Err(L1Error::Timeout { .. })));
}

#[tokio::test]
async fn a_layer_1_that_is_not_there_yet_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Fake::at(&listener);
    drop(listener);
    fake.json("GET /chains/main/blocks/head/header", header_json(3, 0, block_hash(2, 0)));
    fake.on(MONITOR, Reply::Pieces(vec![line(4)], Ending::StaysOpen));
    let client = fake.client();
    let (log, _guard) = Log::start();
    let mut heads = client.monitor_heads();
    assert!(matches!(heads.try_next().await, Err(L1Error::Unreachable { .. })), "the connection is refused");

    // On the same thread: the first poll of the wait is refused before the port is served.
    let up = async {
        while log.count("waiting") == 0 {
            tokio::task::yield_now().await;
        }
        let listener = TcpListener::bind(address).await.unwrap();
        // Connections that are dropped without a word.
        for _ in 0..3 {
            drop(listener.accept().await.unwrap());
        }
        fake.serve(listener);
    };
    let (head, ()) = tokio::join!(client.wait_until_reachable(), up);
    assert_eq!(head.level.get(), 3);
    assert_eq!(log.count(&format!("layer-1 unreachable at {}, waiting", fake.endpoint)), 1);
    assert_eq!(log.count("reachable again"), 1);
    assert_eq!(heads.next().await.level.get(), 4);
}
