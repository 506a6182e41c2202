//! The kernel of the demo, and the page that it asks for; another one for those who lie about refused kernels.

use anyhow::{Context, Result};
use soru_base::Binary;
use soru_dispute::Spec;
use soru_pvm::reveal::PreimageHash;
use std::fmt::Write as _;
use std::path::Path;

/// Its text, with a hole where the hash of the page belongs.
const TEXT: &str = include_str!("kernel.wat");
const HOLE: &str = "{PAGE}";

/// What the kernel asks its node for at every run.
const PAGE: &[u8] =
    b"Anyone can recompute, anyone can dispute, and the answer is the same on every engine.\n";

/// What the machine refuses: it is stuck from its first run on, and the layer-1 takes it all the same.
const REFUSED: &[u8] = b"\0asm is how kernels begin, but not how they go on";

/// An adversary that lies about a stuck machine only.
const ABOUT_STUCK: &str = "stuck";

/// A kernel that gives these adversaries something to lie about, and what to call it.
pub(super) fn for_lies(specs: &[Spec]) -> Result<(Vec<u8>, &'static str)> {
    if specs.iter().any(|spec| spec.name() == ABOUT_STUCK) {
        return Ok((REFUSED.to_vec(), "one that the machine refuses"));
    }
    Ok((working()?, "sums what it reads and reveals"))
}

fn working() -> Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_adversary_that_needs_a_refused_kernel() {
        let specs = |text: &str| [text.parse().unwrap()];
        assert_eq!(for_lies(&specs(ABOUT_STUCK)).unwrap().0, REFUSED);
        let (kernel, _) = for_lies(&specs("eval")).unwrap();
        let page = PreimageHash::of_page(PAGE).to_bytes();
        assert!(kernel.windows(page.len()).any(|bytes| bytes == page), "it knows the page");
    }
}
