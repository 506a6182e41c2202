//! `config.json`: what a rollup node is told once and reads at every start.

use crate::batcher;
pub use crate::config_fees::FeeParameter;
use crate::config_keys::{Faults, Object};
use crate::rpc;
use serde_json::{Map, Value, json};
use soru_base::{IdFamily, PublicKeyHash, RollupAddress};
use soru_engine::{Compiler, CompilerError};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Name of the configuration file in the data directory.
pub const CONFIG_FILE: &str = "config.json";
/// The port of the RPC server, unless told otherwise.
pub const DEFAULT_RPC_PORT: u16 = 8932;
/// The layer-1 that is followed, unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:8732";

/// What the node does besides following the layer-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// All: batches messages, publishes, cements, refutes.
    Operator,
    /// Batches messages only, without a state of its own.
    Batcher,
    /// Injects nothing.
    Observer,
    /// As an operator, without batching.
    Maintenance,
    /// Computes commitments, publishes only against a conflicting one.
    Accuser,
    /// Publishes nothing more, defends what was published, takes the deposit back and ends.
    Bailout,
}

/// A kind of layer-1 operation that a node may inject; also the key of the signer in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Publishing commitments.
    Publish,
    /// Adding external messages.
    AddMessages,
    /// Cementing commitments.
    Cement,
    /// Playing refutation games.
    Refute,
}

impl Mode {
    /// All modes, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Operator, Self::Batcher, Self::Observer, Self::Maintenance, Self::Accuser, Self::Bailout];

    /// Whether a node in this mode injects operations of that kind.
    pub fn injects(self, purpose: Purpose) -> bool {
        match self {
            Self::Operator => true,
            Self::Batcher => purpose == Purpose::AddMessages,
            Self::Observer => false,
            Self::Maintenance => purpose != Purpose::AddMessages,
            Self::Accuser => matches!(purpose, Purpose::Publish | Purpose::Refute),
            Self::Bailout => matches!(purpose, Purpose::Cement | Purpose::Refute),
        }
    }

    /// The word in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Batcher => "batcher",
            Self::Observer => "observer",
            Self::Maintenance => "maintenance",
            Self::Accuser => "accuser",
            Self::Bailout => "bailout",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("unknown mode `{text}`: expected one of {}", known.join(", "))
        })
    }
}

impl Purpose {
    /// All kinds, in the order of `config.json`.
    pub const ALL: [Self; 4] = [Self::Publish, Self::AddMessages, Self::Cement, Self::Refute];

    /// The word in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::AddMessages => "add_messages",
            Self::Cement => "cement",
            Self::Refute => "refute",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which states are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryMode {
    /// All of them.
    Archive,
    /// Those that a commitment not yet cemented, or a proof against a cemented one, may need.
    Full,
}

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
    pub operators: BTreeMap<Purpose, PublicKeyHash>,
    /// Who adds messages besides the one of `operators`: each key sends one batch in a block.
    pub more_batchers: Vec<PublicKeyHash>,
    /// Limits on the cost of operations.
    pub fee_parameters: BTreeMap<Purpose, FeeParameter>,
    /// What the node does.
    pub mode: Mode,
    /// What the node lies about, if it is an adversary in a sandbox. Not in `config.json`: nobody lies by accident.
    pub adversary: Option<soru_dispute::Spec>,
    /// All that has a default.
    pub options: Options,
}

