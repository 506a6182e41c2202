//! Whole games, between nodes, on a layer-1 with the network's rules.

mod arena;
mod hiding;
mod tasks;

use crate::chain::Chain;
use crate::config::{Config, Mode};
use crate::follow::Follower;
use crate::games::Player;
use crate::games::turnstile::Turnstile;
use crate::layer1::{Header, Layer1 as _};
use crate::publish::{FINALITY, Publisher};
use crate::status::{GamesCell, Outcome, StatusCell};
use crate::store::Store;
use crate::wasm::WasmMachine;
use arena::{Arena, PERIOD, TIMEOUT, pkh};
use soru_base::{IdFamily, LevelSpan, PublicKeyHash};
use soru_engine::{Engine, Options};
use soru_protocol::operation::Action;
use soru_protocol::refutation::LossReason;
use soru_pvm::host::HostState;
use soru_pvm::run::{Kernel, Outcome as RunOutcome, Passage, Runner, RunnerError};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// Counts its runs, and every second time runs again.
const KERNEL: &str = r#"(module
  (import "smart_rollup_core" "read_input" (func $read_input (param i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_read" (func $store_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_write" (func $store_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory 1)
  (export "mem" (memory 0))
  (data (i32.const 0x100) "/count")
  (data (i32.const 0x110) "/kernel/env/reboot")
  (func $put (param $key i32) (param $length i32)
    (drop (call $store_write (local.get $key) (local.get $length) (i32.const 0) (i32.const 0x200) (i32.const 4))))
  (func (export "kernel_run")
    (loop $more
      (br_if $more (call $read_input (i32.const 0x300) (i32.const 0x310) (i32.const 1024))))
    (drop (call $store_read (i32.const 0x100) (i32.const 6) (i32.const 0) (i32.const 0x200) (i32.const 4)))
    (i32.store (i32.const 0x200) (i32.add (i32.load (i32.const 0x200)) (i32.const 1)))
    (call $put (i32.const 0x100) (i32.const 6))
    (if (i32.and (i32.load (i32.const 0x200)) (i32.const 1))
      (then (call $put (i32.const 0x110) (i32.const 18))))))"#;

/// One engine for all nodes: it remembers what it has compiled.
#[derive(Clone)]
struct Shared(Arc<Engine>);

impl Runner for Shared {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<RunOutcome, RunnerError> {
        self.0.kernel_run(kernel, host)
    }

    fn passage(&self, machine: &soru_pvm::Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
        self.0.passage(machine)
    }
}

type Machine = WasmMachine<Shared>;

fn machine(dir: &Path) -> Machine {
    static ENGINE: OnceLock<Shared> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Shared(Arc::new(Engine::new(Options::default()).unwrap())));
    WasmMachine::new(
        engine.clone(),
        |_| None,
        crate::reveals::Pages::new(dir, None),
        crate::kernel_log::KernelLog::Off,
    )
}

fn arena() -> Arena {
    // Shown if a test fails.
    let log = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::DEBUG);
    drop(log.try_init());
    Arena::new(&wat::parse_str(KERNEL).unwrap())
}

fn config(arena: &Arena, dir: &Path, account: usize, adversary: Option<&str>) -> Config {
    let (mode, rollup) = (Mode::Operator, arena.rollup().in_family(IdFamily::Alpha));
    let mut config = Config::new(mode, &rollup, Config::operators_for(mode, pkh(account)), dir).unwrap();
    config.adversary = adversary.map(|spec| spec.parse().unwrap());
    config.options.rpc_port = 0;
    config
}

/// A node without its loops: tests say when it looks at the layer-1.
struct Node {
    arena: Arena,
    dir: Arc<TempDir>,
    account: usize,
    adversary: Option<&'static str>,
    parts: Option<Parts>,
}

struct Parts {
    follower: Follower<Arena, Machine>,
    publisher: Publisher<Arena, Machine>,
    player: Player<Arena, Machine>,
    games: GamesCell,
}

impl Node {
    fn new(arena: &Arena, account: usize, adversary: Option<&'static str>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let mut node = Self { arena: arena.clone(), dir, account, adversary, parts: None };
        node.restart();
        node
    }

    fn honest(arena: &Arena, account: usize) -> Self {
        Self::new(arena, account, None)
    }

