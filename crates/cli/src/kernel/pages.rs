//! `soru kernel pages` and `soru kernel check-pages`: the folder of the reveal channel.

use super::{make_folder, setup_file, write_whole};
use crate::pvm::kernel::read_file;
use crate::{UsageError, output};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use soru_node::reveals::{PREIMAGE_DIR, PageFileError, read_page};
use soru_pvm::reveal::PreimageHash;
use soru_pvm::reveal::pages::{Page, PageTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where pages are.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// Folder of the pages: each is a file named by its hash
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Data directory of a rollup node, that has its pages in wasm_2_0_0
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> Result<PathBuf> {
        match (&self.out, &self.data_dir) {
            (Some(out), None) => Ok(out.clone()),
            (None, Some(node)) => Ok(node.join(PREIMAGE_DIR)),
            _ => Err(UsageError("expected --out or --data-dir".to_owned()).into()),
        }
    }
}

#[derive(Args)]
pub(crate) struct PagesOptions {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    place: Place,
    /// Say which pages of the tree with this root are missing; may be given more than once
    #[arg(long = "root", value_name = "HASH", value_parser = |text: &str| setup_file::root(text).map_err(|e| format!("{e:#}")))]
    roots: Vec<PreimageHash>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn split(options: &PagesOptions) -> Result<()> {
    let file = read_file(&options.file, "the file")?;
    let tree = PageTree::of(&file);
    let folder = options.place.folder()?;
    write(&tree, &folder)?;
    let (root, count) = (tree.root, tree.pages.len());
    if options.json {
        return output::line(json!({ "root_hash": root.to_string(), "pages": count, "bytes": file.len() }));
    }
    show(&file, &tree, &folder)
}

pub(super) fn show(file: &[u8], tree: &PageTree, dir: &Path) -> Result<()> {
    let count = tree.pages.len();
    output::line(format_args!("ROOT_HASH: {}", tree.root))?;
    output::line(format_args!("{} bytes in {}: {}", file.len(), pages(count), dir.display()))
}

fn pages(count: usize) -> String {
    if count == 1 { "1 page".to_owned() } else { format!("{count} pages") }
}

/// The root comes last: where it is, everything is.
pub(super) fn write(tree: &PageTree, dir: &Path) -> Result<()> {
    make_folder(dir)?;
    tree.pages.iter().try_for_each(|(hash, page)| write_whole(&dir.join(hash.to_string()), page))
}

/// What is in a folder of pages.
#[derive(Debug, Default)]
struct Found {
    pages: BTreeMap<PreimageHash, Vec<u8>>,
    /// Names of files that are no pages, and why.
    wrong: BTreeMap<String, String>,
}

pub(super) fn check(options: &CheckOptions) -> Result<()> {
    let folder = options.place.folder()?;
    let found = found(&folder)?;
    let missing: BTreeSet<_> = options.roots.iter().flat_map(|root| missing(*root, &found.pages)).collect();
    if options.json {
        output::line(json!({
            "pages": found.pages.len(),
            "wrong": found.wrong.iter().map(|(file, why)| json!({ "file": file, "reason": why })).collect::<Vec<_>>(),
            "missing": missing.iter().map(PreimageHash::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        output::line(format_args!("{}: {}", folder.display(), pages(found.pages.len())))?;
        for (file, why) in &found.wrong {
            output::line(format_args!("{file} is no page: {why}"))?;
        }
        for hash in &missing {
            output::line(format_args!("{hash} is missing"))?;
        }
    }
    match (found.wrong.len(), missing.len()) {
        (0, 0) => Ok(()),
        (wrong, missing) => bail!("files that are no pages: {wrong}; pages that are missing: {missing}"),
    }
}

fn found(folder: &Path) -> Result<Found> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut found = Found::default();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match page(&entry.path(), &name) {
            Ok((hash, page)) => {
                found.pages.insert(hash, page);
            }
            Err(why) => {
                found.wrong.insert(name, why);
            }
        }
    }
    Ok(found)
}

fn page(path: &Path, name: &str) -> Result<(PreimageHash, Vec<u8>), String> {
    // A node takes the name without the byte of the scheme, too.
    let hash = [name.to_owned(), format!("00{name}")].iter().find_map(|name| name.parse().ok());
    let hash: PreimageHash = hash.ok_or("its name is no hash of a page")?;
    let named = name == hash.to_string() || name == hex::encode(hash.0);
    if !named {
        return Err("a node looks for small letters".to_owned());
    }
    read_page(path, hash).map(|page| (hash, page)).map_err(|why: PageFileError| why.to_string())
}

/// The pages of a tree that are not there, as far as those that are there tell.
fn missing(root: PreimageHash, pages: &BTreeMap<PreimageHash, Vec<u8>>) -> BTreeSet<PreimageHash> {
    let (mut open, mut seen, mut missing) = (vec![root], BTreeSet::from([root]), BTreeSet::new());
    while let Some(hash) = open.pop() {
        match pages.get(&hash).map(|page| Page::parse(page)) {
            None => {
                missing.insert(hash);
            }
            Some(Some(Page::Hashes(hashes))) => {
                open.extend(hashes.into_iter().filter(|hash| seen.insert(*hash)));
            }
            Some(_) => {}
        }
    }
    missing
}
