//! The options of the client: those of every command, then those of some.

use super::grammar::GRAMMAR;
use crate::phrase;
use clap::Args;
use soru_base::profile::ProfileName;
use soru_base::{BlockHash, BlockId, Mutez};
use std::path::PathBuf;

/// Use a layer-1: keys, transfers, contracts, smart rollups.
#[derive(Args)]
#[command(after_long_help = phrase::help(&GRAMMAR))]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) general: General,
    #[command(flatten)]
    pub(super) costs: CostOptions,
    #[command(flatten)]
    pub(super) scripts: ScriptOptions,
    #[command(flatten)]
    pub(super) refused: RefusedOptions,
    /// Curve of a new key: ed25519, secp256k1, p256 or bls
    #[arg(long, value_name = "CURVE", default_value = "ed25519")]
    pub(super) sig: String,
    /// Keep the new key under a password, which is asked for
    #[arg(long, alias = "encrypt")]
    pub(super) encrypted: bool,
    /// Keep the new key without a password, as is done unless --encrypted
    #[arg(long, conflicts_with = "encrypted")]
    pub(super) unencrypted: bool,
    /// Show the secret key, too
    #[arg(long)]
    pub(super) show_secret: bool,
    /// Overwrite a name that is taken, forget keys, or inject an operation that would fail
    #[arg(long)]
    pub(super) force: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Print the time in seconds
    #[arg(long)]
    pub(super) seconds: bool,
    /// Use only exit codes
    #[arg(long)]
    pub(super) quiet: bool,
    /// Blocks on top of the operation's that are waited for
    #[arg(long, value_name = "BLOCKS")]
    pub(super) confirmations: Option<u32>,
    /// Blocks before the head in which the operation is looked for
    #[arg(long, value_name = "BLOCKS", default_value = "10")]
    pub(super) check_previous: u32,
    /// The oldest block in which the operation is looked for; of a signed message, the block it names
    #[arg(long, value_name = "BLOCK")]
    pub(super) branch: Option<String>,
    /// Make the block with the smallest timestamp, as the sandbox always does
    #[arg(long)]
    pub(super) minimal_timestamp: bool,
    /// Number of blocks to make
    #[arg(long, value_name = "BLOCKS", default_value = "1")]
    pub(super) count: u32,
    /// Who may stake on the rollup: a JSON list of accounts, or file:PATH
    #[arg(long, short = 'W', value_name = "ACCOUNTS")]
    pub(super) whitelist: Option<String>,
    /// How much of a manual is shown: 0 names, 1 what commands do, 2 their options
    #[arg(long, short = 'v', value_name = "LEVEL")]
    pub(super) verbosity: Option<u8>,
    /// The command, in words; `--help` lists them
    #[arg(value_name = "WORDS")]
    pub(super) words: Vec<String>,
}

/// Options of every command; with Octez's client they stand before it.
#[derive(Args)]
pub(super) struct General {
    /// Folder of the wallet [default: ~/.tezos-client, as Octez's client has it]
    #[arg(long, short = 'd', env = "TEZOS_CLIENT_DIR", value_name = "DIR")]
    pub(super) base_dir: Option<PathBuf>,
    /// Address of the layer-1's RPC [default: that of `config` in the wallet's folder, or http://127.0.0.1:8732]
    #[arg(long, short = 'E', value_name = "URL")]
    pub(super) endpoint: Option<String>,
    /// File of the client's defaults [default: `config` in the wallet's folder]
    #[arg(long, short = 'c', value_name = "FILE")]
    pub(super) config_file: Option<PathBuf>,
    /// How identifiers are printed: alpha or mainnet [default: by the protocol of the layer-1]
    #[arg(long)]
    pub(super) profile: Option<ProfileName>,
    /// Passwords of encrypted keys, one a line; `-f` in front of the command
    #[arg(long, value_name = "FILE")]
    pub(super) password_filename: Option<PathBuf>,
    /// Wait until the operation is in a block with so many on top of it; `none` does not wait [default: that of `config` in the
    /// wallet's folder, or 0]
    #[arg(long, short = 'w', value_name = "BLOCKS")]
    pub(super) wait: Option<String>,
    /// The block that is looked at: head, head~2, a level or a hash
    #[arg(long, short = 'b', default_value = "head")]
    pub(super) block: BlockId,
    /// The chain: `main`, or its identifier
    #[arg(long, default_value = "main")]
    pub(super) chain: String,
    /// The protocol that the layer-1 must have, or how its hash begins
    #[arg(long, short = 'p', value_name = "PROTOCOL")]
    pub(super) protocol: Option<String>,
    /// Tell each question to the layer-1 on standard error
    #[arg(long, short = 'l')]
    pub(super) log_requests: bool,
    /// How the client works: `client` alone is known
    #[arg(long, short = 'M', default_value = "client", hide = true)]
    pub(super) mode: String,
    /// What answers are written in: JSON always
    #[arg(long, short = 'm', default_value = "any", hide = true)]
    pub(super) media_type: String,
    #[arg(long, hide = true)]
    pub(super) better_errors: bool,
    #[arg(long, short = 'n', hide = true)]
    pub(super) no_base_dir_warnings: bool,
}