    /// All that is in memory is lost.
    fn restart(&mut self) {
        self.parts = None;
        let config = config(&self.arena, self.dir.path(), self.account, self.adversary);
        let store = Store::open(&config.data_dir, config.rollup).unwrap();
        let machine = Arc::new(machine(self.dir.path()));
        let chain = Chain::new(store, machine, config.rollup, config.ids).lying(config.adversary.clone());
        let (chain, layer1) = (Arc::new(chain), Arc::new(self.arena.clone()));
        let (status, games, turnstile) = (StatusCell::default(), GamesCell::default(), Turnstile::default());
        let publisher = Publisher::new(layer1.clone(), chain.clone(), status.clone(), &config);
        let player = Player::new(
            layer1.clone(),
            chain.clone(),
            status.clone(),
            games.clone(),
            turnstile.clone(),
            &config,
        );
        self.parts = Some(Parts {
            follower: Follower::new(layer1, chain, status),
            publisher: publisher.with_turnstile(turnstile),
            player: player.unwrap(),
            games,
        });
    }

    fn parts(&mut self) -> &mut Parts {
        self.parts.as_mut().unwrap()
    }

    fn key(&self) -> PublicKeyHash {
        pkh(self.account)
    }

    /// The main loop.
    async fn follow(&mut self) {
        let head = self.arena.head_now();
        let constants = self.arena.constants(&head).await.unwrap();
        self.parts().follower.follow(&head).await.unwrap();
        self.parts().publisher.act(&head, constants).await.unwrap();
    }

    /// The player's loop, until it has nothing more to do for the head.
    async fn play(&mut self) {
        let head = self.arena.head_now();
        let player = &mut self.parts().player;
        player.look(&head).await.unwrap();
        while player.is_thinking() {
            player.answered().await;
            player.look(&head).await.unwrap();
        }
    }

    fn won(&mut self) -> usize {
        let games = self.parts().games.get();
        games.ended.iter().filter(|game| matches!(game.outcome, Some(Outcome::Won(_)))).count()
    }
}

/// Blocks with all nodes at work, until something holds.
async fn go_on(nodes: &mut [Node], until: impl Fn(&Arena, &mut [Node]) -> bool) -> u32 {
    let arena = nodes[0].arena.clone();
    for blocks in 0..300 {
        if until(&arena, nodes) {
            return blocks;
        }
        arena.send(b"hello");
        arena.bake();
        for node in nodes.iter_mut() {
            node.follow().await;
            node.play().await;
        }
    }
    panic!("it does not happen: {:#?}", nodes[0].parts().games.get().open);
}

/// So many blocks with all nodes at work.
async fn go_on_for(nodes: &mut [Node], blocks: u32) {
    let end = nodes[0].arena.head_now().level.plus(LevelSpan(blocks));
    go_on(nodes, |arena, _| arena.head_now().level >= end).await;
}

/// Blocks until the first node plays so many games.
async fn until_games(nodes: &mut [Node], games: usize) {
    let me = nodes[0].key();
    go_on(nodes, |arena, _| arena.games_now(me).len() == games).await;
}

/// The first node wins against all others and loses nothing, and what it says is cemented.
async fn truth_prevails(nodes: &mut [Node]) {
    let (arena, me, liars) = (nodes[0].arena.clone(), nodes[0].key(), nodes.len() - 1);
    let stake = arena.ledger().frozen_bonds(&me.into()).unwrap();
    go_on(nodes, |arena, nodes| {
        assert!(arena.is_staked(me));
        nodes[0].won() == liars
    })
    .await;
    let disputed = arena.head_now().level;
    go_on(nodes, |arena, _| arena.cemented_level() > disputed).await;
    assert!(arena.is_staked(me));
    assert_eq!(arena.ledger().frozen_bonds(&me.into()).unwrap(), stake);
    assert_eq!(nodes[0].parts().games.get().ended.len(), liars);
    assert_eq!(arena.collisions(), 0, "two operations of a key at once");
}

#[tokio::test]
async fn a_liar_is_found_played_against_and_loses() {
    for lie in ["final-hash", "input", "padding", "eval"] {
        let arena = arena();
        let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some(lie))];
        until_games(&mut nodes, 1).await;
        truth_prevails(&mut nodes).await;
        assert_eq!(nodes[0].won(), 1, "{lie}");
        let games = nodes[0].parts().games.get();
        let effort = &games.ended[0].last.effort;
        assert!(effort.moves >= 3, "{lie}: {effort:?}");
    }
}

