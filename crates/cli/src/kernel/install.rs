//! `soru kernel installer`: what is too large for one operation.

use super::check::{refuse_broken, size};
use super::setup_file::{self, Step};
use super::{pages, write_whole};
use crate::pvm::kernel::read_kernel;
use crate::{UsageError, output};
use anyhow::Result;
use clap::Args;
use serde_json::json;
use soru_engine::survey;
use soru_kernels::installer::{BOOT, Instruction, kernel};
use soru_node::reveals::PREIMAGE_DIR;
use soru_pvm::Version;
use soru_pvm::durable::Key;
use soru_pvm::reveal::PreimageHash;
use soru_pvm::reveal::pages::PageTree;
use std::path::PathBuf;

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
    /// Carry out the instructions of a file, in the form of the network's installer, before the kernel runs for the first time; may be given
    /// more than once
    #[arg(long = "setup-file", short = 'S', value_name = "FILE")]
    setup_files: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Where the kernel is put together before it takes its place.
const ASSEMBLED: &str = "/installer/kernel/boot.wasm";
/// Bytes of a hash with its scheme.
const HASH: usize = 33;

pub(super) fn installer(options: &InstallerOptions) -> Result<()> {
    let large = read_kernel(&options.kernel)?;
    let version = Version::V0;
    refuse_broken(&survey(&large, version), &options.kernel, version)?;
    let tree = PageTree::of(&large);
    let mut steps = vec![
        Step::Reveal { root: tree.root, to: ASSEMBLED.to_owned() },
        Step::Move { from: ASSEMBLED.to_owned(), to: BOOT.to_owned() },
    ];
    for text in &options.values {
        steps.push(value(text)?);
    }
    for path in &options.setup_files {
        steps.extend(setup_file::read(path)?);
    }
    let mut trees = vec![tree.clone()];
    let program = steps.into_iter().map(|step| by_pages(step, &mut trees)).collect::<Vec<_>>();
    let small = kernel(&program.iter().map(instruction).collect::<Vec<_>>())?;

    // The pages come first: where the installer is, everything is.
    let folder = options.out.join(PREIMAGE_DIR);
    trees.iter().try_for_each(|tree| pages::write(tree, &folder))?;
    let path = options.out.join("installer.wasm");
    write_whole(&path, &small)?;
    if options.json {
        return output::line(json!({
            "root_hash": tree.root.to_string(),
            "pages": tree.pages.len(),
            "bytes": large.len(),
            "installer": path.display().to_string(),
            "installer_bytes": small.len(),
        }));
    }
    pages::show(&large, &tree, &folder)?;
    output::line(format_args!("{}, {}", path.display(), size(&small)))
}

/// A value that is longer than a hash is revealed, as the network's tool has it: the installer stays small.
fn by_pages(step: Step, trees: &mut Vec<PageTree>) -> Step {
    match step {
        Step::Set { value, to } if value.len() > HASH => {
            let tree = PageTree::of(&value);
            let root = tree.root;
            trees.push(tree);
            Step::Reveal { root, to }
        }
        step => step,
    }
}

fn instruction(step: &Step) -> Instruction<'_> {
    match step {
        Step::Set { value, to } => Instruction::Set { value, to },
        Step::Reveal { root, to } => Instruction::Reveal { root: hash(root), to },
        Step::Move { from, to } => Instruction::Move { from, to },
    }
}

fn value(text: &str) -> Result<Step> {
    let wrong = |why: String| UsageError(format!("--set {text}: {why}"));
    let (key, value) = text.split_once('=').ok_or_else(|| wrong("expected KEY=HEX".into()))?;
    let parsed = Key::parse(key.as_bytes()).map_err(|e| wrong(format!("`{key}` is no key: {e}")))?;
    if parsed.is_readonly() {
        return Err(wrong(format!("a kernel cannot write to `{key}`")).into());
    }
    let value = hex::decode(value).map_err(|e| wrong(format!("`{value}` is not hexadecimal: {e}")))?;
    Ok(Step::Set { value, to: key.to_owned() })
}

fn hash(root: &PreimageHash) -> [u8; HASH] {
    let mut bytes = [0; HASH];
    bytes[1..].copy_from_slice(&root.0);
    bytes
}
