//! The node's Prometheus metrics.

use crate::error::NodeError;
use crate::kernel_runs::Ending;
use crate::status::{Games, Outcome, Stake};
use crate::store::BlockRecord;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use soru_engine::{Decided, Status};
use std::sync::OnceLock;
use std::time::Duration;

/// Installs the recorder of the process, once; its handle renders the metrics.
pub(crate) fn install() -> Result<PrometheusHandle, NodeError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let level = Matcher::Full("soru_node_level_seconds".to_owned());
        let run = Matcher::Full(RUN_TICKS.to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(level, &LEVEL_SECONDS);
        let builder = builder.and_then(|builder| builder.set_buckets_for_metric(run, &TICKS));
        let recorder = builder.map_err(|e| e.to_string())?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|e| e.to_string())?;
        describe();
        Ok(handle)
    });
    handle.clone().map_err(|reason| NodeError::Part { part: "metrics", reason })
}

const LEVEL_SECONDS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

const RUN_TICKS: &str = "soru_node_kernel_run_ticks";
const RUN_TICKS_MOST: &str = "soru_node_kernel_run_ticks_most";
const RUN_TICKS_BOUND: &str = "soru_node_kernel_run_ticks_bound";
const RUNS: &str = "soru_node_kernel_runs_total";
const ENGINE_RUNS: &str = "soru_node_engine_runs_total";
const FALLBACKS: &str = "soru_node_engine_fallbacks_total";
const DEADLINES: &str = "soru_node_engine_deadlines_total";
const RETREATS: &str = "soru_node_engine_retreats_total";
const LEFT_OUT: &str = "soru_node_engine_left_out_total";
/// Up to the bound of the first versions, and of the later ones.
const TICKS: [f64; 13] = [1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 11e9, 1e12, 50e12];

/// Describes all metrics, so that they are there from the start.
fn describe() {
    describe_gauge!("soru_node_head_level", "Level of the last evaluated block.");
    describe_gauge!("soru_node_layer1_head_level", "Level of the layer-1's last known head.");
    describe_gauge!("soru_node_layer1_reachable", "1 if the layer-1 answered last.");
    describe_gauge!("soru_node_stuck", "1 if a level cannot be evaluated.");
    describe_gauge!("soru_node_cemented_level", "Level of the last cemented commitment.");
    describe_gauge!("soru_node_staked_level", "Level of the newest commitment the operator stakes on.");
    describe_gauge!("soru_node_conflicts", "Commitments of other stakers that contradict those of the node.");
    describe_gauge!("soru_node_bond_mutez", "Deposit of the operator that is locked.");
    describe_gauge!("soru_node_stake_at_risk_mutez", "Deposit that would be taken if a dispute were lost.");
    describe_gauge!("soru_node_games", "Refutation games that are being played.");
    describe_gauge!("soru_node_games_our_turn", "Refutation games in which the node has to move.");
    describe_gauge!("soru_node_game_blocks_left", "Blocks left for the most urgent move of the node.");
    describe_counter!("soru_node_games_ended_total", "Refutation games that ended.");
    describe_counter!("soru_node_levels_total", "Levels evaluated.");
    describe_counter!("soru_node_messages_total", "Messages read, the protocol's included.");
    describe_counter!("soru_node_ticks_total", "Ticks made.");
    describe_counter!("soru_node_commitments_computed_total", "Commitments computed.");
    describe_counter!("soru_node_commitments_published_total", "Commitments sent to be published.");
    describe_counter!("soru_node_commitments_cemented_total", "Commitments sent to be cemented.");
    describe_counter!("soru_node_bonds_recovered_total", "Operations sent to get the deposit back.");
    describe_counter!("soru_node_operations_refused_total", "Operations the layer-1 refused.");
    describe_counter!("soru_node_reorganisations_total", "Reorganisations of the layer-1.");
    describe_counter!("soru_node_blocks_abandoned_total", "Blocks abandoned in reorganisations.");
    describe_counter!("soru_node_states_collected_total", "States thrown away by garbage collection.");
    describe_histogram!(RUN_TICKS, "Ticks that a call of kernel_run really took, without its padding.");
    describe_gauge!(
        RUN_TICKS_MOST,
        "Ticks of the longest call of kernel_run in the last level that had one."
    );
    describe_gauge!(RUN_TICKS_BOUND, "Ticks that a call of kernel_run may take.");
    describe_counter!(RUNS, "Calls of kernel_run, by how they ended.");
    describe_counter!(ENGINE_RUNS, "Calls of kernel_run, by the engine that decided them.");
    describe_counter!(FALLBACKS, "Calls of kernel_run that a slower engine made again, by reason.");
    describe_counter!(DEADLINES, "Calls of kernel_run given up at the deadline.");
    describe_counter!(RETREATS, "Kernels that singlepass does not take, and cranelift compiled.");
    describe_counter!(
        LEFT_OUT,
        "Functions of kernels that the tick-exact interpreter leaves to the tick step."
    );
    describe_histogram!("soru_node_level_seconds", "Time a level took, inbox, kernel and store together.");
    gauge!("soru_node_stuck").set(0.0);
    gauge!("soru_node_layer1_reachable").set(0.0);
    for name in [
        "soru_node_levels_total",
        "soru_node_messages_total",
        "soru_node_ticks_total",
        "soru_node_commitments_computed_total",
        "soru_node_commitments_published_total",
        "soru_node_commitments_cemented_total",
        "soru_node_bonds_recovered_total",
        "soru_node_operations_refused_total",
        "soru_node_reorganisations_total",
        "soru_node_blocks_abandoned_total",
        "soru_node_states_collected_total",
    ] {
        counter!(name).increment(0);
    }
    for ending in Ending::ALL {
        counter!(RUNS, "end" => ending.name()).increment(0);
    }
}

