//! `soru kernel new` and `soru kernel build`: kernels in Rust.

use super::check::{refuse_broken, show, to_json};
use super::{make_folder, write_whole};
use crate::{UsageError, output};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde_json::Value;
use soru_engine::{strip, survey};
use soru_kernels::cargo;
use soru_pvm::Version;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Args)]
pub(crate) struct NewOptions {
    /// The folder, which must not be there yet
    dir: PathBuf,
    /// Name of the package [default: that of the folder]
    #[arg(long)]
    name: Option<String>,
}

#[derive(Args)]
pub(crate) struct BuildOptions {
    /// Folder of the package
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Cargo's profile. Kernels that are not optimised are large: they need an installer
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
    /// Leave the custom sections in, such as the names of functions: for looking into it, not for originating
    #[arg(long)]
    keep_names: bool,
    /// Print one JSON object a kernel
    #[arg(long)]
    json: bool,
}

/// The files of a new package. `NAME` stands for its name, `FILE` for that of its library.
const TEMPLATE: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("README.md", include_str!("template/README.md")),
    ("inputs.json", include_str!("template/inputs.json")),
    ("src/lib.rs", include_str!("template/lib.rs")),
    ("src/host.rs", include_str!("template/host.rs")),
    ("src/tally.rs", include_str!("template/tally.rs")),
    (".gitignore", "/target\n"),
];

pub(super) fn new(options: &NewOptions) -> Result<()> {
    let name = name(options)?;
    let dir = &options.dir;
    if dir.symlink_metadata().is_ok() {
        bail!("{} is there already", dir.display());
    }
    make_folder(&dir.join("src"))?;
    for (file, text) in TEMPLATE {
        let text = text.replace("NAME", name).replace("FILE", &name.replace('-', "_"));
        write_whole(&dir.join(file), text.as_bytes())?;
    }
    output::line(format_args!("{}: the kernel `{name}`; its README.md says how to go on", dir.display()))
}

fn name(options: &NewOptions) -> Result<&str> {
    let of_folder = || options.dir.file_name().and_then(|name| name.to_str());
    let name = options.name.as_deref().or_else(of_folder).unwrap_or_default();
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if good && name.len() <= 64 {
        return Ok(name);
    }
    Err(UsageError(format!(
        "`{name}` is no name for a package: expected a small letter, then small letters, digits, `-` and `_`; --name says another"
    ))
    .into())
}

pub(super) fn build(options: &BuildOptions) -> Result<()> {
    let dir = options
        .dir
        .canonicalize()
        .with_context(|| format!("there is no folder {}", options.dir.display()))?;
    let mut broken = None;
    let built = built(&dir, options)?;
    if built.is_empty() {
        bail!(
            "{} has no library of the crate type `cdylib`: that is what a kernel is made of",
            dir.display()
        );
    }
    let out = options.dir.join("target").join("kernels");
    make_folder(&out)?;
    for path in built {
        let kernel = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let kernel = if options.keep_names { kernel } else { strip(&kernel)? };
        let file = path.file_name().ok_or_else(|| anyhow!("{} has no name", path.display()))?;
        let path = out.join(file);
        write_whole(&path, &kernel)?;
        let survey = survey(&kernel, Version::V0);
        if options.json {
            let mut line = to_json(&survey, &kernel, Version::V0);
            line["kernel"] = path.display().to_string().into();
            output::line(line)?;
        } else {
            output::line(path.display())?;
            show(&survey, &kernel)?;
        }
        broken = broken.or(refuse_broken(&survey, &path, Version::V0).err());
    }
    broken.map_or(Ok(()), Err)
}

/// The WebAssembly that cargo leaves, of each kernel of the folder: of the package there, or of those of a workspace.
fn built(dir: &Path, options: &BuildOptions) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for package in kernels(dir)? {
        let mut command = cargo::build(dir, &dir.join("target"), &package, &options.profile)
            .map_err(|error| anyhow!("{error}"))?;
        if options.keep_names && options.profile != "dev" {
            // The packages of kernels leave the names out on their own.
            command.args(["--config", "profile.release.strip=\"debuginfo\""]);
        }
        let messages = said(command.arg("--message-format=json-render-diagnostics"), "cargo build", dir)?;
        let artifacts = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["reason"] == "compiler-artifact" && message["package_id"] == *package)
            .filter_map(|message| message["filenames"].as_array().cloned())
            .flatten()
            .filter_map(|file| file.as_str().map(PathBuf::from));
        files.extend(artifacts.filter(|file| file.extension().is_some_and(|ending| ending == "wasm")));
    }
    Ok(files)
}

/// The packages that `cargo build` would build in the folder and that are kernels, as cargo identifies them.
fn kernels(dir: &Path) -> Result<Vec<String>> {
    let words = ["metadata", "--no-deps", "--format-version=1"];
    let metadata: Value =
        serde_json::from_str(&said(cargo::command(dir).args(words), "cargo metadata", dir)?)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let chosen = list(&metadata["workspace_default_members"]);
    let is_kernel = |package: &Value| {
        let targets = list(&package["targets"]);
        chosen.contains(&package["id"])
            && targets.iter().any(|target| list(&target["crate_types"]).contains(&"cdylib".into()))
    };
    let packages = list(&metadata["packages"]).into_iter().filter(is_kernel);
    Ok(packages.filter_map(|package| package["id"].as_str().map(str::to_owned)).collect())
}

/// What cargo says on standard output; what it says for people goes to standard error.
fn said(command: &mut Command, what: &str, dir: &Path) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cargo does not start")?;
    if !output.status.success() {
        bail!("{what} in {} failed: {}", dir.display(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
