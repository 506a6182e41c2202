use super::claims::Claims;
use super::dice::Dice;
use super::forgery::{self, Disputed};
use super::found::Found;
use super::illegal;
use super::shapes;
use super::spec::{Lie, Spec};
use super::zoo::{AT_PLACES, Manner, Pace, Plan};
use crate::{DisputeError, Turn};
use soru_base::{Binary, Level, Tick, TickSpan};
use soru_protocol::inbox::InboxSource;
use soru_protocol::refutation::{
    Answer, DissectionChunk, Game, GameState, Player, Refutation, RefutationProof, Step,
};

/// What the liar of `spec` plays.
pub(super) fn play(spec: &Spec, found: &mut Found, turn: Turn<'_>) -> Result<Vec<Refutation>, DisputeError> {
    let Turn { game, me, level, truth, inbox } = turn;
    if game.turn != me {
        return Ok(Vec::new());
    }
    let plan = match &spec.lie {
        Lie::Of(kind) => kind.plan,
        Lie::At(_) => AT_PLACES,
    };
    if !is_due(plan.pace, game, me, level) {
        return Ok(Vec::new());
    }
    let game_bytes = game.to_bytes();
    let claims = match plan.manner {
        Manner::Fickle => Claims::at_an_occasion(spec, found, truth, &game_bytes)?,
        _ => Claims::new(spec, found, truth)?,
    };
    let dice = Dice::of(&[spec.to_string().as_bytes(), &game_bytes]);
    let mut hand = Hand { game, inbox, plan, claims, dice };
    let moves = match plan.manner {
        // A period without a lie is played to be won.
        _ if hand.claims.first_wrong().is_none() => vec![hand.faithful()?],
        Manner::Faithful | Manner::Fickle | Manner::LastWord | Manner::Long => {
            vec![hand.faithful_or_random()?]
        }
        Manner::Random => vec![hand.random()?],
        Manner::Twice => vec![hand.faithful_or_random()?, hand.random()?],
        Manner::ProofOfMany => vec![hand.proof_of_many()?],
        Manner::Closing => vec![hand.closing()?],
        Manner::BehindEnd => vec![hand.behind_end()?],
        Manner::Illegal => {
            let good = hand.faithful_or_random()?;
            let mut lots = hand.dice.apart(level.get().into());
            // A good one now and then, so that the game goes on.
            let spoil = lots.below(4) > 0;
            vec![good.map(|good| if spoil { illegal::spoilt(game, good, lots) } else { good })]
        }
    };
    Ok(moves.into_iter().flatten().collect())
}

/// Whether to move now.
fn is_due(pace: Pace, game: &Game, me: Player, level: Level) -> bool {
    match pace {
        Pace::AtOnce => true,
        Pace::Never => false,
        // Every move takes a block or two of its own time.
        Pace::Last => game.clock.blocks_left(me, level) <= 2 * moves_ahead(game) as i64,
    }
}

/// Most moves that a player has to make until the end of a game.
fn moves_ahead(game: &Game) -> u32 {
    let longest = sections(game).map(|(_, _, ticks)| ticks.0).max();
    let mut ticks = longest.unwrap_or(1);
    let mut dissections = 0;
    // A section behind the last snapshot takes one dissection more.
    while ticks > 1 {
        ticks = ticks.div_ceil(game.rules.sections().saturating_sub(1).into());
        dissections += 1;
    }
    dissections / 2 + 2
}

/// The sections that a move can be about, with their ticks.
fn sections(game: &Game) -> impl Iterator<Item = (DissectionChunk, DissectionChunk, TickSpan)> {
    opponents(game).windows(2).filter_map(|pair| match pair {
        [start, stop] if start.state_hash.is_some() => Some((*start, *stop, stop.tick.since(start.tick))),
        _ => None,
    })
}

struct Hand<'a> {
    game: &'a Game,
    inbox: &'a dyn InboxSource,
    plan: Plan,
    claims: Claims<'a>,
    /// Lots for this move.
    dice: Dice,
}