/// What an operation may cost.
#[derive(Args)]
pub(super) struct CostOptions {
    /// Pay at most so many tez for storage
    #[arg(long, value_name = "TEZ")]
    pub(super) burn_cap: Option<Mutez>,
    /// Pay at most so many tez as fee
    #[arg(long, value_name = "TEZ", default_value = "1")]
    pub(super) fee_cap: Mutez,
    /// Pay this fee, in tez, instead of the one that is computed
    #[arg(long, value_name = "TEZ", alias = "default-fee")]
    pub(super) fee: Option<Mutez>,
    /// Pay a fee that is lower than bakers ask for
    #[arg(long)]
    pub(super) force_low_fee: bool,
    /// What bakers ask for each operation, in tez
    #[arg(long, value_name = "TEZ", default_value = "0.0001")]
    pub(super) minimal_fees: Mutez,
    /// What bakers ask for a unit of gas, in thousandths of a mutez
    #[arg(long, value_name = "NANOTEZ", default_value = "100")]
    pub(super) minimal_nanotez_per_gas_unit: u64,
    /// What bakers ask for a byte, in thousandths of a mutez
    #[arg(long, value_name = "NANOTEZ", default_value = "1000")]
    pub(super) minimal_nanotez_per_byte: u64,
    /// Gas limit instead of the one that is computed
    #[arg(long, short = 'G', value_name = "GAS", alias = "default-gas-limit", alias = "gas")]
    pub(super) gas_limit: Option<u64>,
    /// Gas added to what a simulation takes
    #[arg(long, value_name = "GAS", default_value = "100")]
    pub(super) safety_guard: u64,
    /// Storage limit in bytes instead of the one that is computed
    #[arg(long, value_name = "BYTES", alias = "default-storage-limit")]
    pub(super) storage_limit: Option<u64>,
    /// Counter of the operation instead of the next one
    #[arg(long, short = 'C', value_name = "NUMBER")]
    pub(super) counter: Option<u64>,
    /// Make the operation and show it, but do not inject it
    #[arg(long, short = 'D')]
    pub(super) dry_run: bool,
    /// Simulate the operation and show it: no secret key is needed
    #[arg(long)]
    pub(super) simulation: bool,
    /// Show what is signed before it is
    #[arg(long)]
    pub(super) verbose_signing: bool,
}

