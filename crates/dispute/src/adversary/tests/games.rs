use super::world::{PERIODS, Staker, world};
use crate::adversary::zoo;
use crate::{Spec, Timeline};
use soru_protocol::refutation::{GameError, GameResult, LossReason};

/// Moves of the longest game: 2^63 ticks, cut into 31 at least by each dissection, and two proofs.
const MOVES_MAX: usize = 16;

/// Plays a liar against an honest player, as the one who opens the game or the one who is challenged; tells how the
/// liar lost. Nothing if it does not lie in that period.
fn against_honest(
    spec: &Spec,
    period: usize,
    liar_opens: bool,
    truth: &mut Timeline,
) -> Option<(LossReason, Vec<GameError>)> {
    let mut honest = Staker::honest(usize::from(liar_opens), period);
    let mut liar = Staker::liar(usize::from(!liar_opens), period, spec, truth);
    if !liar.lies(period) {
        return None;
    }
    let (liar_key, told) = (liar.key, format!("{spec} in period {period}, liar opens: {liar_opens}"));
    let stakers = if liar_opens { [&mut liar, &mut honest] } else { [&mut honest, &mut liar] };
    let played = world().play(period, truth, stakers);
    let GameResult::Loser { reason, loser } = played.result else { panic!("{told}: {played:?}") };
    assert_eq!(loser, liar_key, "{told}: {played:?}");
    assert!(played.moves <= MOVES_MAX, "{told}: {played:?}");
    eprintln!(
        "{told}: {reason:?} {} moves, refused {:?}",
        played.moves,
        played.refused.iter().map(|e| e.to_string()).collect::<std::collections::BTreeSet<_>>()
    );
    Some((reason, played.refused))
}

fn spec(text: &str) -> Spec {
    text.parse().unwrap()
}

#[test]
fn everyone_in_the_zoo_loses() {
    for period in 0..PERIODS {
        let mut truth = world().timeline(period);
        for kind in zoo() {
            for liar_opens in [false, true] {
                let lost = against_honest(&spec(kind.name), period, liar_opens, &mut truth);
                assert!(lost.is_some(), "{} lies in each of these periods", kind.name);
            }
        }
    }
}
