//! `soru kernel examples`: the kernels that the program carries, and contracts that talk with them, as files to try things on.

use crate::output;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Options {
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "examples")]
    out: PathBuf,
}

/// File name, contents, what it is.
type Example = (&'static str, &'static [u8], &'static str);

const EXAMPLES: &[Example] = &[
    ("echo.wasm", soru_kernels::ECHO, "writes every external message to the outbox"),
    ("notary.wasm", soru_kernels::NOTARY, "counts external messages, answers a contract's bytes with bytes"),
    ("certified.tz", include_bytes!("../../demo/certified.tz"), "has bytes certified by a notary rollup"),
    ("vault.tz", include_bytes!("vault.tz"), "pays tez to whom a notary rollup names"),
];

pub(super) fn run(options: &Options) -> Result<()> {
    super::make_folder(&options.out)?;
    for (name, bytes, about) in EXAMPLES {
        let path = options.out.join(name);
        super::write_whole(&path, bytes)?;
        output::line(format_args!("{:<24} {:>6} bytes: {about}", path.display(), bytes.len()))?;
    }
    Ok(())
}
