//! `soru kernel pages` and `soru kernel installer`: what is too large for one operation.

use super::check::{refuse_broken, size};
use super::{make_folder, write_whole};
use crate::pvm::kernel::read_kernel;
use crate::{UsageError, output};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::json;
use soru_base::Binary;
use soru_engine::survey;
use soru_kernels::installer::{BOOT, Instruction, kernel};
use soru_node::reveals::PREIMAGE_DIR;
use soru_pvm::Version;
use soru_pvm::durable::Key;
use soru_pvm::reveal::pages::PageTree;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct PagesOptions {
    /// The file
    file: PathBuf,
    /// Folder of the pages, made if it is not there: each is a file named by its hash
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct InstallerOptions {
    /// The kernel to be installed: a .wasm file, or a .wat or .wast file of its text
    kernel: PathBuf,
    /// Folder of the result, made if it is not there: installer.wasm, and the pages in wasm_2_0_0
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write bytes to a key of the durable storage before the kernel runs for the first time
    #[arg(long = "set", value_name = "KEY=HEX")]
    values: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn pages(options: &PagesOptions) -> Result<()> {
    let path = options.file.display();
    let file = std::fs::read(&options.file).with_context(|| format!("cannot read {path}"))?;
    let tree = PageTree::of(&file);
    write_pages(&tree, &options.out)?;
    let (root, count) = (tree.root, tree.pages.len());
    if options.json {
        return output::line(json!({ "root_hash": root.to_string(), "pages": count, "bytes": file.len() }));
    }
    show(&file, &tree, &options.out)
}

/// Where the kernel is put together before it takes its place.
const ASSEMBLED: &str = "/installer/kernel/boot.wasm";

pub(super) fn installer(options: &InstallerOptions) -> Result<()> {
    let large = read_kernel(&options.kernel)?;
    let version = Version::V0;
    refuse_broken(&survey(&large, version), &options.kernel, version)?;
    let values = options.values.iter().map(|text| value(text)).collect::<Result<Vec<_>>>()?;
    let tree = PageTree::of(&large);
    let root: [u8; 33] = tree.root.to_bytes().try_into().map_err(|_| anyhow!("a hash has 33 bytes"))?;
    let mut program: Vec<_> = values.iter().map(|(to, value)| Instruction::Set { value, to }).collect();
    program.push(Instruction::Reveal { root: &root, to: ASSEMBLED });
    program.push(Instruction::Move { from: ASSEMBLED, to: BOOT });
    let small = kernel(&program)?;

    // The pages come first: where the installer is, everything is.
    write_pages(&tree, &options.out.join(PREIMAGE_DIR))?;
    let path = options.out.join("installer.wasm");
    write_whole(&path, &small)?;
    let (root, count) = (tree.root, tree.pages.len());
    if options.json {
        return output::line(json!({
            "root_hash": root.to_string(),
            "pages": count,
            "bytes": large.len(),
            "installer": path.display().to_string(),
            "installer_bytes": small.len(),
        }));
    }
    show(&large, &tree, &options.out.join(PREIMAGE_DIR))?;
    output::line(format_args!("{}, {}", path.display(), size(&small)))
}

fn show(file: &[u8], tree: &PageTree, dir: &Path) -> Result<()> {
    let count = tree.pages.len();
    let s = if count == 1 { "" } else { "s" };
    output::line(format_args!("ROOT_HASH: {}", tree.root))?;
    output::line(format_args!("{} bytes in {count} page{s}: {}", file.len(), dir.display()))
}

fn write_pages(tree: &PageTree, dir: &Path) -> Result<()> {
    make_folder(dir)?;
    tree.pages.iter().try_for_each(|(hash, page)| write_whole(&dir.join(hash.to_string()), page))
}

fn value(text: &str) -> Result<(&str, Vec<u8>)> {
    let wrong = |why: String| UsageError(format!("--set {text}: {why}"));
    let (key, value) = text.split_once('=').ok_or_else(|| wrong("expected KEY=HEX".into()))?;
    let parsed = Key::parse(key.as_bytes()).map_err(|e| wrong(format!("`{key}` is no key: {e}")))?;
    if parsed.is_readonly() {
        return Err(wrong(format!("a kernel cannot write to `{key}`")).into());
    }
    let value = hex::decode(value).map_err(|e| wrong(format!("`{value}` is not hexadecimal: {e}")))?;
    Ok((key, value))
}
