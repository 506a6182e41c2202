//! `soru node`: configure and run a rollup node.

mod foreign;
mod options;

pub(crate) use options::Options;

use crate::output;
use crate::phrase::{self, Parameters, Phrase};
use crate::wallet::{Passwords, Wallet};
use crate::{UsageError, client, lifeline};
use anyhow::{Result, anyhow, bail};
use options::SETTINGS;
use soru_base::{PublicKeyHash, RollupAddress};
use soru_l1::{Client, L1Error};
use soru_node::config::{self, Config, Mode, Operators, Purpose, Purposes};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    Init,
    Run,
    RunWith,
    OpenApi,
}

pub(crate) static GRAMMAR: &[Phrase<Command>] = &[
    Phrase {
        words: "init <mode> config for <rollup> with operators <operators...>",
        about: "Write config.json. Operators: one account for everything, or PURPOSE:ACCOUNT with the purposes \
                publish, add_messages (more than once: each sends a batch in a block), cement, refute; or operating, \
                batching, cementing, recovering, executing_outbox",
        options: &["force"],
        id: Command::Init,
    },
    Phrase {
        words: "init <mode> config for <rollup>",
        about: "The same, for a mode that signs nothing",
        options: &["force"],
        id: Command::Init,
    },
    Phrase {
        words: "run",
        about: "Run the node that is configured in --data-dir or --config-file; without a file, --mode and --rollup say \
                what it is",
        options: &["adversary", "mode", "rollup"],
        id: Command::Run,
    },
    Phrase {
        words: "run <mode> for <rollup> with operators <operators...>",
        about: "Run a node without a configuration file, or instead of what it says about these",
        options: &["adversary"],
        id: Command::RunWith,
    },
    Phrase {
        words: "run <mode> for <rollup>",
        about: "The same, for a mode that signs nothing",
        options: &["adversary"],
        id: Command::RunWith,
    },
    Phrase {
        words: "generate openapi",
        about: "Print the description of the node's RPC, as /openapi serves it",
        options: &[],
        id: Command::OpenApi,
    },
];

pub(crate) async fn run(options: Options, given: &[String]) -> Result<()> {
    let (phrase, parameters) = phrase::parse(GRAMMAR, &options.words)?;
    if let Some(refusal) = foreign::refusal(given) {
        return Err(UsageError(refusal).into());
    }
    phrase.check_options(given, SETTINGS)?;
    let wallet = wallet(&options)?;
    match phrase.id {
        Command::Init => {
            let config = options.put_into(from_words(&parameters, &wallet, &options)?)?;
            let path = config.init_file(&config_file(&options)?, options.force)?;
            output::line(format_args!("Smart rollup node configuration written in {}", path.display()))
        }
        Command::Run => {
            let config = match read(&options)? {
                Some(config) => patched(config, None, &wallet, &options)?,
                None => without_file(&wallet, &options)?,
            };
            serve(options.put_into(config)?, &options, &wallet).await
        }
        Command::RunWith => {
            let config = match read(&options)? {
                Some(config) => patched(config, Some(&parameters), &wallet, &options)?,
                None => from_words(&parameters, &wallet, &options)?,
            };
            serve(options.put_into(config)?, &options, &wallet).await
        }
        Command::OpenApi => output::json(soru_node::rpc::description()),
    }
}

/// The client's wallet, with the passwords of its encrypted keys.
fn wallet(options: &Options) -> Result<Wallet> {
    let base_dir = client::base_dir(options.base_dir.as_deref());
    let defaults = client::ClientConfig::read(&base_dir)?;
    let passwords = options.password_filename.clone().or_else(|| defaults.password_filename());
    Ok(Wallet::open(base_dir).with_passwords(Passwords::of_file(passwords)))
}

fn data_dir(options: &Options) -> Result<PathBuf> {
    options
        .data_dir
        .clone()
        .ok_or_else(|| UsageError("--data-dir is missing: the folder of the rollup node".to_owned()).into())
}

fn config_file(options: &Options) -> Result<PathBuf> {
    match &options.config_file {
        Some(file) => Ok(file.clone()),
        None => Ok(Config::path_in(&data_dir(options)?)),
    }
}

/// The configuration file, if there is one.
fn read(options: &Options) -> Result<Option<Config>> {
    let file = config_file(options)?;
    if !file.exists() {
        return Ok(None);
    }
    let beside = || file.parent().unwrap_or(&file).to_owned();
    let data_dir = options.data_dir.clone().unwrap_or_else(beside);
    Ok(Some(Config::read_file(&file, &data_dir)?))
}

/// A rollup's address as it was written: the text decides how identifiers are printed.
fn rollup_text(word: &str, wallet: &Wallet) -> Result<String> {
    match word.parse::<RollupAddress>() {
        Ok(_) => Ok(word.to_owned()),
        // A name may begin like an address; what is neither is more likely an address with a typing error.
        Err(error) => wallet.rollup_text(word).map_err(|unknown| match word {
            word if word.starts_with("scr1") || word.starts_with("sr1") => {
                anyhow!("`{word}` is no address of a smart rollup: {error}")
            }
            _ => unknown,
        }),
    }
}

fn mode_of(word: &str) -> Result<Mode> {
    word.parse().map_err(|e| anyhow!("{e}"))
}

