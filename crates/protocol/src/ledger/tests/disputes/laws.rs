use super::world::{CLOCK, LIARS, LIARS_LEAVE, Stats, WINDOW, World, accounts, honest};
use std::sync::atomic::{AtomicU64, Ordering};

/// Games with an end, at least.
const GAMES: u64 = 100_000;

/// Liars do what they like for some time; then they leave, and the honest staker cements all that it said.
fn play(seed: u64) -> Stats {
    let mut world = World::new(seed);
    while world.level().get() < LIARS_LEAVE {
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
        let staked = ledger.staker_index(&rollup, &honest()).unwrap();
        if staked.is_none() && accounts().iter().all(|a| ledger.games_of(&rollup, a).unwrap().is_empty()) {
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
            // Those that a reorganisation took back do not count.
            games.fetch_add(stats.results.values().sum(), Ordering::Relaxed);
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
        total.swindles += stats.swindles;
        for (name, n) in &stats.results {
            *total.results.entry(name).or_default() += n;
        }
        for (name, n) in &stats.errors {
            *total.errors.entry(name.clone()).or_default() += n;
        }
    }
    // The liars did try: games end in every way, also with the honest player, and most rules had something to refuse.
    for way in ["proof", "time", "draw", "void"] {
        assert!(total.results.get(way) > Some(&(GAMES / 100)), "{way}: {total:#?}");
    }
    assert!(total.swindles > GAMES / 100, "{total:#?}");
    assert!(total.honest_wins > GAMES / 10, "{total:#?}");
    assert!(total.moves > GAMES / 2 && total.reorganisations > GAMES / 100, "{total:#?}");
    for id in [
        "Dissection_choice_not_found",
        "Dissection_unexpected_section_size",
        "smart_rollup_commitment_disputed",
        "smart_rollup_dissection_number_of_sections_mismatch",
        "smart_rollup_dissection_start_hash_mismatch",
        "smart_rollup_game_already_started",
        "smart_rollup_maximal_number_of_parallel_games_reached",
        "smart_rollup_no_conflict",
        "smart_rollup_no_game",
        "smart_rollup_not_staked",
        "smart_rollup_not_valid_commitments_conflict",
        "smart_rollup_proof_check",
        "smart_rollup_timeout_level_not_reached",
        "smart_rollup_wrong_staker_for_conflict_commitment",
        "smart_rollup_wrong_turn",
    ] {
        assert!(total.errors.get(&format!("liar {id}")) > Some(&10), "{id}: {total:#?}");
    }
}