/// What is said of contracts and of scripts that are tried.
#[derive(Args)]
pub(super) struct ScriptOptions {
    /// Argument of a call, in Michelson
    #[arg(long, value_name = "MICHELSON", allow_hyphen_values = true, alias = "default-arg")]
    pub(super) arg: Option<String>,
    /// Entrypoint of a call
    #[arg(long, value_name = "NAME", alias = "default-entrypoint")]
    pub(super) entrypoint: Option<String>,
    /// First storage of a contract, in Michelson
    #[arg(long, value_name = "MICHELSON", default_value = "Unit", allow_hyphen_values = true)]
    pub(super) init: String,
    /// Delegate of a new contract
    #[arg(long, value_name = "ACCOUNT")]
    pub(super) delegate: Option<String>,
    /// Leave the script out of what is told about errors
    #[arg(long, short = 'q', hide = true)]
    pub(super) no_print_source: bool,
    /// How data are shown: Readable, Optimized or Optimized_legacy
    #[arg(long, value_name = "MODE", default_value = "Readable", value_parser = ["Readable", "Optimized", "Optimized_legacy"])]
    pub(super) unparsing_mode: String,
    /// Show types without annotations, and pairs of pairs
    #[arg(long)]
    pub(super) normalize_types: bool,
    /// Take scripts that only older protocols took
    #[arg(long)]
    pub(super) legacy: bool,
    /// Name each script with its result
    #[arg(long)]
    pub(super) display_names: bool,
    /// Judge further scripts after one that is wrong
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Tez that the tried script is called with
    #[arg(long, short = 'z', value_name = "TEZ", default_value = "0.05")]
    pub(super) amount: Mutez,
    /// Tez that the tried script has
    #[arg(long, value_name = "TEZ")]
    pub(super) balance: Option<Mutez>,
    /// Who calls the tried script, its SENDER
    #[arg(long, value_name = "ADDRESS")]
    pub(super) source: Option<String>,
    /// Who pays for the tried script, its SOURCE
    #[arg(long, value_name = "ADDRESS")]
    pub(super) payer: Option<String>,
    /// Address of the tried script
    #[arg(long, value_name = "ADDRESS")]
    pub(super) self_address: Option<String>,
    /// Time at which a script is tried
    #[arg(long, value_name = "TIMESTAMP")]
    pub(super) now: Option<String>,
    /// Level at which a script is tried
    #[arg(long, value_name = "LEVEL")]
    pub(super) level: Option<String>,
    /// Let a view take all the gas that the layer-1 gives
    #[arg(long)]
    pub(super) unlimited_gas: bool,
    /// Type that converted data must have
    #[arg(id = "type", long = "type", value_name = "MICHELSON")]
    pub(super) data_type: Option<String>,
}

/// Options of Octez's client for what this one does not do.
#[derive(Args)]
pub(super) struct RefusedOptions {
    #[arg(long, short = 'R', hide = true)]
    pub(super) remote_signer: Option<String>,
    #[arg(long, short = 'A', hide = true)]
    pub(super) addr: Option<String>,
    #[arg(long, short = 'P', hide = true)]
    pub(super) port: Option<String>,
    #[arg(long, hide = true)]
    pub(super) tls: bool,
    #[arg(long, hide = true)]
    pub(super) sources: Option<String>,
    #[arg(long, short = 't', hide = true)]
    pub(super) timings: bool,
}

impl Options {
    /// Whether each question to the layer-1 is told.
    pub(crate) fn logs_requests(&self) -> bool {
        self.general.log_requests
    }

    /// The branch, where it must be a block's hash.
    pub(super) fn branch_hash(&self) -> anyhow::Result<Option<BlockHash>> {
        Ok(self.branch.as_deref().map(str::parse).transpose()?)
    }

    /// What is asked for and not done here.
    pub(super) fn refusal(&self) -> Option<String> {
        let general = &self.general;
        let refused = &self.refused;
        let by_address = || {
            let host = refused.addr.as_deref().unwrap_or("HOST");
            let port = refused.port.as_deref().unwrap_or("8732");
            format!(
                "--addr, --port and --tls are not supported: --endpoint http://{host}:{port} says all of it"
            )
        };
        if refused.remote_signer.is_some() {
            let why =
                "--remote-signer is not supported: keys are in the wallet itself, unencrypted or encrypted";
            return Some(why.to_owned());
        }
        if refused.addr.is_some() || refused.port.is_some() || refused.tls {
            return Some(by_address());
        }
        if refused.sources.is_some() {
            return Some(
                "--sources is not supported: data come from the one layer-1 of --endpoint".to_owned(),
            );
        }
        if refused.timings {
            return Some("--timings is not supported: --log-requests tells each question".to_owned());
        }
        if general.mode != "client" {
            return Some(format!(
                "--mode {} is not supported: only `client`, with the sandbox as a layer-1 to try things on",
                general.mode
            ));
        }
        if !matches!(general.media_type.as_str(), "any" | "json" | "default") {
            return Some(format!("--media-type {} is not supported: answers are JSON", general.media_type));
        }
        None
    }
}
