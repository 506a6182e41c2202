//! `config.json`: what a rollup node is told once and reads at every start.

mod fees;
pub(crate) mod keys;
mod mode;
mod octez;
mod operators;
pub mod options;
mod outbox_filter;

pub use fees::FeeParameter;
pub use mode::{Mode, Purpose, Purposes};
pub use operators::Operators;
pub use options::{Cors, HistoryMode, Options};
pub use outbox_filter::OutboxFilter;

use keys::{Faults, Object};
use serde_json::{Map, Value, json};
use soru_base::{IdFamily, PublicKeyHash, RollupAddress};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

/// Name of the configuration file in the data directory.
pub const CONFIG_FILE: &str = "config.json";
/// The port of the RPC server, unless told otherwise.
pub const DEFAULT_RPC_PORT: u16 = 8932;
/// The layer-1 that is followed, unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:8732";

/// The configuration of a rollup node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the node keeps its data; `config.json` is there.
    pub data_dir: PathBuf,
    /// The rollup.
    pub rollup: RollupAddress,
    /// How identifiers are printed: as the rollup's address was written.
    pub ids: IdFamily,
    /// Who signs which kind of operation.
    pub operators: Operators,
    /// Limits on the cost of operations.
    pub fee_parameters: BTreeMap<Purpose, FeeParameter>,
    /// What the node does.
    pub mode: Mode,
    /// What the node lies about, if it is an adversary in a sandbox. Not in `config.json`: nobody lies by accident.
    pub adversary: Option<soru_dispute::Spec>,
    /// All that has a default.
    pub options: Options,
    /// What the file says and the node has no use for, for people.
    pub notes: Vec<String>,
}

/// Why there is no usable configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no JSON.
    #[error("{} is no JSON: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and cause.
        reason: String,
    },
    /// Everything that is wrong with the contents, one line each.
    #[error("the configuration has {} fault(s):{}", faults.len(), faults.iter().map(|f| format!("\n  {f}")).collect::<String>())]
    Faults {
        /// The faults.
        faults: Vec<String>,
    },
    /// `init` would overwrite a file.
    #[error("{} exists already: remove it, or overwrite it explicitly", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

impl Config {
    /// A configuration with defaults. `rollup` is the text of the address: its prefix says how identifiers
    /// are printed.
    pub fn new(
        mode: Mode,
        rollup: &str,
        operators: Operators,
        data_dir: impl Into<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let (rollup, ids) =
            parse_rollup(rollup).map_err(|fault| ConfigError::Faults { faults: vec![fault] })?;
        let config = Self {
            data_dir: data_dir.into(),
            rollup,
            ids,
            operators,
            fee_parameters: BTreeMap::new(),
            mode,
            adversary: None,
            options: Options::default(),
            notes: Vec::new(),
        };
        config.check()?;
        Ok(config)
    }

    /// The signers that the mode needs when `default` signs for all of them.
    pub fn operators_for(mode: Mode, default: PublicKeyHash) -> Operators {
        Operators::all(mode, default)
    }

    /// Who signs operations of that kind, if the mode injects them. A deposit is taken back by the staker unless somebody is
    /// named for it; outbox messages are executed only where somebody is named for it.
    pub fn signer(&self, purpose: Purpose) -> Option<PublicKeyHash> {
        let named = || self.operators.get(purpose);
        match purpose {
            _ if !self.mode.injects(purpose) => None,
            Purpose::Recover => named().or_else(|| self.staker()),
            _ => named(),
        }
    }

    /// Who adds messages, if the mode does: each of them once.
    pub fn batchers(&self) -> Vec<PublicKeyHash> {
        if self.mode.injects(Purpose::AddMessages) { self.operators.batchers() } else { Vec::new() }
    }

    /// Everybody who signs something, each with a purpose of its.
    pub fn signers(&self) -> BTreeMap<PublicKeyHash, Purpose> {
        let single = Purpose::ALL.into_iter().filter_map(|purpose| Some((self.signer(purpose)?, purpose)));
        let batchers = self.batchers().into_iter().map(|key| (key, Purpose::AddMessages));
        batchers.chain(single).collect()
    }