/// The settings that have a default and may be left out of `config.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `endpoint`: address of the layer-1's RPC.
    pub endpoint: String,
    /// `rpc-addr`: address the RPC server listens on.
    pub rpc_addr: IpAddr,
    /// `rpc-port`: its port; 0 takes a free one.
    pub rpc_port: u16,
    /// `metrics-addr`: where `/metrics` is served besides the RPC port.
    pub metrics_addr: Option<SocketAddr>,
    /// `wasm-compiler`: `cranelift` or `singlepass`.
    pub wasm_compiler: Option<Compiler>,
    /// `kernel-deadline`: seconds one call of `kernel_run` may take.
    pub kernel_deadline: Duration,
    /// `history-mode`: `full` or `archive`.
    pub history_mode: HistoryMode,
    /// `history-blocks`: levels below the last cemented one whose states are kept all the same.
    pub history_blocks: u32,
    /// `gc-period`: levels between two collections of dead states.
    pub gc_period: u32,
    /// `reconnection-delay`: seconds between two attempts to reach the layer-1, at most.
    pub reconnection_delay: Duration,
    /// `log-kernel-debug`: whether what kernels write for debugging goes into the log.
    pub log_kernel_debug: bool,
    /// `rpc-allow`: routes by which others can make the node do something, and that are open although the RPC does not listen
    /// on this machine alone.
    pub rpc_allow: Vec<String>,
    /// `batcher` and `injector`: how messages are batched.
    pub batcher: batcher::Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            rpc_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
            rpc_port: DEFAULT_RPC_PORT,
            metrics_addr: None,
            wasm_compiler: None,
            kernel_deadline: Duration::from_secs(60),
            history_mode: HistoryMode::Full,
            history_blocks: 0,
            gc_period: 100,
            reconnection_delay: Duration::from_secs(5),
            log_kernel_debug: false,
            rpc_allow: Vec::new(),
            batcher: batcher::Settings::default(),
        }
    }
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
        operators: BTreeMap<Purpose, PublicKeyHash>,
        data_dir: impl Into<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let (rollup, ids) =
            parse_rollup(rollup).map_err(|fault| ConfigError::Faults { faults: vec![fault] })?;
        let config = Self {
            data_dir: data_dir.into(),
            rollup,
            ids,
            operators,
            more_batchers: Vec::new(),
            fee_parameters: BTreeMap::new(),
            mode,
            adversary: None,
            options: Options::default(),
        };
        config.check_operators()?;
        Ok(config)
    }

    /// The signers that the mode needs when `default` signs for all of them.
    pub fn operators_for(mode: Mode, default: PublicKeyHash) -> BTreeMap<Purpose, PublicKeyHash> {
        Purpose::ALL.into_iter().filter(|p| mode.injects(*p)).map(|p| (p, default)).collect()
    }

    /// Who signs operations of that kind, if the mode injects them.
    pub fn signer(&self, purpose: Purpose) -> Option<PublicKeyHash> {
        if self.mode.injects(purpose) { self.operators.get(&purpose).copied() } else { None }
    }

    /// Who adds messages, if the mode does: each of them once.
    pub fn batchers(&self) -> Vec<PublicKeyHash> {
        let Some(first) = self.signer(Purpose::AddMessages) else { return Vec::new() };
        let mut keys = vec![first];
        self.more_batchers.iter().for_each(|key| {
            if !keys.contains(key) {
                keys.push(*key)
            }
        });
        keys
    }

    /// Whether a route may be used by which others can make the node do something.
    pub fn may_write(&self, route: &str) -> bool {
        self.options.rpc_addr.is_loopback() || self.options.rpc_allow.iter().any(|allowed| allowed == route)
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
        let path = Self::path_in(data_dir);
        let text = fs::read_to_string(&path).map_err(|source| ConfigError::Io {
            what: "read",
            path: path.clone(),
            source,
        })?;
        let value: Value =
            serde_json::from_str(&text).map_err(|e| ConfigError::Syntax { path, reason: e.to_string() })?;
        Self::from_json(&value)
    }

    /// Writes `config.json` into the data directory, which is made if it is not there; returns the file's path.
    /// Nothing is overwritten unless `force` is set.
    pub fn init(&self, force: bool) -> Result<PathBuf, ConfigError> {
        let path = Self::path_in(&self.data_dir);
        let io = |source| ConfigError::Io { what: "write", path: path.clone(), source };
        fs::create_dir_all(&self.data_dir).map_err(io)?;
        let text = format!("{:#}\n", self.to_json());
        let mut options = fs::OpenOptions::new();
        options.write(true).truncate(true).create(true);
        if !force {
            options.create_new(true);
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
        let mut operators: Map<String, Value> =
            self.operators.iter().map(|(p, key)| (p.name().to_owned(), json!(key.to_string()))).collect();
        if let (false, Some(first)) =
            (self.more_batchers.is_empty(), self.operators.get(&Purpose::AddMessages))
        {
            let keys: Vec<String> =
                [first].into_iter().chain(&self.more_batchers).map(ToString::to_string).collect();
            operators.insert(Purpose::AddMessages.name().to_owned(), json!(keys));
        }
        out.insert("smart-rollup-node-operator".into(), Value::Object(operators));
        let fees: Map<String, Value> =
            self.fee_parameters.iter().map(|(p, fee)| (p.name().to_owned(), fee.to_json())).collect();
        out.insert("fee-parameters".into(), Value::Object(fees));
        out.insert("mode".into(), json!(self.mode.name()));
        self.options.add_to(&mut out);
        Value::Object(out)
    }

    /// Reads the contents of `config.json`; unknown keys are faults.
    pub fn from_json(value: &Value) -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        let config = Self::parse(value, &mut faults);
        match (config, faults.into_vec()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(ConfigError::Faults { faults }),
        }
    }

    fn parse(value: &Value, faults: &mut Faults) -> Option<Self> {
        let mut object = Object::open(value, "", faults)?;
        let data_dir = object.required("data-dir", "a path", faults, |v| v.as_str().map(PathBuf::from));
        let rollup = object.text("smart-rollup-address", faults, parse_rollup);
        let operators = object.nested("smart-rollup-node-operator", faults, |object, faults| {
            let batchers =
                object.optional(Purpose::AddMessages.name(), "a key, or a list of keys", faults, parse_keys);
            let batchers = batchers.unwrap_or_default();
            let others = Purpose::ALL.into_iter().filter(|p| *p != Purpose::AddMessages);
            let mut operators = others
                .filter_map(|p| Some((p, object.optional_text(p.name(), faults, parse_key)?)))
                .collect::<BTreeMap<_, _>>();
            operators.extend(batchers.first().map(|first| (Purpose::AddMessages, *first)));
            (operators, batchers.into_iter().skip(1).collect::<Vec<_>>())
        });
        let (operators, more_batchers) = operators.unwrap_or_default();
        let fee_parameters = object.nested("fee-parameters", faults, |object, faults| {
            Purpose::ALL
                .into_iter()
                .filter_map(|p| Some((p, object.nested(p.name(), faults, FeeParameter::parse)?)))
                .collect::<BTreeMap<_, _>>()
        });
        let mode = object.text("mode", faults, Mode::from_str);
        let options = Options::parse(&mut object, faults);
        object.close(faults);
        let (rollup, ids) = rollup?;
        let config = Self {
            data_dir: data_dir?,
            rollup,
            ids,
            operators,
            more_batchers,
            fee_parameters: fee_parameters.unwrap_or_default(),
            mode: mode?,
            adversary: None,
            options,
        };
        if let Err(ConfigError::Faults { faults: missing }) = config.check_operators() {
            missing.into_iter().for_each(|fault| faults.add(fault));
        }
        Some(config)
    }

    /// Whatever the mode injects needs a signer, and games are played by whoever stakes.
    fn check_operators(&self) -> Result<(), ConfigError> {
        let mut faults: Vec<String> = Purpose::ALL
            .into_iter()
            .filter(|p| self.mode.injects(*p) && !self.operators.contains_key(p))
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

impl Options {
    fn parse(object: &mut Object<'_>, faults: &mut Faults) -> Self {
        let default = Self::default();
        let seconds = |v: &Value| v.as_u64().filter(|s| *s > 0).map(Duration::from_secs);
        let number = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        Self {
            endpoint: object
                .optional("endpoint", "a URL beginning with http://", faults, parse_endpoint)
                .unwrap_or(default.endpoint),
            rpc_addr: object.optional_text("rpc-addr", faults, parse_addr).unwrap_or(default.rpc_addr),
            rpc_port: object
                .optional("rpc-port", "a port (0 to 65535)", faults, |v| {
                    v.as_u64().and_then(|p| u16::try_from(p).ok())
                })
                .unwrap_or(default.rpc_port),
            metrics_addr: object.optional(
                "metrics-addr",
                "an address and port, as 127.0.0.1:9933",
                faults,
                |v| v.as_str().and_then(|s| s.parse().ok()),
            ),
            wasm_compiler: object.optional_text("wasm-compiler", faults, |text| {
                text.parse().map_err(|e: CompilerError| e.to_string())
            }),
            kernel_deadline: object
                .optional("kernel-deadline", "a number of seconds above 0", faults, seconds)
                .unwrap_or(default.kernel_deadline),
            history_mode: object
                .optional_text("history-mode", faults, |text| match text {
                    "archive" => Ok(HistoryMode::Archive),
                    "full" => Ok(HistoryMode::Full),
                    _ => Err(format!("unknown history mode `{text}`: expected archive or full")),
                })
                .unwrap_or(default.history_mode),
            history_blocks: object
                .optional("history-blocks", "a number of levels", faults, number)
                .unwrap_or(default.history_blocks),
            gc_period: object
                .optional("gc-period", "a number of levels above 0", faults, |v| number(v).filter(|n| *n > 0))
                .unwrap_or(default.gc_period),
            reconnection_delay: object
                .optional("reconnection-delay", "a number of seconds above 0", faults, seconds)
                .unwrap_or(default.reconnection_delay),
            log_kernel_debug: object
                .optional("log-kernel-debug", "true or false", faults, Value::as_bool)
                .unwrap_or(default.log_kernel_debug),
            rpc_allow: object
                .optional(
                    "rpc-allow",
                    "a list of routes, of which there is /local/batcher/injection",
                    faults,
                    |v| {
                        let routes = v.as_array()?.iter().map(|route| {
                            route.as_str().filter(|r| rpc::WRITE_ROUTES.contains(r)).map(str::to_owned)
                        });
                        routes.collect()
                    },
                )
                .unwrap_or(default.rpc_allow),
            batcher: batcher::Settings::parse(object, faults),
        }
    }

    fn add_to(&self, out: &mut Map<String, Value>) {
        let default = Self::default();
        let mut put = |name: &str, differs: bool, value: Value| {
            if differs {
                out.insert(name.to_owned(), value);
            }
        };
        put("endpoint", self.endpoint != default.endpoint, json!(self.endpoint));
        put("rpc-addr", self.rpc_addr != default.rpc_addr, json!(self.rpc_addr.to_string()));
        put("rpc-port", self.rpc_port != default.rpc_port, json!(self.rpc_port));
        put("metrics-addr", self.metrics_addr.is_some(), json!(self.metrics_addr.map(|a| a.to_string())));
        put("wasm-compiler", self.wasm_compiler.is_some(), json!(self.wasm_compiler.map(Compiler::name)));
        put(
            "kernel-deadline",
            self.kernel_deadline != default.kernel_deadline,
            json!(self.kernel_deadline.as_secs()),
        );
        put("history-mode", self.history_mode != default.history_mode, json!("archive"));
        put("history-blocks", self.history_blocks != default.history_blocks, json!(self.history_blocks));
        put("gc-period", self.gc_period != default.gc_period, json!(self.gc_period));
        put(
            "reconnection-delay",
            self.reconnection_delay != default.reconnection_delay,
            json!(self.reconnection_delay.as_secs()),
        );
        put("log-kernel-debug", self.log_kernel_debug, json!(true));
        put("rpc-allow", !self.rpc_allow.is_empty(), json!(self.rpc_allow));
        self.batcher.add_to(out);
    }
}

fn parse_rollup(text: &str) -> Result<(RollupAddress, IdFamily), String> {
    let address: RollupAddress = text.parse().map_err(|e| format!("{e}"))?;
    let ids = if text.starts_with("sr1") { IdFamily::Mainnet } else { IdFamily::Alpha };
    Ok((address, ids))
}

fn parse_key(text: &str) -> Result<PublicKeyHash, String> {
    text.parse().map_err(|e| format!("{e}"))
}

/// One key, or several.
fn parse_keys(value: &Value) -> Option<Vec<PublicKeyHash>> {
    let keys = match value {
        Value::Array(keys) => keys.as_slice(),
        one => std::slice::from_ref(one),
    };
    keys.iter().map(|key| key.as_str()?.parse().ok()).collect()
}

fn parse_addr(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.parse().map_err(|_| format!("expected an IP address, found `{text}`")),
    }
}

fn parse_endpoint(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    text.starts_with("http://").then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
