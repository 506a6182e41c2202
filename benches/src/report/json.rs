//! The report as JSON.

use super::Report;
use super::summary::{ratios, summary};
use crate::dispute::DisputeCost;
use crate::messages::MessagesCost;
use crate::samples::significant;
use crate::speed::{EngineSpeed, KernelSpeed};
use serde_json::{Value, json};

pub(super) fn report(report: &Report) -> Value {
    let Report { host, quick, kernels, disputes, messages, catch_up, commit } = report;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "quick": quick,
        "optimised": host.optimised,
        "rivals": host.rivals,
        "host": {
            "processor": host.processor,
            "cores": host.cores,
            "memory_bytes": host.memory_bytes,
            "system": host.system,
        },
        "summary": summary(report),
        "ratios": kernels.as_deref().map(ratios_json),
        "kernels": kernels.as_deref().map(|kernels| kernels.iter().map(kernel).collect::<Vec<_>>()),
        "disputes": disputes.as_deref().map(|disputes| disputes.iter().map(dispute).collect::<Vec<_>>()),
        "messages": messages.as_deref().map(|messages| messages.iter().map(echoed).collect::<Vec<_>>()),
        "catch_up": catch_up.as_ref().map(|cost| json!({
            "levels": cost.levels,
            "messages_per_level": cost.messages,
            "message_bytes": cost.message_bytes,
            "synced_write_seconds": cost.synced_write.as_secs_f64(),
            "layer1_seconds": cost.made.as_secs_f64(),
            "layer1_bytes": cost.layer1_bytes,
            "seconds": cost.time.as_secs_f64(),
            "seconds_at_work": cost.at_work.as_secs_f64(),
            "levels_per_second": significant(cost.rate()),
            "node_bytes": cost.node_bytes,
            "states": cost.states,
            "state_bytes": cost.state_bytes,
        })),
        "commit": commit.as_ref().map(|cost| json!({
            "keys": cost.keys,
            "changes_per_level": cost.changes,
            "writing_seconds": cost.writing.to_json(),
            "commit_seconds": cost.commit.to_json(),
            "bytes": cost.bytes,
        })),
    })
}

fn ratios_json(kernels: &[KernelSpeed]) -> Vec<Value> {
    let ratio = |ratio: super::summary::Ratio| {
        json!({
            "kernel": ratio.bench.name(),
            "engine": ratio.slow.name(),
            "over": ratio.fast.name(),
            "median": significant(ratio.median),
            "min": significant(ratio.range.0),
            "max": significant(ratio.range.1),
        })
    };
    ratios(kernels).into_iter().map(ratio).collect()
}

fn kernel(kernel: &KernelSpeed) -> Value {
    json!({
        "name": kernel.bench.name(),
        "about": kernel.bench.about(),
        "bytes": kernel.bytes,
        "engines": kernel.engines.iter().map(engine).collect::<Vec<_>>(),
    })
}

fn engine(speed: &EngineSpeed) -> Value {
    json!({
        "name": speed.engine.name(),
        "ticks": speed.ticks,
        "seconds": speed.seconds.to_json(),
        "ticks_per_second": speed.rate().to_json(),
        "first_run_seconds": significant(speed.first),
    })
}

fn dispute(dispute: &DisputeCost) -> Value {
    let moves = dispute.moves.iter().map(|found| {
        json!({
            "section_ticks": found.section,
            "seconds": significant(found.seconds),
            "proof_bytes": found.proof,
        })
    });
    json!({
        "kernel": dispute.bench.name(),
        "run_ticks": dispute.ticks,
        "evaluation_seconds": significant(dispute.evaluation),
        "moves": moves.collect::<Vec<_>>(),
    })
}

fn echoed(cost: &MessagesCost) -> Value {
    json!({
        "compiler": cost.compiler.name(),
        "messages_per_level": cost.messages,
        "message_bytes": cost.message_bytes,
        "seconds_per_level": cost.seconds.to_json(),
        "messages_per_second": cost.rate().to_json(),
    })
}
