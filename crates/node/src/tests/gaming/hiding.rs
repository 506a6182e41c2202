//! Players who keep out of reach, and a layer-1 that does not tell all.

use super::arena::{Arena, TIMEOUT, pkh};
use super::{KERNEL, Node, go_on, until_games};
use crate::layer1::{Injected, Injection, Layer1 as _};
use soru_base::{PublicKeyHash, StateHash};
use soru_protocol::Commitment;
use soru_protocol::operation::Action;
use soru_protocol::refutation::Refutation;

async fn send(arena: &Arena, source: PublicKeyHash, batch: Vec<Injection>) {
    let results = arena.inject(arena.rollup(), source, batch).await.unwrap();
    assert!(results.iter().all(|result| matches!(result, Injected::Sent(_))), "{results:?}");
}

#[tokio::test]
async fn who_hides_in_a_game_with_a_friend_is_reached() {
    // Everybody plays one game at a time.
    let arena = Arena::with_games(&wat::parse_str(KERNEL).unwrap(), 1);
    let mut nodes = [Node::honest(&arena, 0)];
    let (us, liar, friend) = (pkh(0), pkh(1), pkh(2));
    go_on(&mut nodes, |arena, _| arena.is_staked(us)).await;
    let rollup = arena.rollup();
    let ours = arena.ledger().staked_on(&rollup, &us).unwrap().unwrap();
    let ours = arena.ledger().commitment(&rollup, &ours).unwrap().unwrap();
    let lie = |n| Commitment { compressed_state: StateHash([n; 32]), ..ours };
    send(&arena, friend, vec![Injection::Publish(lie(2))]).await;
    send(&arena, liar, vec![Injection::Publish(lie(1))]).await;
    arena.bake();
    let refutation =
        Refutation::Start { player_commitment_hash: lie(1).hash(), opponent_commitment_hash: lie(2).hash() };
    send(&arena, liar, vec![Injection::Refute { opponent: friend, refutation }]).await;
    arena.bake();
    assert_eq!(arena.games_now(liar).len(), 1);

    // Neither of the two ever moves, and nobody else is there to say so.
    let begin = arena.head_now().level;
    go_on(&mut nodes, |arena, _| {
        assert!(arena.is_staked(us));
        !arena.is_staked(liar) && !arena.is_staked(friend)
    })
    .await;
    let blocks = arena.head_now().level.since(begin).0;
    assert!(blocks < 3 * TIMEOUT, "{blocks} blocks");
    go_on(&mut nodes, |arena, _| arena.cemented_level() > ours.inbox_level).await;
}

#[tokio::test]
async fn games_go_on_with_a_layer_1_that_tells_no_conflicts() {
    let arena = super::arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
    until_games(&mut nodes, 1).await;
    arena.hide(pkh(0));
    go_on(&mut nodes, |arena, _| {
        assert!(arena.is_staked(pkh(0)));
        !arena.is_staked(pkh(1))
    })
    .await;
}

#[tokio::test]
async fn a_game_about_a_block_that_the_layer_1_no_longer_knows_is_played() {
    let arena = super::arena();
    let mut nodes = [Node::honest(&arena, 0), Node::new(&arena, 1, Some("one-bit"))];
    until_games(&mut nodes, 1).await;
    // Its move gets lost, and all it knew.
    arena.lose(pkh(0));
    nodes[0].restart();
    arena.prune();
    arena.bake();
    nodes[0].play().await;
    let sent = arena.waiting(pkh(0));
    assert!(matches!(sent[..], [Action::SmartRollupRefute { .. }]), "{sent:?}");
}