#[tokio::test]
async fn nodes_that_forget_everything_after_each_block_play_on() {
    let arena = arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
    until_games(&mut nodes, 1).await;
    let (us, them) = (nodes[0].key(), nodes[1].key());
    let mut moves = 0;
    while arena.is_staked(them) {
        arena.bake();
        for node in &mut nodes {
            node.restart();
            node.follow().await;
            node.play().await;
            // The second time it knows nothing of what it has just sent.
            let waiting = arena.waiting(node.key()).len();
            node.restart();
            node.follow().await;
            node.play().await;
            assert_eq!(arena.waiting(node.key()).len(), waiting);
        }
        moves += 1;
        assert!(moves < 60 && arena.is_staked(us));
    }
}

#[tokio::test]
async fn a_game_survives_reorganisations() {
    // The last one replaces levels of the disputed period: there is another truth, and another lie.
    for depth in [1, 2, 5, 7] {
        let arena = arena();
        let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
        until_games(&mut nodes, 1).await;
        go_on(&mut nodes, |arena, _| {
            arena.games_now(pkh(0)).iter().any(|game| game.clock.last_turn_level > game.start_level)
        })
        .await;
        let before = arena.games_now(pkh(0));
        arena.take_back(depth);
        if depth >= 5 {
            assert_eq!(arena.games_now(pkh(0)), [], "the game itself is gone");
            until_games(&mut nodes, 1).await;
        } else {
            assert_ne!(arena.games_now(pkh(0)), before);
        }
        truth_prevails(&mut nodes).await;
        assert_eq!(nodes[0].won(), 1);
    }
}

#[tokio::test]
async fn an_operation_that_gets_lost_is_sent_again() {
    let arena = arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
    until_games(&mut nodes, 1).await;
    let (us, them) = (nodes[0].key(), nodes[1].key());
    let mut lost = 0;
    while arena.is_staked(them) {
        // Every other operation of ours.
        let moved = arena.waiting(us).iter().any(|a| matches!(a, Action::SmartRollupRefute { .. }));
        if moved && lost % 2 == 0 {
            arena.lose(us);
        }
        lost += u32::from(moved);
        arena.bake();
        for node in &mut nodes {
            node.follow().await;
            node.play().await;
        }
        assert!(arena.is_staked(us));
    }
    assert!(lost > 3);
}

#[tokio::test]
async fn who_is_absent_is_timed_out() {
    let arena = arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("final-hash"))];
    until_games(&mut nodes, 1).await;
    // Our move, then silence.
    nodes[0].play().await;
    let blocks = go_on(&mut nodes[..1], |arena, _| !arena.is_staked(pkh(1))).await;
    assert!((TIMEOUT..TIMEOUT + 5).contains(&blocks), "{blocks}");
    arena.bake();
    nodes[0].follow().await;
    nodes[0].play().await;
    let ended = nodes[0].parts().games.get().ended;
    assert_eq!(ended[0].outcome, Some(Outcome::Won(LossReason::Timeout)));
    assert!(arena.is_staked(pkh(0)));
}

#[tokio::test]
async fn three_liars_at_once_all_lose() {
    let arena = arena();
    let mut nodes = [
        Node::honest(&arena, 0),
        Node::new(&arena, 1, Some("final-hash")),
        Node::new(&arena, 2, Some("input")),
        Node::new(&arena, 4, Some("eval")),
    ];
    until_games(&mut nodes, 3).await;
    // All openings were in one operation.
    let starts: Vec<_> = arena.games_now(pkh(0)).iter().map(|game| game.start_level).collect();
    assert!(starts.windows(2).all(|pair| pair[0] == pair[1]), "{starts:?}");
    let published = arena.staked_level(pkh(0));
    truth_prevails(&mut nodes).await;
    assert!(arena.games_now(pkh(0)).is_empty());
    assert!(arena.staked_level(pkh(0)) > published);
}

