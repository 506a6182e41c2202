//! `soru kernel`: for those who write kernels.

mod check;
mod examples;
mod install;
mod pages;
mod profile;
mod project;
mod run;
pub(crate) mod setup_file;

use anyhow::{Context, Result};
use clap::Subcommand;
use std::path::Path;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Begin a kernel in Rust: a folder with a package that builds, runs and can be originated
    New(project::NewOptions),
    /// Build the kernels of a folder in Rust, and check them
    ///
    /// The same sources give the same bytes on every machine: flags of the surroundings do not reach the build, and paths of the machine are
    /// taken out. The kernels are left in the folder `target/kernels`.
    Build(project::BuildOptions),
    /// Say whether a kernel keeps the rules, one by one, and how large it is
    ///
    /// A rule is kept, doubtful (the machine runs the kernel all the same) or broken (no rollup can live with it). With a broken one the exit
    /// code is 1.
    Check(check::Options),
    /// Run a kernel on a file of inputs, as `soru pvm run` does
    Run(run::Options),
    /// Say where the ticks of a kernel go: reading it, each function, each host function; what it keeps, and how far it is from the bound
    ///
    /// Runs are made by the tick-exact interpreter and told one by one, then those of a level together. Own ticks of functions and ticks of
    /// host functions add up to those of kernel_run. Names of functions are those of the kernel's name section: `soru kernel build --keep-names` leaves
    /// it in.
    Profile(profile::Options),
    /// Write the example kernels, and contracts that talk with them, to a folder
    Examples(examples::Options),
    /// Split a file into pages of the reveal channel
    Pages(pages::PagesOptions),
    /// Look at a folder of pages: which files are none, and what is missing of a tree
    ///
    /// If anything is wrong or missing, the exit code is 1.
    CheckPages(pages::CheckOptions),
    /// Make a small kernel that installs a large one from the reveal channel
    Installer(install::InstallerOptions),
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::New(options) => project::new(&options),
        Command::Build(options) => project::build(&options),
        Command::Check(options) => check::run(&options),
        Command::Run(options) => run::run(&options),
        Command::Profile(options) => profile::run(&options),
        Command::Examples(options) => examples::run(&options),
        Command::Pages(options) => pages::split(&options),
        Command::CheckPages(options) => pages::check(&options),
        Command::Installer(options) => install::installer(&options),
    }
}

/// Writes a file so that nobody sees a part of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))
}
