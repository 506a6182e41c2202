//! Random bytes for `engines_agree`, for so many seconds: `soak SECONDS [SEED]`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>().expect("a number"));
    let seconds = args.next().unwrap_or(60);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
    let mut state = args.next().unwrap_or(clock) | 1;
    let (begin, mut cases) = (Instant::now(), 0u64);
    println!("seed {state}");
    while begin.elapsed() < Duration::from_secs(seconds) {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let length = 64 + next() % (1 << (6 + next() % 8));
        let mut bytes: Vec<u8> = (0..length).map(|_| (next() >> 32) as u8).collect();
        // What is no generator's is no kernel.
        if bytes[0] % 8 == 0 {
            bytes[0] |= 2;
        }
        soru_fuzz::engines_agree(&bytes);
        cases += 1;
    }
    println!("{cases} cases");
}