pub(crate) fn evaluated(record: &BlockRecord, time: Duration) {
    counter!("soru_node_levels_total").increment(1);
    counter!("soru_node_messages_total").increment(record.num_messages.into());
    counter!("soru_node_ticks_total").increment(record.num_ticks.0);
    counter!("soru_node_commitments_computed_total").increment(record.commitment.is_some().into());
    histogram!("soru_node_level_seconds").record(time);
    let Some(runs) = &record.runs else { return };
    gauge!(RUN_TICKS_BOUND).set(runs.bound.0 as f64);
    if let Some(most) = runs.most() {
        gauge!(RUN_TICKS_MOST).set(most.0 as f64);
    }
    for run in &runs.runs {
        counter!(RUNS, "end" => run.ending.name()).increment(1);
        if let Some(ticks) = run.ticks {
            histogram!(RUN_TICKS).record(ticks.0 as f64);
        }
    }
}

/// What the engine has done since the node was started.
pub(crate) fn engine(status: &Status) {
    let Decided { compiled, tick_exact, reference } = status.decided;
    for (engine, runs) in [("compiled", compiled), ("tick-exact", tick_exact), ("reference", reference)] {
        counter!(ENGINE_RUNS, "engine" => engine).absolute(runs);
    }
    for (reason, runs) in status.fallbacks.by_reason() {
        counter!(FALLBACKS, "reason" => reason).absolute(runs);
    }
    counter!(DEADLINES).absolute(status.deadlines);
    counter!(RETREATS).absolute(status.retreats);
    counter!(LEFT_OUT).absolute(status.left_out);
}

pub(crate) fn head(record: &BlockRecord) {
    gauge!("soru_node_head_level").set(f64::from(record.level.get()));
}

pub(crate) fn layer1(reachable: bool, head: Option<u32>) {
    gauge!("soru_node_layer1_reachable").set(if reachable { 1.0 } else { 0.0 });
    if let Some(level) = head {
        gauge!("soru_node_layer1_head_level").set(f64::from(level));
    }
}

pub(crate) fn stuck(stuck: bool) {
    gauge!("soru_node_stuck").set(if stuck { 1.0 } else { 0.0 });
}

pub(crate) fn commitments(cemented: u32, staked: Option<u32>) {
    gauge!("soru_node_cemented_level").set(f64::from(cemented));
    if let Some(level) = staked {
        gauge!("soru_node_staked_level").set(f64::from(level));
    }
}

pub(crate) fn games(games: &Games) {
    let ours = games.open.iter().filter(|game| game.our_turn());
    let left = ours.clone().map(|game| game.blocks_left(game.side())).min();
    gauge!("soru_node_games").set(games.open.len() as f64);
    gauge!("soru_node_games_our_turn").set(ours.count() as f64);
    gauge!("soru_node_game_blocks_left").set(left.map_or(f64::NAN, |blocks| blocks as f64));
}

pub(crate) fn game_ended(outcome: Option<Outcome>) {
    let outcome = outcome.map_or("unknown", Outcome::name);
    counter!("soru_node_games_ended_total", "outcome" => outcome).increment(1);
}

pub(crate) fn published() {
    counter!("soru_node_commitments_published_total").increment(1);
}

pub(crate) fn cemented() {
    counter!("soru_node_commitments_cemented_total").increment(1);
}

pub(crate) fn recovered() {
    counter!("soru_node_bonds_recovered_total").increment(1);
}

pub(crate) fn disputes(conflicts: usize, stake: Option<&Stake>) {
    gauge!("soru_node_conflicts").set(conflicts as f64);
    let bond = stake.map_or(0, |stake| stake.bond);
    gauge!("soru_node_bond_mutez").set(bond as f64);
    let at_risk = stake.filter(|stake| stake.at_risk).map_or(0, |stake| stake.bond);
    gauge!("soru_node_stake_at_risk_mutez").set(at_risk as f64);
}

pub(crate) fn refused() {
    counter!("soru_node_operations_refused_total").increment(1);
}

pub(crate) fn reorganised(blocks: u32) {
    counter!("soru_node_reorganisations_total").increment(1);
    counter!("soru_node_blocks_abandoned_total").increment(blocks.into());
}

pub(crate) fn collected(states: usize) {
    counter!("soru_node_states_collected_total").increment(states as u64);
}
