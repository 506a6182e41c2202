//! `/local/…`: what others published against the node, and the games it plays.

use super::route::{Route, get};
use super::schema::{
    Schema, any_object, digits, flag, has, level, list, may, named, natural, number, object, or_null, text,
    word,
};
use super::{Context, RpcError};
use crate::status::{Action, Effort, EndedGame, GameStatus, Outcome};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use soru_base::{IdFamily, Json as _};
use soru_protocol::refutation::{Conflict, GameState, LossReason, Player};

type Answer = Result<Json<Value>, RpcError>;

pub(super) fn routes() -> Vec<Route> {
    let conflict = object([
        has("other", named("Account")),
        has("their_commitment", named("Commitment")),
        has("our_commitment", named("Commitment")),
        has("parent_commitment", named("CommitmentHash")),
        has("their_commitment_hash", named("CommitmentHash")),
        has("our_commitment_hash", named("CommitmentHash")),
        has("published_at_level", level()),
        has("in_game", flag()),
    ]);
    let stake = object([
        has("staker", named("Account")),
        has("staked_on", or_null(object([has("hash", named("CommitmentHash")), has("level", level())]))),
        has("bond", digits().about("the deposit, in mutez")),
        has("at_risk", flag().about("whether somebody contradicts it, or plays against it")),
    ]);
    vec![
        get(
            "/local/conflicts",
            "the network's conflicts, of all stakers whose commitments contradict this node's, with hashes, the level of \
             publication, and whether a game is played",
            conflicts,
        )
        .answers(list(conflict)),
        get(
            "/local/games",
            "the network's games of the node's staker, with whose turn it is, blocks left, ticks in dispute, and what the \
             node did since it was started",
            games,
        )
        .answers(list(game())),
        get(
            "/local/games/ended",
            "games that ended since the node was started, the oldest first; `outcome` is `null` if the node did not see it",
            ended_games,
        )
        .answers(list(ended_game())),
        get(
            "/local/stake",
            "the newest open commitment that the node's staker stakes on, and its deposit; `null` if the mode has nothing \
             to do with stakes",
            stake_,
        )
        .answers(or_null(stake)),
    ]
}

fn game() -> Schema {
    let members = [
        has("game", any_object().about("as the layer-1 tells it")),
        has("alice", named("Account")),
        has("bob", named("Account")),
        has("staker", named("Account")),
        has("opponent", named("Account")),
        has("their_commitment_hash", or_null(named("CommitmentHash"))),
        has("inbox_level", level()),
        has("seen_at_level", level()),
        has("phase", word(&["dissecting", "final_move"])),
        has("our_turn", flag()),
        has("ticks_disputed", digits().about("at first")),
        has("ticks_in_dispute", digits().about("now")),
        has("blocks_left", natural()),
        has("opponent_blocks_left", natural()),
    ];
    object(members.into_iter().chain(efforts()))
}

fn ended_game() -> Schema {
    let members = [
        has("staker", named("Account")),
        has("opponent", named("Account")),
        has("their_commitment_hash", or_null(named("CommitmentHash"))),
        has("inbox_level", level()),
        has("start_level", level()),
        has("ended_at_level", level()),
        has("ticks_disputed", digits()),
        has("outcome", or_null(word(&["won", "lost", "draw"]))),
        has("reason", or_null(word(&["conflict_resolved", "timeout"]))),
    ];
    object(members.into_iter().chain(efforts()))
}

fn efforts() -> [super::schema::Member; 4] {
    let action = object([
        has("kind", word(&["start", "dissection", "proof", "timeout", "wait"])),
        has("level", level()),
        has("description", text()),
        may("choice", digits()),
        may("sections", natural()),
        may("proof_size", natural()),
    ]);
    [
        has("moves", natural()),
        has("last_action", or_null(action)),
        has("last_proof_size", or_null(natural())),
        has("seconds_recomputing", number()),
    ]
}

/// The network's conflicts, of all stakers that contradict the node, with what the node knows besides.
pub(super) async fn conflicts(State(context): State<Context>) -> Answer {
    let (status, games, ids) = (context.status.get(), context.games.get(), context.config.ids);
    let shown = status.conflicts.iter().map(|found| {
        let conflict = Conflict {
            other: found.publisher,
            their_commitment: found.theirs,
            our_commitment: found.ours,
            parent_commitment: found.ours.predecessor,
        };
        let mut out = conflict.to_json(ids);
        out["their_commitment_hash"] = found.theirs.hash().to_json(ids);
        out["our_commitment_hash"] = found.ours.hash().to_json(ids);
        out["published_at_level"] = json!(found.published_at.get());
        out["in_game"] = json!(games.open.iter().any(|game| game.opponent == found.publisher));
        out
    });
    Ok(Json(shown.collect()))
}

