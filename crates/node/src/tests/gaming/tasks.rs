//! Nodes with all their loops, each at its own pace.

use super::*;
use crate::node::Node as RunningNode;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Task {
    status: StatusCell,
    games: GamesCell,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(arena: &Arena, dir: &Path, account: usize, adversary: Option<&str>) -> Task {
    let config = config(arena, dir, account, adversary);
    let node = RunningNode::start(config, arena.clone(), machine(dir)).await.unwrap();
    let (status, games) = (node.status(), node.games());
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let task = tokio::spawn(async move { node.run(shutdown).await.unwrap() });
    Task { status, games, stop, task }
}

impl Task {
    async fn has_evaluated(&self, head: &Header) {
        let same = |(hash, _): (_, _)| hash == head.hash;
        self.status.watch().wait_for(|status| status.evaluated.is_some_and(same)).await.unwrap();
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

/// A block, when everybody has seen the last one and whoever has to move has sent something.
async fn bake(arena: &Arena, honest: &Task, liar: &Task) {
    let head = arena.head_now();
    honest.has_evaluated(&head).await;
    liar.has_evaluated(&head).await;
    let us = pkh(0);
    let games = arena.games_now(us);
    let conflict = !arena.conflicts(arena.rollup(), us, &head).await.unwrap().is_empty();
    let mover = games.first().map(|game| game.stakers.staker(game.turn)).or(conflict.then_some(us));
    if let Some(mover) = mover {
        arena.until_sent(mover).await;
    }
    arena.send(b"hello");
    arena.bake();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_all_their_loops_play_to_the_end() {
    let arena = arena();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut honest = start(&arena, dirs[0].path(), 0, None).await;
    let liar = start(&arena, dirs[1].path(), 1, Some("one-bit")).await;
    let mut restarts = 0;
    for blocks in 0.. {
        assert!(blocks < 100, "{:?}", honest.games.get());
        let games = arena.games_now(pkh(0));
        if games.is_empty() && restarts > 0 {
            break;
        }
        // In the middle of the game it is stopped and started again.
        let moved = games.iter().any(|game| game.clock.last_turn_level > game.start_level);
        if moved && restarts < 2 {
            restarts += 1;
            honest.stop().await;
            honest = start(&arena, dirs[0].path(), 0, None).await;
        }
        bake(&arena, &honest, &liar).await;
    }
    let won = |games: &crate::status::Games| {
        games.ended.iter().any(|game| matches!(game.outcome, Some(Outcome::Won(_))))
    };
    honest.games.watch().wait_for(won).await.unwrap();
    assert!(arena.is_staked(pkh(0)));
    assert_eq!(arena.collisions(), 0, "two operations of a key at once");
    honest.stop().await;
    liar.stop().await;
}
