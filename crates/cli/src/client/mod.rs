//! `soru client`: use a layer-1.

mod config;
mod contracts;
mod disputes;
mod grammar;
mod inject;
mod keys;
mod receipt;
mod rollups;
mod rpc;

use crate::UsageError;
pub(super) use crate::output::{json as print_json, line as print};
use crate::phrase::{self, Parameters};
use crate::wallet::Wallet;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use grammar::Command;
pub(crate) use grammar::GRAMMAR;
use soru_base::profile::ProfileName;
use soru_base::{IdFamily, Mutez, Profile};
use soru_l1::Client;
use std::path::{Path, PathBuf};

pub(crate) use config::ClientConfig;
pub(crate) use inject::{Costs, Session};

/// Use a layer-1: keys, transfers, contracts, smart rollups.
#[derive(Args)]
#[command(after_long_help = phrase::help(GRAMMAR))]
pub(crate) struct Options {
    /// Folder of the wallet [default: ~/.tezos-client, as Octez's client has it]
    #[arg(long, short = 'd', env = "TEZOS_CLIENT_DIR")]
    base_dir: Option<PathBuf>,
    /// Address of the layer-1's RPC [default: that of `config` in the wallet's folder, or http://127.0.0.1:8732]
    #[arg(long, short = 'E')]
    endpoint: Option<String>,
    /// How identifiers are printed: alpha or mainnet [default: by the protocol of the layer-1]
    #[arg(long)]
    profile: Option<ProfileName>,
    /// Wait until the operation is in a block with so many on top of it; `none` does not wait [default: that of `config` in the
    /// wallet's folder, or 0]
    #[arg(long, short = 'w')]
    wait: Option<String>,
    /// Pay at most so many tez for storage
    #[arg(long, value_name = "TEZ")]
    burn_cap: Option<Mutez>,
    /// Pay at most so many tez as fee
    #[arg(long, value_name = "TEZ", default_value = "1")]
    fee_cap: Mutez,
    /// Pay this fee, in tez, instead of the one that is computed
    #[arg(long, value_name = "TEZ")]
    fee: Option<Mutez>,
    /// Gas limit instead of the one that is computed
    #[arg(long, short = 'G', value_name = "GAS")]
    gas_limit: Option<u64>,
    /// Storage limit in bytes instead of the one that is computed
    #[arg(long, short = 'S', value_name = "BYTES")]
    storage_limit: Option<u64>,
    /// Argument of a call, in Michelson
    #[arg(long, value_name = "MICHELSON", allow_hyphen_values = true)]
    arg: Option<String>,
    /// Entrypoint of a call
    #[arg(long)]
    entrypoint: Option<String>,
    /// First storage of a contract, in Michelson
    #[arg(long, value_name = "MICHELSON", default_value = "Unit", allow_hyphen_values = true)]
    init: String,
    /// Curve of a new key: ed25519, secp256k1, p256 or bls
    #[arg(long, short = 's', default_value = "ed25519")]
    sig: String,
    /// Show the secret key, too
    #[arg(long)]
    show_secret: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Overwrite a name that is taken
    #[arg(long, short = 'f')]
    force: bool,
    /// The command, in words; `--help` lists them
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
}

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
    let (phrase, parameters) = phrase::parse(GRAMMAR, &options.words)?;
    phrase.check_options(given, &["base-dir", "endpoint", "profile"])?;
    let base_dir = base_dir(options.base_dir.as_deref());
    if let Some(command) = config::Command::of(phrase.id) {
        return config::run(command, &base_dir, &options);
    }
    let config = ClientConfig::read(&base_dir)?;
    let request = Request { options, wallet: Wallet::open(base_dir), config };
    match phrase.id {
        Command::ConfigInit | Command::ConfigUpdate | Command::ConfigReset | Command::ConfigShow => {
            unreachable!("{:?} is done already", phrase.id)
        }
        Command::GenKeys
        | Command::ImportSecretKey
        | Command::ImportBootstrapKeys
        | Command::ListAddresses
        | Command::ListContracts
        | Command::ListRollupNames
        | Command::ShowAddress
        | Command::AddAddress
        | Command::RememberContract
        | Command::RememberRollup
        | Command::Forget => keys::run(phrase.id, &request, &parameters),
        Command::RpcGet | Command::RpcPost | Command::Timestamp | Command::WaitIncluded => {
            rpc::run(phrase.id, &request, &parameters).await
        }
        Command::Balance
        | Command::Storage
        | Command::Entrypoints
        | Command::Transfer
        | Command::Call
        | Command::OriginateContract => contracts::run(phrase.id, &request, &parameters).await,
        Command::OriginateRollup
        | Command::SendMessage
        | Command::Publish
        | Command::Cement
        | Command::RecoverBond
        | Command::ExecuteOutboxMessage
        | Command::ListRollups => rollups::run(phrase.id, &request, &parameters).await,
        Command::ListStakers
        | Command::ListConflicts
        | Command::ListGames
        | Command::ShowGame
        | Command::StartDispute
        | Command::PlayMove
        | Command::TimeoutDispute => disputes::run(phrase.id, &request, &parameters).await,
    }
}

impl Request {
    /// A connection to the layer-1, which is asked how it writes identifiers unless that was said.
    async fn client(&self) -> Result<Client> {
        let family = match self.options.profile {
            Some(name) => Profile::named(name).ids,
            None => family_of(self.endpoint()).await?,
        };
        Ok(Client::new(self.endpoint(), family)?)
    }

    fn endpoint(&self) -> &str {
        self.options.endpoint.as_deref().unwrap_or_else(|| self.config.endpoint())
    }

    fn costs(&self) -> Costs {
        Costs {
            fee: self.options.fee,
            fee_cap: self.options.fee_cap,
            burn_cap: self.options.burn_cap.unwrap_or(Mutez::ZERO),
            gas_limit: self.options.gas_limit,
            storage_limit: self.options.storage_limit,
        }
    }

    /// How many blocks to wait for on top of an operation's block; `None` not to wait at all.
    fn confirmations(&self) -> Result<Option<u32>> {
        match self.options.wait.as_deref() {
            None => Ok(Some(self.config.confirmations())),
            Some("none") => Ok(None),
            Some(n) => n.parse().map(Some).map_err(|_| {
                UsageError(format!("--wait {n}: expected a number of blocks, or `none`")).into()
            }),
        }
    }

    /// The key `source`, ready to sign on the layer-1.
    async fn session(&self, source: &str) -> Result<Session> {
        let account = self.wallet.account(source)?;
        Ok(Session::new(self.client().await?, self.wallet.secret_key(&account)?, self.costs()))
    }
}

/// How the layer-1 at `endpoint` writes the identifiers of smart rollups, by its protocol.
pub(crate) async fn family_of(endpoint: &str) -> Result<IdFamily> {
    let client = Client::new(endpoint, IdFamily::Mainnet)?;
    let (protocol, _) = client.protocols(soru_l1::BlockId::HEAD).await?;
    let alpha = Profile::alpha();
    Ok(if protocol == alpha.protocol { alpha.ids } else { IdFamily::Mainnet })
}

fn amount(word: &str) -> Result<Mutez> {
    Ok(word.parse()?)
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
