use super::world::{CLOCK, LIARS, Stats, WINDOW, World, honest};
use std::sync::atomic::{AtomicU64, Ordering};

const GAMES: u64 = 5_000;
const BLOCKS: u32 = 70;

/// Liars do what they like for some time; then they leave, and the honest staker cements all that it said.
fn play(seed: u64) -> Stats {
    let mut world = World::new(seed);
    while world.level().get() < BLOCKS {
        if world.dice.one_in(25) {
            let most = if world.dice.one_in(4) { 9 } else { 3 };
            let depth = 1 + world.dice.below(most);
            world.reorganise(depth as usize);
        }
        world.bake(true);
    }
    settle(&mut world);
    world.stats
}

/// Nobody but the honest staker acts, until everything is decided.
fn settle(world: &mut World) {
    // Each opponent takes two clocks at most; only so many are played at once.
    let at_once = world.ledger().constants().rollup().max_number_of_parallel_games as usize;
    let rounds = LIARS.div_ceil(at_once) as u32 + 1;
    let end = world.level().get() + rounds * (2 * CLOCK + 10) + 2 * WINDOW;
    let rollup = world.rollup;
    loop {
        let ledger = world.ledger();
        let open = ledger.games_of(&rollup, &honest()).unwrap().len();
        let staked = ledger.staker_index(&rollup, &honest()).unwrap();
        if open == 0 && staked.is_none() {
            break;
        }
        world.assert(world.level().get() < end, "every game ends, and what is true is cemented");
        world.bake(false);
    }
}

#[test]
fn one_honest_staker_loses_nothing_to_any_number_of_liars() {
    let (next_seed, games) = (AtomicU64::new(1), AtomicU64::new(0));
    let work = || {
        let mut all = Vec::new();
        while games.load(Ordering::Relaxed) < GAMES {
            let stats = play(next_seed.fetch_add(1, Ordering::Relaxed));
            games.fetch_add(stats.games, Ordering::Relaxed);
            all.push(stats);
        }
        all
    };
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(4));
    let all: Vec<Stats> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    let mut total = Stats::default();
    for stats in &all {
        total.games += stats.games;
        total.moves += stats.moves;
        total.operations += stats.operations;
        total.reorganisations += stats.reorganisations;
        total.honest_wins += stats.honest_wins;
        for (name, n) in &stats.results {
            *total.results.entry(name).or_default() += n;
        }
        for (name, n) in &stats.errors {
            *total.errors.entry(name.clone()).or_default() += n;
        }
    }
    eprintln!("{} worlds: {total:#?}", all.len());
}
