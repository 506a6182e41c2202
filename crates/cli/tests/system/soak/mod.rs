//! A long run with everything killed again and again: every message arrives, and arrives once.
//!
//! The scale comes from the environment:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `SORU_SOAK_BLOCKS` | blocks | 150 |
//! | `SORU_SOAK_MESSAGES` | messages | 1,500 |
//! | `SORU_SOAK_SEED` | which choices are made | 5 |
//! | `SORU_SOAK_CALM` | blocks between two mishaps, on average | 12 |
//! | `SORU_SOAK_PACE` | milliseconds between two blocks, at least | 60 |
//! | `SORU_SOAK_OUTPUT` | a file to which a line of JSON is added every 50 blocks, and the summary | none |
//! | `SORU_TEST_PROGRAM` | another build of the program | that of the tests |

mod measure;
mod world;

use std::time::Duration;
use world::{Scale, World};

fn setting(name: &str, default: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")),
        Err(_) => default,
    }
}

#[test]
fn no_message_is_lost_or_doubled_whatever_is_killed() {
    let blocks = setting("SORU_SOAK_BLOCKS", 150);
    let mut world = World::start(Scale {
        blocks,
        messages: setting("SORU_SOAK_MESSAGES", 10 * blocks),
        seed: setting("SORU_SOAK_SEED", 5).into(),
        pace: Duration::from_millis(setting("SORU_SOAK_PACE", 60).into()),
        calm: setting("SORU_SOAK_CALM", 12),
    });
    world.run();
    let summary = world.summary();
    assert_eq!(summary["lost"], 0, "{summary}");
    assert_eq!(summary["doubled"], 0, "{summary}");
}
