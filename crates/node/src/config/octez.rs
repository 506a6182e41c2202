//! The keys of Octez's configuration that Soru has no use for. A file of Octez's node can be taken over as it is, unless it asks
//! for what Soru does not do.

use super::keys::{Faults, Object};
use serde_json::{Value, json};

/// A key that makes no difference here.
const UNUSED: &[(&str, &str)] = &[
    ("performance-metrics", "the metrics are always all there"),
    ("l1_blocks_cache_size", "blocks of the layer-1 are asked for once"),
    ("l2_blocks_cache_size", "blocks are read from the store"),
    ("prefetch_blocks", "eight blocks are asked for ahead"),
    ("loop_retry_delay", "the waits between attempts grow by themselves"),
    ("index_buffer_size", "there is no such index"),
    ("irmin_cache_size", "there is no Irmin"),
    ("slow-vm-fallback", "what the compiled engine cannot run exactly always goes tick by tick"),
    ("commit-on", "the state after each block is stored"),
    ("dal_slot_status_max_fetch_attempts", "there is no data availability layer"),
];

/// Whether a value asks for nothing.
type Asks = fn(&Value) -> bool;

/// A key whose value must be one that asks for nothing.
const REFUSED: &[(&str, Asks, &str)] = &[
    ("etherlink", json_false, "Soru has nothing that is only for Etherlink: leave it out"),
    ("acl", json_empty, "which routes are open to others is said by `rpc-allow`"),
    ("loser-mode", json_blank, "`soru node run --adversary` lies, and only to a sandbox"),
    ("apply-unsafe-patches", json_false, "states are the network's: Soru patches none"),
    ("unsafe-pvm-patches", json_empty, "states are the network's: Soru patches none"),
    ("DAL node endpoint", json_null, "Soru has no data availability layer"),
    ("l1_monitor_finalized", json_false, "Soru follows the head, and takes back what is reorganised"),
    (
        "unsafe-disable-wasm-kernel-checks",
        json_false,
        "kernels are always checked, as the network checks them",
    ),
    ("no-degraded", json_false, "a level that cannot be evaluated is tried again: watch `/health`"),
    ("opentelemetry", json_quiet, "Soru sends no traces: there are `/metrics` and the log"),
];

fn json_false(value: &Value) -> bool {
    *value == json!(false)
}

fn json_null(value: &Value) -> bool {
    value.is_null()
}

fn json_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

fn json_blank(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

fn json_quiet(value: &Value) -> bool {
    value.is_null() || json_false(value) || value.get("enable").is_some_and(json_false)
}

pub(super) fn parse(object: &mut Object<'_>, faults: &mut Faults) {
    for (name, why) in UNUSED {
        object.unused(name, why, faults);
    }
    for (name, fine, why) in REFUSED {
        object.refused(name, *fine, why, faults);
    }
}
