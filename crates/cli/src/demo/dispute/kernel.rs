//! The kernel of the demo, and the page that it asks for.

use anyhow::{Context, Result};
use soru_base::Binary;
use soru_pvm::reveal::PreimageHash;
use std::fmt::Write as _;
use std::path::Path;

/// Its text, with a hole where the hash of the page belongs.
const TEXT: &str = include_str!("kernel.wat");
const HOLE: &str = "{PAGE}";

/// What the kernel asks its node for at every run.
const PAGE: &[u8] =
    b"Anyone can recompute, anyone can dispute, and the answer is the same on every engine.\n";

/// The kernel's bytes.
pub(super) fn bytes() -> Result<Vec<u8>> {
    let hash = PreimageHash::of_page(PAGE).to_bytes();
    let escaped = hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    wat::parse_str(TEXT.replace(HOLE, &escaped)).context("the kernel of the demo cannot be assembled")
}

/// Puts the page where a node with that data directory looks for it.
pub(super) fn add_page(data_dir: &Path) -> Result<()> {
    let pages = data_dir.join(soru_node::reveals::PREIMAGE_DIR);
    std::fs::create_dir_all(&pages).with_context(|| format!("cannot make {}", pages.display()))?;
    let file = pages.join(PreimageHash::of_page(PAGE).to_string());
    std::fs::write(&file, PAGE).with_context(|| format!("cannot write {}", file.display()))
}