fn from_words(parameters: &Parameters, wallet: &Wallet, options: &Options) -> Result<Config> {
    let mode = mode_of(parameters.get("mode"))?;
    let rollup = rollup_text(parameters.get("rollup"), wallet)?;
    let (named, default) = operators(parameters.rest("operators"), wallet)?;
    let operators = Operators::default().renamed(mode, &named, default).map_err(|e| anyhow!("{e}"))?;
    tell_unused(mode, &named);
    Ok(Config::new(mode, &rollup, operators, data_dir(options)?)?)
}

/// A node that is only told what it is; nobody signs for it.
fn without_file(wallet: &Wallet, options: &Options) -> Result<Config> {
    let (Some(mode), Some(rollup)) = (&options.mode, &options.rollup) else {
        bail!(
            "there is no configuration file {}: `soru node init` writes one; without one, `run <mode> for <rollup> with \
             operators …`, or --mode and --rollup, say what the node is",
            config_file(options)?.display()
        );
    };
    Ok(Config::new(mode_of(mode)?, &rollup_text(rollup, wallet)?, Operators::default(), data_dir(options)?)?)
}

/// A file's configuration, with what the command line says instead.
fn patched(config: Config, words: Option<&Parameters>, wallet: &Wallet, options: &Options) -> Result<Config> {
    let word = |name, option: &Option<String>| match words {
        Some(words) => Some(words.get(name).to_owned()),
        None => option.clone(),
    };
    let mode = word("mode", &options.mode).map_or(Ok(config.mode), |mode| mode_of(&mode))?;
    let (rollup, ids) = match word("rollup", &options.rollup) {
        Some(rollup) => config::parse_rollup(&rollup_text(&rollup, wallet)?).map_err(|e| anyhow!("{e}"))?,
        None => (config.rollup, config.ids),
    };
    let (named, default) = operators(words.map_or(&[], |words| words.rest("operators")), wallet)?;
    let operators = config.operators.renamed(mode, &named, default).map_err(|e| anyhow!("{e}"))?;
    tell_unused(mode, &named);
    let config = Config { mode, rollup, ids, operators, ..config };
    config.check()?;
    Ok(config)
}

/// Where nothing else is said, the layer-1 is that of the client: `config` in the wallet's folder names it.
fn with_endpoint_of_client(mut config: Config, options: &Options) -> Result<Config> {
    if config.options.endpoint == config::DEFAULT_ENDPOINT && options.endpoint.is_none() {
        let base_dir = client::base_dir(options.base_dir.as_deref());
        config.options.endpoint = client::ClientConfig::read(&base_dir)?.endpoint().to_owned();
    }
    Ok(config)
}

/// Who is named for what, and who for all else.
type Named = (Vec<(Purposes, PublicKeyHash)>, Option<PublicKeyHash>);

fn operators(words: &[String], wallet: &Wallet) -> Result<Named> {
    let (mut named, mut default) = (Vec::new(), None);
    for word in words {
        let (purpose, account) = word.split_once(':').unwrap_or(("default", word));
        if purpose == "default" {
            if default.replace(wallet.account(account)?).is_some() {
                bail!("`{word}` is a second account for everything: name the purpose of one of them");
            }
            continue;
        }
        let Some(purposes) = Purpose::of_word(purpose) else {
            bail!("unknown purpose `{purpose}` in `{word}`: expected one of {}", Purpose::WORDS.join(", "));
        };
        named.push((purposes, wallet.account(account)?));
    }
    Ok((named, default))
}

fn tell_unused(mode: Mode, named: &[(Purposes, PublicKeyHash)]) {
    for (purposes, key) in named {
        if !purposes.iter().any(|purpose| mode.injects(purpose)) {
            tracing::warn!("{key} signs nothing: a node in mode {mode} does not inject such operations");
        }
    }
}

async fn serve(config: Config, options: &Options, wallet: &Wallet) -> Result<()> {
    let mut config = with_endpoint_of_client(config, options)?;
    if let Some(spec) = &options.adversary {
        check_sandbox(&config).await?;
        let endpoint = soru_l1::shown_endpoint(&config.options.endpoint);
        tracing::warn!(
            "ADVERSARY {spec}: the deposit of this node's operator will be lost on {endpoint}, which is Soru's sandbox"
        );
        config.adversary = Some(spec.clone());
    }
    let mut signers = soru_node::Signers::new();
    for account in config.signers().keys() {
        signers.push(Arc::new(wallet.secret_key(account)?));
    }
    // Before anybody is told that it runs, and may want it to end.
    let ended = lifeline::ended();
    let node = soru_node::start(config, signers).await?;
    // For a program that started this one: the address, once it answers.
    output::line(format_args!("ready http://{}", node.rpc_addr()))?;
    Ok(node.run(ended).await?)
}

/// An adversary gives its deposit away: that is for a layer-1 without value only. The sandbox is known by an RPC that no
/// other layer-1 has, about the very chain that it serves.
async fn check_sandbox(config: &Config) -> Result<()> {
    let client = Client::new(&config.options.endpoint, config.ids)?;
    let endpoint = client.endpoint();
    let refusal = || {
        anyhow!(
            "--adversary: the layer-1 at {endpoint} is not Soru's sandbox (`soru sandbox run`): an adversary lies and loses \
             its deposit, which is for tests only"
        )
    };
    let unknown = |e: L1Error| match e.is_transient() {
        true => anyhow!(e).context(format!("--adversary: cannot tell what runs at {endpoint}")),
        false => refusal(),
    };
    let chain = client.chain_id().await.map_err(unknown)?.to_string();
    let info = client.get("/sandbox/info").await.map_err(unknown)?;
    if info["chain_id"].as_str() == Some(&chain) { Ok(()) } else { Err(refusal()) }
}