impl Hand<'_> {
    /// The move of a node that believes what it claims; nothing if it has to concede.
    fn faithful(&mut self) -> Result<Option<Refutation>, DisputeError> {
        Ok(match self.game.answer(|tick| self.claims.at(tick))? {
            Answer::Dissect { choice, dissection } => Some(dissect(choice, self.shaped(dissection)?)),
            Answer::Prove { choice } => Some(self.prove(choice)?),
            Answer::Concede => None,
        })
    }

    /// A liar that has been refuted goes on.
    fn faithful_or_random(&mut self) -> Result<Option<Refutation>, DisputeError> {
        match self.faithful()? {
            Some(good) => Ok(Some(good)),
            None => self.random(),
        }
    }

    /// Any valid move.
    fn random(&mut self) -> Result<Option<Refutation>, DisputeError> {
        let mut dice = self.dice.apart(1);
        if let GameState::FinalMove { agreed_start_chunk, .. } = &self.game.state {
            return self.prove(agreed_start_chunk.tick).map(Some);
        }
        let sections: Vec<_> = sections(self.game).collect();
        let drawn = dice.below(sections.len() as u64) as usize;
        let Some((start, stop, ticks)) = sections.get(drawn).copied() else { return Ok(None) };
        if ticks <= TickSpan(1) {
            return self.prove(start.tick).map(Some);
        }
        let dissection = self.random_dissection(start, stop, &mut dice)?;
        Ok(Some(dissect(start.tick, dissection)))
    }

    /// The same claims at the ticks that serve the liar best, if the rules allow it.
    fn shaped(&mut self, even: Vec<DissectionChunk>) -> Result<Vec<DissectionChunk>, DisputeError> {
        let rules = &self.game.rules;
        let size = match self.plan.manner {
            // The opponent's next dissection then leads to single ticks: the first proof is the liar's.
            Manner::LastWord | Manner::BehindEnd => rules.sections().into(),
            Manner::Long => u64::MAX,
            _ => return Ok(even),
        };
        let (Some(start), Some(stop)) = (even.first(), even.last()) else { return Ok(even) };
        let lie = self.claims.first_wrong().filter(|lie| start.tick < *lie && *lie <= stop.tick);
        let refuted = opponents(self.game).iter().find(|chunk| chunk.tick == stop.tick);
        let (Some(lie), Some(refuted)) = (lie, refuted) else { return Ok(even) };
        let mut chunks = Vec::with_capacity(even.len());
        for tick in shapes::around(rules, start.tick, stop.tick, lie, size) {
            chunks.push(DissectionChunk { state_hash: self.claims.at(tick)?, tick });
        }
        Ok(if rules.check(start, refuted, &chunks).is_ok() { chunks } else { even })
    }

    fn random_dissection(
        &mut self,
        start: DissectionChunk,
        stop: DissectionChunk,
        dice: &mut Dice,
    ) -> Result<Vec<DissectionChunk>, DisputeError> {
        let rules = &self.game.rules;
        let even = rules.default_ticks(start.tick, stop.tick);
        let drawn = shapes::random(rules, start.tick, stop.tick, dice);
        // Up to some chunk what it claims, from there on anything.
        let faithful = dice.below(even.len() as u64) as usize;
        for ticks in [drawn, even.clone()] {
            let mut chunks = vec![start];
            for (i, tick) in ticks.into_iter().enumerate().skip(1) {
                let state_hash = if i <= faithful { self.claims.at(tick)? } else { Some(dice.noise()) };
                chunks.push(DissectionChunk { state_hash, tick });
            }
            // A machine that is blocked stays so.
            if let Some(blocked) = chunks.iter().position(|chunk| chunk.state_hash.is_none()) {
                chunks[blocked..].iter_mut().for_each(|chunk| chunk.state_hash = None);
            }
            if rules.check(&start, &stop, &chunks).is_ok() {
                return Ok(chunks);
            }
        }
        // Noise at even ticks passes in any case.
        let noise =
            even.into_iter().skip(1).map(|tick| DissectionChunk { state_hash: Some(dice.noise()), tick });
        Ok([start].into_iter().chain(noise).collect())
    }

    /// A proof for the longest section.
    fn proof_of_many(&mut self) -> Result<Option<Refutation>, DisputeError> {
        match sections(self.game).max_by_key(|(_, _, ticks)| *ticks) {
            Some((start, _, ticks)) if ticks > TickSpan(1) => self.prove(start.tick).map(Some),
            _ => self.faithful_or_random(),
        }
    }

    /// A proof for the last section, if it is the tick behind the end.
    fn closing(&mut self) -> Result<Option<Refutation>, DisputeError> {
        match sections(self.game).last() {
            Some((start, stop, TickSpan(1))) if stop.state_hash.is_none() => self.prove(start.tick).map(Some),
            _ => self.faithful_or_random(),
        }
    }

    /// A proof for a section in which the machine is blocked already.
    fn behind_end(&mut self) -> Result<Option<Refutation>, DisputeError> {
        let chunks = opponents(self.game);
        match chunks
            .split_last()
            .and_then(|(_, starts)| starts.iter().find(|start| start.state_hash.is_none()))
        {
            Some(start) => self.prove(start.tick).map(Some),
            None => self.faithful_or_random(),
        }
    }

    fn prove(&mut self, choice: Tick) -> Result<Refutation, DisputeError> {
        let disputed =
            Disputed { game: self.game, inbox: self.inbox, tick: choice, dice: self.dice.apart(2) };
        let proof: RefutationProof = forgery::proof(self.plan.proof, &mut self.claims, &disputed)?;
        Ok(Refutation::Move { choice, step: Step::Proof(proof) })
    }
}

/// What the opponent claims; nothing once only a proof can answer.
fn opponents(game: &Game) -> &[DissectionChunk] {
    match &game.state {
        GameState::Dissecting { dissection } => dissection,
        GameState::FinalMove { .. } => &[],
    }
}

fn dissect(choice: Tick, dissection: Vec<DissectionChunk>) -> Refutation {
    Refutation::Move { choice, step: Step::Dissection(dissection) }
}