/// The network's games of the node's staker, with what the node knows besides.
pub(super) async fn games(State(context): State<Context>) -> Answer {
    let ids = context.config.ids;
    Ok(Json(context.games.get().open.iter().map(|game| shown(game, ids)).collect()))
}

/// Games that ended since the node was started, the oldest first.
pub(super) async fn ended_games(State(context): State<Context>) -> Answer {
    let ids = context.config.ids;
    Ok(Json(context.games.get().ended.iter().map(|game| ended(game, ids)).collect()))
}

/// What the node's staker has at stake; `null` if its mode has nothing to do with stakes.
pub(super) async fn stake_(State(context): State<Context>) -> Answer {
    let ids = context.config.ids;
    let stake = context.status.get().stake.map(|stake| {
        let on = stake.on.map(|on| json!({"hash": on.hash.to_json(ids), "level": on.level.get()}));
        json!({
            "staker": stake.staker.to_json(ids),
            "staked_on": on,
            "bond": stake.bond.to_string(),
            "at_risk": stake.at_risk,
        })
    });
    Ok(Json(json!(stake)))
}

fn shown(status: &GameStatus, ids: IdFamily) -> Value {
    let side = status.side();
    let stakers = &status.game.stakers;
    let mut out = json!({
        "game": status.game.to_network_json(ids),
        "alice": stakers.staker(Player::Alice).to_json(ids),
        "bob": stakers.staker(Player::Bob).to_json(ids),
        "staker": status.staker.to_json(ids),
        "opponent": status.opponent.to_json(ids),
        "their_commitment_hash": status.their_commitment.map(|hash| hash.to_json(ids)),
        "inbox_level": status.inbox_level().get(),
        "seen_at_level": status.seen_at.get(),
        "phase": match &status.game.state {
            GameState::Dissecting { .. } => "dissecting",
            GameState::FinalMove { .. } => "final_move",
        },
        "our_turn": status.our_turn(),
        "ticks_disputed": status.first_ticks.to_string(),
        "ticks_in_dispute": status.ticks_in_dispute().to_string(),
        "blocks_left": status.blocks_left(side),
        "opponent_blocks_left": status.blocks_left(side.opponent()),
    });
    add(&mut out, effort(&status.effort));
    out
}

fn ended(game: &EndedGame, ids: IdFamily) -> Value {
    let mut out = json!({
        "staker": game.last.staker.to_json(ids),
        "opponent": game.last.opponent.to_json(ids),
        "their_commitment_hash": game.last.their_commitment.map(|hash| hash.to_json(ids)),
        "inbox_level": game.last.inbox_level().get(),
        "start_level": game.last.game.start_level.get(),
        "ended_at_level": game.ended_at.get(),
        "ticks_disputed": game.last.first_ticks.to_string(),
        "outcome": game.outcome.map(Outcome::name),
        "reason": match game.outcome {
            Some(Outcome::Won(reason) | Outcome::Lost(reason)) => Some(match reason {
                LossReason::ConflictResolved => "conflict_resolved",
                LossReason::Timeout => "timeout",
            }),
            _ => None,
        },
    });
    add(&mut out, effort(&game.last.effort));
    out
}

fn effort(effort: &Effort) -> Value {
    json!({
        "moves": effort.moves,
        "last_action": effort.last_action.as_ref().map(|(action, at)| last_action(action, at.get())),
        "last_proof_size": effort.last_proof_size,
        "seconds_recomputing": effort.recomputing.as_secs_f64(),
    })
}

fn last_action(action: &Action, level: u32) -> Value {
    let mut out = json!({"kind": action.name(), "level": level, "description": action.to_string()});
    match action {
        Action::Dissected { choice, sections } => {
            out["choice"] = json!(choice.to_string());
            out["sections"] = json!(sections);
        }
        Action::Proved { choice, bytes } => {
            out["choice"] = json!(choice.to_string());
            out["proof_size"] = json!(bytes);
        }
        Action::Opened | Action::TimedOut | Action::Waits { .. } => (),
    }
    out
}

fn add(out: &mut Value, more: Value) {
    if let (Value::Object(out), Value::Object(more)) = (out, more) {
        out.extend(more);
    }
}