#[tokio::test]
async fn games_do_not_starve_publishing() {
    let arena = arena();
    let mut nodes = [
        Node::honest(&arena, 0),
        Node::new(&arena, 1, Some("long-game")),
        Node::new(&arena, 2, Some("endless")),
        Node::new(&arena, 4, Some("last-block")),
    ];
    until_games(&mut nodes, 3).await;
    // As long as they play: what could be published is, but for the few blocks that games go first.
    let mut late = 0;
    while !arena.games_now(pkh(0)).is_empty() {
        go_on_for(&mut nodes, 1).await;
        let due = arena.head_now().level.get() - FINALITY.0 - PERIOD;
        late = late.max(due.saturating_sub(arena.staked_level(pkh(0)).get()));
    }
    assert!(late <= 2 * PERIOD, "{late} levels behind");
    assert_eq!(nodes[0].won(), 3);
}

#[tokio::test]
async fn a_move_that_is_refused_does_not_stop_the_others() {
    let arena = arena();
    let mut nodes = [
        Node::honest(&arena, 0),
        Node::new(&arena, 1, Some("final-hash")),
        Node::new(&arena, 2, Some("input")),
    ];
    until_games(&mut nodes, 2).await;
    arena.refuse(pkh(1), true);
    go_on(&mut nodes, |_, nodes| nodes[0].won() == 1).await;
    assert_eq!(arena.games_now(pkh(0)).len(), 1);
    arena.refuse(pkh(1), false);
    truth_prevails(&mut nodes).await;
}

#[tokio::test]
async fn a_main_loop_that_hangs_holds_up_no_move() {
    let arena = arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
    until_games(&mut nodes, 1).await;
    // From here on the node evaluates nothing and publishes nothing.
    for _ in 0..2 * TIMEOUT {
        arena.bake();
        nodes[0].play().await;
        nodes[1].follow().await;
        nodes[1].play().await;
    }
    assert!(arena.is_staked(pkh(0)) && !arena.is_staked(pkh(1)));
}

#[tokio::test]
async fn a_node_that_is_behind_waits_for_the_levels_of_the_game() {
    let arena = arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
    until_games(&mut nodes, 1).await;
    // It has lost all it knew, and plays before it has evaluated anything.
    nodes[0] = Node::honest(&arena, 0);
    for _ in 0..3 {
        arena.bake();
        nodes[0].play().await;
        assert_eq!(arena.waiting(pkh(0)), []);
    }
    truth_prevails(&mut nodes).await;
}

#[tokio::test]
async fn a_layer_1_that_tells_nothing_of_games_stops_nobody() {
    let arena = arena();
    arena.set_mute(true);
    let mut nodes = [Node::honest(&arena, 0)];
    let levels = arena.origination().get() + 2 * PERIOD;
    go_on(&mut nodes, |arena, _| arena.head_now().level.get() > levels).await;
    let head: Header = arena.head_now();
    nodes[0].parts().player.look(&head).await.unwrap();
    assert!(nodes[0].parts().games.get().seen_at.is_none());
}

/// Everybody that can be told to lie, in the rollup of these tests: who finds nothing to lie about is left out.
async fn zoo(part: usize, parts: usize) {
    let kinds = soru_dispute::zoo().iter().enumerate().filter(|(i, _)| i % parts == part);
    let mut lied = 0;
    for (_, kind) in kinds {
        let arena = arena();
        let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some(kind.name))];
        let (us, them) = (nodes[0].key(), nodes[1].key());
        let before = arena.ledger().balance(&us.into()).unwrap();
        go_on(&mut nodes, |arena, _| {
            !arena.games_now(us).is_empty() || arena.head_now().level.get() > 6 * PERIOD
        })
        .await;
        if arena.games_now(us).is_empty() {
            assert_eq!(arena.is_staked(us), arena.is_staked(them), "{}", kind.name);
            continue;
        }
        lied += 1;
        let blocks = go_on(&mut nodes, |arena, nodes| {
            assert!(arena.is_staked(us), "{}", kind.name);
            nodes[0].won() == 1
        })
        .await;
        let games = nodes[0].parts().games.get();
        eprintln!("{}: {blocks} blocks, {:?}", kind.name, games.ended[0].last.effort);
        assert!(arena.ledger().balance(&us.into()).unwrap() < before);
    }
    assert!(lied > 0);
}

#[tokio::test]
async fn nobody_of_the_zoo_wins_1() {
    zoo(0, 3).await;
}

#[tokio::test]
async fn nobody_of_the_zoo_wins_2() {
    zoo(1, 3).await;
}

#[tokio::test]
async fn nobody_of_the_zoo_wins_3() {
    zoo(2, 3).await;
}
