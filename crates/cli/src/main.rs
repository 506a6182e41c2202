//! The `soru` program: the grammar of commands, the wallet, what is printed.

mod alias;
mod bench;
mod client;
mod completion;
mod demo;
mod engine;
mod kernel;
mod lifeline;
mod node;
mod octez_node;
mod output;
mod pvm;
mod repl;
mod rollup_client;
mod sandbox;
mod wallet;

use anyhow::Context;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use soru_phrase as phrase;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Smart optimistic rollups for Tezos.
///
/// `soru demo` shows a whole rollup live on this machine; `soru help COMMAND` explains each part.
#[derive(Parser)]
#[command(name = "soru", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed, the reason is on standard error; 2 the command line is wrong.\n\
                          Logs go to standard error; SORU_LOG sets their level (error, warn, info, debug, trace).";

#[derive(Subcommand)]
enum Program {
    /// Show a rollup live: layer-1, two rollup nodes, messages, commitments, an executed outbox message
    Demo(demo::Options),
    /// Run the embedded layer-1
    Sandbox(sandbox::Options),
    /// Use a layer-1: keys, transfers, contracts, smart rollups
    Client(Box<client::Options>),
    /// Configure and run a rollup node
    Node(Box<node::Options>),
    /// Ask a rollup node
    RollupClient(rollup_client::Options),
    /// Write kernels: begin one, build it, check it, run it, install a large one
    #[command(subcommand)]
    Kernel(kernel::Command),
    /// Run kernels without any chain
    #[command(subcommand)]
    Pvm(pvm::Command),
    /// Debug a kernel: step through it tick by tick or run by run, look at its storage, memory and outbox
    Repl(repl::Options),
    /// Measure on this machine: engines side by side, disputes, messages, a node that catches up, the store
    Bench(bench::Options),
    /// Make links to this program under the names of Octez's, with whose words it then works
    Aliases(alias::Options),
    /// Print a script that completes commands, words and options in a shell
    Completion(completion::Options),
    #[command(hide = true)]
    OctezNode(octez_node::Options),
}

impl Program {
    /// What is logged unless `SORU_LOG` says otherwise: services tell what they do, commands only warn.
    fn log_level(&self) -> &'static str {
        match self {
            Self::Sandbox(_) | Self::Node(_) | Self::OctezNode(_) => "info",
            Self::Client(options) if options.logs_requests() => "warn,soru_l1::requests=debug",
            _ => "warn",
        }
    }
}

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    if std::env::var_os(completion::VARIABLE).is_some() {
        completion::answer(&line);
        return ExitCode::SUCCESS;
    }
    let (program, given) = read(&line);
    let filter = EnvFilter::try_from_env("SORU_LOG").unwrap_or_else(|_| EnvFilter::new(program.log_level()));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let program = std::thread::Builder::new().stack_size(STACK).spawn(move || run(program, &given));
    let result = program
        .context("cannot start the program's thread")
        .and_then(|thread| thread.join().map_err(|_| anyhow::anyhow!("the program failed: see above"))?);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e),
    }
}

/// The program that is asked for, by the name it is called or by its first word, and the options that are given.
fn read(line: &[OsString]) -> (Program, Vec<String>) {
    let read = match alias::Alias::called(line.first().map(OsString::as_os_str)) {
        Some(alias) => {
            let command = alias.command();
            let line = if alias.subcommand() == "client" {
                client::spell_out(line, 1, &command)
            } else {
                line.to_vec()
            };
            let matches = command.get_matches_from(line);
            alias.program(&matches).map(|program| (program, given(&matches)))
        }
        None => {
            let command = Arguments::command();
            let line = match command.find_subcommand("client") {
                Some(client) if line.get(1).is_some_and(|word| word == "client") => {
                    client::spell_out(line, 2, client)
                }
                _ => line.to_vec(),
            };
            let matches = command.get_matches_from(line);
            let given = matches.subcommand().map(|(_, program)| given(program)).unwrap_or_default();
            Arguments::from_arg_matches(&matches).map(|arguments| (arguments.program, given))
        }
    };
    read.unwrap_or_else(|e| e.exit())
}

/// The options that stand on the command line of a program, by their long names.
fn given(program: &ArgMatches) -> Vec<String> {
    let on_the_line = |id: &&clap::Id| {
        // Groups have an id, too, but no source.
        id.as_str() != "words"
            && program.try_contains_id(id.as_str()).is_ok()
            && program.value_source(id.as_str()) == Some(ValueSource::CommandLine)
            && id.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    program.ids().filter(on_the_line).map(|id| id.as_str().replace('_', "-")).collect()
}

/// Stack of every thread, in bytes, used as far as it is needed. Operations may hold expressions nested 10,000 deep, whose
/// JSON is read and dropped by recursion, at about a kilobyte for each of 20,000 levels.
const STACK: usize = 64 << 20;

fn run(program: Program, given: &[String]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        match program {
            Program::Demo(options) => demo::run(options).await,
            Program::Sandbox(options) => sandbox::run(options).await,
            Program::Client(options) => client::run(*options, given).await,
            Program::Node(options) => node::run(*options, given).await,
            Program::RollupClient(options) => rollup_client::run(options, given).await,
            Program::Kernel(command) => kernel::run(command),
            Program::Pvm(command) => pvm::run(command),
            Program::Repl(options) => repl::run(options).await,
            Program::Bench(options) => bench::run(options).await,
            Program::Aliases(options) => alias::run(&options),
            Program::Completion(options) => completion::run(&options),
            Program::OctezNode(options) => octez_node::run(options).await,
        }
    });
    // A task that hangs on a dead peer must not keep the program alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// The command line is wrong: exit code 2.
#[derive(Debug)]
struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The error and its causes, but for those whose words were said already.
fn chain(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| match cause.to_string() {
        words if said.is_empty() => words,
        words if said.contains(&words) => said,
        words => format!("{said}: {words}"),
    })
}

/// A text that may be a stranger's, without what a terminal would take for commands.
fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {}", plain(&chain(error)));
    if error.is::<UsageError>() || error.is::<phrase::PhraseError>() {
        ExitCode::from(2)
    } else {
        ExitCode::from(1)
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_terminal_obeys_no_error() {
        assert_eq!(plain("a\n\tb: \u{1b}[31mé\u{9b}2J\r"), "a\n\tb: \\u{1b}[31mé\\u{9b}2J\\r");
    }
}
