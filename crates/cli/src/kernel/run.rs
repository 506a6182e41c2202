//! `soru kernel run`: `soru pvm run` under the name that one looks for.

use crate::pvm::{RunOptions, run_kernel};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    run: RunOptions,
}

pub(super) fn run(options: &Options) -> Result<()> {
    run_kernel(&options.run)
}
