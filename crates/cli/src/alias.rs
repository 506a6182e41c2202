//! The program under the names of Octez's: `soru aliases` makes the links, the name it is called by says what it is.

use crate::{Arguments, Program, client, node, octez_node, output, repl, rollup_client};
use anyhow::{Context, Result, bail};
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Node,
    Client,
    RollupNode,
    RollupClient,
    Repl,
    /// The REPL, with the kernel as an option.
    Debugger,
}

/// A name of Octez.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alias {
    name: &'static str,
    role: Role,
}

/// The document's names, then today's.
pub(crate) const ALIASES: [Alias; 7] = [
    Alias { name: "octez-node", role: Role::Node },
    Alias { name: "octez-client", role: Role::Client },
    Alias { name: "octez-smart-rollup-node-alpha", role: Role::RollupNode },
    Alias { name: "octez-smart-rollup-client-alpha", role: Role::RollupClient },
    Alias { name: "octez-wasm-repl", role: Role::Repl },
    Alias { name: "octez-smart-rollup-node", role: Role::RollupNode },
    Alias { name: "octez-smart-rollup-wasm-debugger", role: Role::Debugger },
];

impl Alias {
    pub(crate) fn name(self) -> &'static str {
        self.name
    }

    /// The one that the program was called by.
    pub(crate) fn called(program: Option<&OsStr>) -> Option<Self> {
        let name = Path::new(program?).file_name()?;
        ALIASES.into_iter().find(|alias| name == alias.name)
    }

    /// The subcommand of `soru` that it is.
    pub(crate) fn subcommand(self) -> &'static str {
        match self.role {
            Role::Node => "octez-node",
            Role::Client => "client",
            Role::RollupNode => "node",
            Role::RollupClient => "rollup-client",
            Role::Repl | Role::Debugger => "repl",
        }
    }

    /// Its command line, with its own name in help and errors.
    pub(crate) fn command(self) -> Command {
        let all = Arguments::command();
        let part = all.find_subcommand(self.subcommand()).cloned().unwrap_or_default();
        let command = part
            .name(self.name)
            .bin_name(self.name)
            .display_name(self.name)
            .hide(false)
            .version(env!("CARGO_PKG_VERSION"));
        match self.role {
            Role::Debugger => command.mut_arg("kernel", |kernel| kernel.long("kernel").value_name("FILE")),
            _ => command,
        }
    }

    pub(crate) fn program(self, matches: &ArgMatches) -> Result<Program, clap::Error> {
        Ok(match self.role {
            Role::Node => Program::OctezNode(octez_node::Options::from_arg_matches(matches)?),
            Role::Client => Program::Client(Box::new(client::Options::from_arg_matches(matches)?)),
            Role::RollupNode => Program::Node(Box::new(node::Options::from_arg_matches(matches)?)),
            Role::RollupClient => Program::RollupClient(rollup_client::Options::from_arg_matches(matches)?),
            Role::Repl | Role::Debugger => Program::Repl(repl::Options::from_arg_matches(matches)?),
        })
    }
}

#[derive(Args)]
pub(crate) struct Options {
    /// Folder of the links; made if it is not there
    #[arg(long)]
    dir: PathBuf,
    /// Overwrite what is there under these names
    #[arg(long, short = 'f')]
    force: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let dir = &options.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let links = ALIASES.map(|alias| dir.join(alias.name));
    // All or none: a folder with links to two programs helps nobody.
    if let Some(taken) = links.iter().find(|link| !options.force && is_foreign(link, &program)) {
        bail!("{} is there already, and not a link to a soru: --force overwrites it", taken.display());
    }
    for link in &links {
        // A link that is replaced at once is there at any time.
        let new = link.with_extension("new");
        let _ = std::fs::remove_file(&new);
        std::os::unix::fs::symlink(&program, &new)
            .and_then(|()| std::fs::rename(&new, link))
            .with_context(|| format!("cannot make the link {}", link.display()))?;
        output::line(link.display())?;
    }
    Ok(())
}

/// Whether there is something else than a link to this program, or to another build of it.
fn is_foreign(link: &Path, program: &Path) -> bool {
    match std::fs::read_link(link) {
        Ok(target) => target != program && target.file_name() != program.file_name(),
        Err(_) => link.symlink_metadata().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_the_program_is() {
        let role = |name: &str| Alias::called(Some(OsStr::new(name))).map(|a| a.role);
        assert_eq!(role("/usr/bin/octez-client"), Some(Role::Client));
        assert_eq!(role("octez-smart-rollup-node-alpha"), Some(Role::RollupNode));
        assert_eq!(role("soru"), None);
        assert_eq!(Alias::called(None), None);
    }

    #[test]
    fn help_and_errors_bear_the_name() {
        for alias in ALIASES {
            let usage = alias.command().render_usage().to_string();
            assert!(usage.starts_with(&format!("Usage: {}", alias.name)), "{usage}");
            alias.command().debug_assert();
        }
    }

    /// The line of the document, without the quotation mark that is not closed there.
    #[test]
    fn options_stand_before_and_behind_the_words() {
        let alias = Alias::called(Some(OsStr::new("octez-smart-rollup-node-alpha"))).unwrap();
        let line = "octez-smart-rollup-node-alpha -d client run --data-dir node";
        let matches = alias.command().try_get_matches_from(line.split(' ')).unwrap();
        assert_eq!(matches.get_one::<PathBuf>("data_dir"), Some(&PathBuf::from("node")));
        assert_eq!(matches.get_many::<String>("words").unwrap().collect::<Vec<_>>(), ["run"]);
    }

    #[test]
    fn arguments_may_be_negative() {
        let alias = Alias::called(Some(OsStr::new("octez-client"))).unwrap();
        let line = "octez-client transfer 0 from alice to counter --arg -5 --burn-cap 1";
        let matches = alias.command().try_get_matches_from(line.split(' ')).unwrap();
        assert_eq!(matches.get_one::<String>("arg").map(String::as_str), Some("-5"));
    }

    #[test]
    fn links_are_made_and_made_again_but_never_over_a_program() {
        let dir = tempfile::tempdir().unwrap();
        let options = |force| Options { dir: dir.path().join("bin"), force };
        run(&options(false)).unwrap();
        run(&options(false)).unwrap();
        let client = dir.path().join("bin/octez-client");
        assert_eq!(std::fs::read_link(&client).unwrap(), std::env::current_exe().unwrap());
        std::fs::remove_file(&client).unwrap();
        std::fs::write(&client, "the real one").unwrap();
        let error = run(&options(false)).unwrap_err().to_string();
        assert!(error.contains("octez-client is there already"), "{error}");
        assert_eq!(std::fs::read(&client).unwrap(), b"the real one");
        run(&options(true)).unwrap();
        assert!(std::fs::read_link(&client).is_ok());
    }
}
