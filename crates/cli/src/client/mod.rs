//! `soru client`: use a layer-1.

mod amounts;
mod chain;
mod config;
mod contracts;
mod convert;
mod disputes;
mod failure;
mod grammar;
mod inject;
mod keys;
mod letters;
mod manual;
mod mnemonic;
mod names;
mod options;
mod receipt;
mod refused;
mod rollups;
mod rpc;
mod scripts;
mod signing;
mod stack;
mod state;
mod tickets;
mod verbose;

use crate::UsageError;
pub(super) use crate::output::{json as print_json, line as print};
use crate::phrase::{self, Parameters};
use crate::wallet::{Passwords, Wallet, is_secret};
use anyhow::{Context, Result, anyhow, bail};
use grammar::Command;
pub(crate) use grammar::GRAMMAR;
use soru_base::{IdFamily, Profile};
use soru_l1::Client;
use std::path::{Path, PathBuf};

pub(crate) use config::ClientConfig;
pub(crate) use inject::{Costs, Session};
pub(crate) use letters::spell_out;
pub(crate) use options::Options;

/// Options of every command.
const ALWAYS: &[&str] = &[
    "base-dir",
    "endpoint",
    "profile",
    "password-filename",
    "config-file",
    "wait",
    "block",
    "chain",
    "protocol",
    "log-requests",
    "mode",
    "media-type",
    "better-errors",
    "no-base-dir-warnings",
];

/// What a command needs.
struct Request {
    options: Options,
    wallet: Wallet,
    config: ClientConfig,
}

/// The folder of the wallet: the one given, or that of Octez's client.
pub(crate) fn base_dir(given: Option<&Path>) -> PathBuf {
    match (given, std::env::home_dir()) {
        (Some(dir), _) => dir.to_owned(),
        (None, Some(home)) => home.join(".tezos-client"),
        (None, None) => PathBuf::from(".tezos-client"),
    }
}

pub(crate) async fn run(options: Options, given: &[String]) -> Result<()> {
    let words = options.words.clone();
    done(options, given).await.map_err(|error| without_secrets(error, &words))
}

async fn done(options: Options, given: &[String]) -> Result<()> {
    if let Some(refusal) = options.refusal() {
        return Err(UsageError(refusal).into());
    }
    let (phrase, parameters) = match phrase::parse(&GRAMMAR, &options.words) {
        Ok(found) => found,
        Err(error) => {
            bail!(refused::explain(&options.words).map_or_else(|| error.into(), anyhow::Error::from))
        }
    };
    phrase.check_options(given, ALWAYS)?;
    let base_dir = base_dir(options.general.base_dir.as_deref());
    let config_file = options.general.config_file.clone().unwrap_or_else(|| config::file(&base_dir));
    if let Command::Config(command) = phrase.id {
        return config::run(command, &base_dir, &config_file, &options);
    }
    if phrase.id == Command::Manual {
        return manual::run(&options, &parameters);
    }
    let config = ClientConfig::read_file(&config_file)?;
    let passwords = options.general.password_filename.clone().or_else(|| config.password_filename());
    let wallet = Wallet::open(base_dir).with_passwords(Passwords::of_file(passwords));
    let request = Request { options, wallet, config };
    match phrase.id {
        Command::Keys(command) => keys::run(command, &request, &parameters),
        Command::Names(command) => names::run(command, &request, &parameters),
        Command::State(command) => state::run(command, &request, &parameters).await,
        Command::Contracts(command) => contracts::run(command, &request, &parameters).await,
        Command::Tickets(command) => tickets::run(command, &request, &parameters).await,
        Command::Scripts(command) => scripts::run(command, &request, &parameters).await,
        Command::Convert(command) => convert::run(command, &request, &parameters),
        Command::Signing(command) => signing::run(command, &request, &parameters).await,
        Command::Rollups(command) => rollups::run(command, &request, &parameters).await,
        Command::Disputes(command) => disputes::run(command, &request, &parameters).await,
        Command::Chain(command) => chain::run(command, &request, &parameters).await,
        Command::Rpc(command) => rpc::run(command, &request, &parameters).await,
        Command::Config(_) | Command::Manual => unreachable!("{:?} is done already", phrase.id),
    }
}

