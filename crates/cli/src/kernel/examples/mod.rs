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
    ("counter.wasm", soru_kernels::COUNTER, "a number that messages change, told to contracts"),
    ("echo.wasm", soru_kernels::ECHO, "writes every external message to the outbox"),
    ("library.wasm", soru_kernels::LIBRARY, "fetches books from the reveal channel, page by page"),
    ("notary.wasm", soru_kernels::NOTARY, "counts external messages, answers a contract's bytes with bytes"),
    ("token.wasm", soru_kernels::TOKEN, "units that come and go as tickets, moved by signed messages"),
    ("bridge.tz", soru_kernels::BRIDGE_TZ, "locks tez and mints the tickets of a token rollup"),
    ("certified.tz", include_bytes!("../../demo/certified.tz"), "has bytes certified by a notary rollup"),
    ("reader.tz", soru_kernels::READER_TZ, "keeps the number that a counter rollup tells it"),
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
