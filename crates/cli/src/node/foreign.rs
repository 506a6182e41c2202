//! Options of Octez's rollup node that this one does not take, each with what to do instead.

use clap::Args;

/// Known, so that the refusal says why.
#[derive(Args)]
pub(crate) struct Foreign {
    #[arg(long, hide = true)]
    dal_node: Option<String>,
    #[arg(long, hide = true)]
    dac_observer: Option<String>,
    #[arg(long, hide = true)]
    dac_timeout: Option<String>,
    #[arg(long, hide = true)]
    loser_mode: Option<String>,
    #[arg(long, hide = true)]
    index_buffer_size: Option<String>,
    #[arg(long, hide = true)]
    irmin_cache_size: Option<String>,
    #[arg(long, hide = true)]
    injector_attempts: Option<String>,
    #[arg(long, hide = true)]
    commit_on: Option<String>,
    #[arg(long, hide = true)]
    profiling: Option<String>,
    #[arg(long, hide = true)]
    no_degraded: bool,
    #[arg(long, hide = true)]
    apply_unsafe_patches: bool,
    #[arg(long, hide = true)]
    unsafe_disable_wasm_kernel_checks: bool,
    #[arg(long, hide = true)]
    slow_vm_fallback: bool,
    #[arg(long, hide = true)]
    etherlink: bool,
    #[arg(long, hide = true)]
    l1_monitor_finalized: bool,
    #[arg(long, hide = true)]
    enable_performance_metrics: bool,
    #[arg(long, hide = true)]
    disable_performance_metrics: bool,
}

const WHY: &[(&str, &str)] = &[
    ("dal-node", "Soru has no data availability layer"),
    ("dac-observer", "pages are files in the data directory, or come from --pre-images-endpoint"),
    ("dac-timeout", "pages are files in the data directory, or come from --pre-images-endpoint"),
    ("loser-mode", "--adversary lies, and only to a sandbox"),
    ("index-buffer-size", "there is no such index"),
    ("irmin-cache-size", "there is no Irmin"),
    ("injector-attempts", "a batch is sent until it is in a block, or taken apart"),
    ("commit-on", "the state after each block is stored"),
    ("profiling", "Soru sends no traces: there are --metrics-addr and the log"),
    ("no-degraded", "a level that cannot be evaluated is tried again: watch /health"),
    ("apply-unsafe-patches", "states are the network's: Soru patches none"),
    ("unsafe-disable-wasm-kernel-checks", "kernels are always checked, as the network checks them"),
    ("slow-vm-fallback", "what the compiled engine cannot run exactly goes tick by tick anyway"),
    ("etherlink", "Soru has nothing that is only for Etherlink"),
    ("l1-monitor-finalized", "Soru follows the head, and takes back what is reorganised"),
    ("enable-performance-metrics", "the metrics are always all there"),
    ("disable-performance-metrics", "the metrics are always all there"),
];

/// Why one of the options that were given is not taken.
pub(crate) fn refusal(given: &[String]) -> Option<String> {
    let (name, why) = WHY.iter().find(|(name, _)| given.iter().any(|g| g == name))?;
    Some(format!("--{name} is an option of Octez's rollup node that Soru's does not have: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        foreign: Foreign,
    }

    #[test]
    fn each_of_them_has_its_reason() {
        let command = Line::command();
        let names: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
        let known: Vec<&str> = WHY.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.iter().filter(|name| !known.contains(name)).count(), 0, "{names:?}");
        assert_eq!(names.len(), known.len());
        assert!(refusal(&["endpoint".into(), "dal-node".into()]).unwrap().contains("data availability"));
        assert_eq!(refusal(&["endpoint".into()]), None);
    }
}
