//! `soru kernel run`: `soru pvm run`, and the ticks of each run.

use crate::pvm::{RunOptions, RunTicks, run_kernel};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    run: RunOptions,
    /// Count the ticks of each call of kernel_run, by going through them: some million a second
    #[arg(long)]
    ticks: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    if !options.ticks {
        return run_kernel(&options.run, |_| Ok(()));
    }
    let (counted, last) = RunTicks::count(&options.run)?;
    let mut found = None;
    run_kernel(&options.run, |line| {
        let level = line["level"].as_u64();
        let runs = counted.iter().filter(|run| Some(run.level.get().into()) == level);
        found = line["hash"].as_str().map(str::to_owned);
        line["runs"] = runs.map(|run| json!({ "ticks": run.ticks, "end": run.end })).collect();
        Ok(())
    })?;
    let last = last.to_hex();
    if found.as_ref().is_some_and(|found| *found != last) {
        bail!("tick by tick, the run comes to another state, {last}: that is a fault of soru");
    }
    Ok(())
}