    /// Whether the configuration names a route by which others can make the node do something.
    pub fn allows(&self, route: &str) -> bool {
        self.options.rpc_allow.iter().any(|allowed| allowed == route)
    }

    /// Who stakes, if the mode has to do with stakes: the layer-1 lets only the staker play its games.
    pub fn staker(&self) -> Option<PublicKeyHash> {
        self.signer(Purpose::Publish).or_else(|| self.signer(Purpose::Refute))
    }

    /// Where the configuration of a data directory is.
    pub fn path_in(data_dir: &Path) -> PathBuf {
        data_dir.join(CONFIG_FILE)
    }

    /// Reads `config.json` of a data directory. All faults are reported at once.
    pub fn read(data_dir: &Path) -> Result<Self, ConfigError> {
        Self::read_file(&Self::path_in(data_dir), data_dir)
    }

    /// Reads a file of that form; `data_dir` is where the node keeps its data if the file does not say.
    pub fn read_file(path: &Path, data_dir: &Path) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        let text = fs::read_to_string(&path).map_err(|source| ConfigError::Io {
            what: "read",
            path: path.clone(),
            source,
        })?;
        let value: Value =
            serde_json::from_str(&text).map_err(|e| ConfigError::Syntax { path, reason: e.to_string() })?;
        Self::from_json_in(&value, Some(data_dir))
    }

    /// Writes `config.json` into the data directory, which is made if it is not there; returns the file's path.
    /// Nothing is overwritten unless `force` is set.
    pub fn init(&self, force: bool) -> Result<PathBuf, ConfigError> {
        self.init_file(&Self::path_in(&self.data_dir), force)
    }

    /// The same into another file.
    pub fn init_file(&self, path: &Path, force: bool) -> Result<PathBuf, ConfigError> {
        let path = path.to_owned();
        let io = |source| ConfigError::Io { what: "write", path: path.clone(), source };
        fs::create_dir_all(path.parent().unwrap_or(&self.data_dir)).map_err(io)?;
        let text = format!("{:#}\n", self.to_json());
        let mut options = fs::OpenOptions::new();
        options.write(true).truncate(true).create(true);
        if !force {
            options.create_new(true);
        }
        // With a password in it, it is for its owner only.
        #[cfg(unix)]
        if self.to_shown_json() != self.to_json() {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let mut file = options.open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.clone() },
            _ => io(e),
        })?;
        file.write_all(text.as_bytes()).map_err(io)?;
        Ok(path)
    }

    /// The contents of `config.json`. Settings equal to their default are left out.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("data-dir".into(), json!(self.data_dir.to_string_lossy()));
        out.insert("smart-rollup-address".into(), json!(self.rollup.in_family(self.ids)));
        out.insert("smart-rollup-node-operator".into(), self.operators.to_json());
        let fees: Map<String, Value> =
            self.fee_parameters.iter().map(|(p, fee)| (p.operation().to_owned(), fee.to_json())).collect();
        out.insert("fee-parameters".into(), Value::Object(fees));
        out.insert("mode".into(), mode_to_json(self.mode));
        self.options.add_to(&mut out);
        Value::Object(out)
    }

    /// The same for others to see: without the names and passwords of addresses.
    pub fn to_shown_json(&self) -> Value {
        let mut shown = self.clone();
        let options = &mut shown.options;
        options.endpoint = soru_l1::shown_endpoint(&options.endpoint);
        options.pre_images_endpoint = options.pre_images_endpoint.as_deref().map(soru_l1::shown_endpoint);
        shown.to_json()
    }

    /// Reads the contents of `config.json`; unknown keys are faults.
    pub fn from_json(value: &Value) -> Result<Self, ConfigError> {
        Self::from_json_in(value, None)
    }

    fn from_json_in(value: &Value, data_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        let config = Self::parse(value, data_dir, &mut faults);
        let (faults, notes) = faults.into_parts();
        match config {
            Some(config) if faults.is_empty() => Ok(Self { notes, ..config }),
            _ => Err(ConfigError::Faults { faults }),
        }
    }

    fn parse(value: &Value, default_dir: Option<&Path>, faults: &mut Faults) -> Option<Self> {
        let mut object = Object::open(value, "", faults)?;
        let path = |v: &Value| v.as_str().map(PathBuf::from);
        let data_dir = match default_dir {
            None => object.required("data-dir", "a path", faults, path),
            // Octez's node does not write it.
            Some(dir) => Some(object.optional("data-dir", "a path", faults, path).unwrap_or(dir.to_owned())),
        };
        let rollup = object.text("smart-rollup-address", faults, parse_rollup);
        let operators =
            object.nested("smart-rollup-node-operator", faults, Operators::parse).unwrap_or_default();
        let fee_parameters = object.nested("fee-parameters", faults, fees::parse).unwrap_or_default();
        let mode = object.required("mode", "a mode", faults, |v| Some(parse_mode(v)));
        let mode = mode.and_then(|mode| mode.map_err(|fault| faults.add(format!("mode: {fault}"))).ok());
        let options = Options::parse(&mut object, faults);
        octez::parse(&mut object, faults);
        object.close(faults);
        let (rollup, ids) = rollup?;
        let config = Self {
            data_dir: data_dir?,
            rollup,
            ids,
            operators,
            fee_parameters,
            mode: mode?,
            adversary: None,
            options,
            notes: Vec::new(),
        };
        if let Err(ConfigError::Faults { faults: missing }) = config.check() {
            missing.into_iter().for_each(|fault| faults.add(fault));
        }
        Some(config)
    }

    /// Whatever the mode injects needs a signer, and games are played by whoever stakes.
    pub fn check(&self) -> Result<(), ConfigError> {
        let executes = |p| {
            p == Purpose::ExecuteOutbox && self.mode.injects(p) && !self.options.execute_outbox.is_empty()
        };
        let mut faults: Vec<String> = Purpose::ALL
            .into_iter()
            .filter(|p| (self.mode.needs(*p) || executes(*p)) && self.operators.get(*p).is_none())
            .map(|p| format!("smart-rollup-node-operator.{p}: missing, mode {} needs it", self.mode))
            .collect();
        if let (Some(publisher), Some(player)) = (self.signer(Purpose::Publish), self.signer(Purpose::Refute))
            && publisher != player
        {
            faults.push(format!(
                "smart-rollup-node-operator.refute: expected {publisher}, who publishes, found {player}: the layer-1 lets only the staker play"
            ));
        }
        if faults.is_empty() { Ok(()) } else { Err(ConfigError::Faults { faults }) }
    }
}

fn mode_to_json(mode: Mode) -> Value {
    match mode {
        Mode::Custom(purposes) => {
            json!({"custom": purposes.iter().map(Purpose::operation).collect::<Vec<_>>()})
        }
        mode => json!(mode.name()),
    }
}

fn parse_mode(value: &Value) -> Result<Mode, String> {
    const EXPECTED: &str = "expected the name of a mode, or {\"custom\": [kinds of operations]}";
    if let Some(text) = value.as_str() {
        return Mode::from_str(text);
    }
    let kinds = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("custom"));
    let kinds: Option<Vec<&str>> = kinds.and_then(|k| k.as_array()?.iter().map(Value::as_str).collect());
    Mode::custom(kinds.ok_or(EXPECTED)?)
}

/// A rollup's address, and the family of its identifiers.
pub fn parse_rollup(text: &str) -> Result<(RollupAddress, IdFamily), String> {
    let address: RollupAddress = text.parse().map_err(|e| format!("{e}"))?;
    let ids = if text.starts_with("sr1") { IdFamily::Mainnet } else { IdFamily::Alpha };
    Ok((address, ids))
}

#[cfg(test)]
mod tests;
