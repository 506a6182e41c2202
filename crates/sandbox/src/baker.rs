//! The baker of a chain that makes its blocks by the clock.

use crate::rpc::App;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, MissedTickBehavior};

/// Seconds since 1970. The only place where the clock is read.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Makes a block each time `block_time` has passed, until the sandbox stops.
pub(crate) async fn run(app: App, block_time: Duration) {
    let mut stop = app.stop_signal();
    let mut ticks = tokio::time::interval_at(Instant::now() + block_time, block_time);
    // After a pause of the machine, go on at the usual pace instead of making up for what was missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        match app.with_chain(|chain| chain.bake_at(now())).await {
            Ok(block) => {
                tracing::info!(level = %block.level(), hash = %block.hash, operations = block.operations.len(), "baked");
            }
            Err(e) => tracing::error!("no block could be made: {e}"),
        }
    }
}