/// What looks like a secret key on the command line is repeated by no error.
fn without_secrets(error: anyhow::Error, words: &[String]) -> anyhow::Error {
    let told = crate::chain(&error);
    let masked = words.iter().filter(|word| is_secret(word)).fold(told.clone(), |told, word| {
        let key = word.rsplit(':').next().unwrap_or(word);
        told.replace(key, "…")
    });
    match masked == told {
        true => error,
        false => UsageError(masked).into(),
    }
}

impl Request {
    /// A connection to the layer-1, which is asked what it is as far as that was not said.
    async fn client(&self) -> Result<Client> {
        let general = &self.options.general;
        let asked = Client::new(self.endpoint(), IdFamily::Mainnet)?;
        if general.chain != "main" {
            let found = asked.chain_id().await?.to_string();
            if found != general.chain {
                bail!("--chain {}: the layer-1 has the chain {found} alone", general.chain);
            }
        }
        if let Some(wanted) = &general.protocol {
            let (_, next) = asked.protocols(general.block).await?;
            if !next.to_string().starts_with(wanted.as_str()) {
                bail!("--protocol {wanted}: the layer-1 has the protocol {next}");
            }
        }
        let family = match general.profile {
            Some(name) => Profile::named(name).ids,
            None => family_of(self.endpoint()).await?,
        };
        Ok(Client::new(self.endpoint(), family)?)
    }

    fn endpoint(&self) -> &str {
        self.options.general.endpoint.as_deref().unwrap_or_else(|| self.config.endpoint())
    }

    /// The path of something below the block that is looked at.
    fn path(&self, below: &str) -> String {
        format!("/chains/main/blocks/{}{below}", self.options.general.block)
    }

    /// How many blocks to wait for on top of an operation's block; `None` not to wait at all.
    fn confirmations(&self) -> Result<Option<u32>> {
        match self.options.general.wait.as_deref() {
            None => Ok(Some(self.config.confirmations())),
            Some("none") => Ok(None),
            Some(n) => n.parse().map(Some).map_err(|_| {
                UsageError(format!("--wait {n}: expected a number of blocks, or `none`")).into()
            }),
        }
    }

    /// The key `source`, ready to sign on the layer-1; with --simulation, its public key is enough.
    async fn session(&self, source: &str) -> Result<Session> {
        let account = self.wallet.account(source)?;
        let client = self.client().await?;
        let costs = Costs::of(&self.options.costs, self.options.force);
        if self.options.costs.simulation {
            let known = match self.wallet.public_key(&account)? {
                Some(key) => Some(key),
                None => client.manager_key(self.options.general.block, account).await?,
            };
            let key = known.ok_or_else(|| {
                anyhow!("no public key of {account}, neither in the wallet nor on the chain")
            })?;
            return Ok(Session::unsigned(client, key, costs));
        }
        // The layer-1 is asked first: nobody types a password for nothing.
        client.chain_id().await?;
        Ok(Session::new(client, self.wallet.secret_key(&account)?, costs))
    }
}

/// How the layer-1 at `endpoint` writes the identifiers of smart rollups, by its protocol.
pub(crate) async fn family_of(endpoint: &str) -> Result<IdFamily> {
    let client = Client::new(endpoint, IdFamily::Mainnet)?;
    let (protocol, _) = client.protocols(soru_l1::BlockId::HEAD).await?;
    let alpha = Profile::alpha();
    Ok(if protocol == alpha.protocol { alpha.ids } else { IdFamily::Mainnet })
}

fn number<T: std::str::FromStr>(parameters: &Parameters, name: &str) -> Result<T> {
    let word = parameters.get(name);
    word.parse().map_err(|_| anyhow!("`{word}` is no number for <{name}>"))
}

/// A word, or the contents of the file that `file:PATH` names.
fn word_or_file(word: &str) -> Result<String> {
    match word.strip_prefix("file:") {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}")),
        None => Ok(word.strip_prefix("text:").unwrap_or(word).to_owned()),
    }
}
