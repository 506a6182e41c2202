//! The settings that have a default.

use super::keys::{Faults, Object};
use super::{DEFAULT_ENDPOINT, DEFAULT_RPC_PORT, OutboxFilter};
use crate::batcher;
use crate::rpc;
use axum::http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use soru_engine::{Compiler, CompilerError, Kind, KindError};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The port of a metrics address that names none.
const DEFAULT_METRICS_PORT: u16 = 9_933;

/// Which states are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryMode {
    /// All of them.
    Archive,
    /// Those that a commitment not yet cemented, or a proof against a cemented one, may need.
    Full,
}

impl HistoryMode {
    /// The one of that name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "archive" => Ok(Self::Archive),
            "full" => Ok(Self::Full),
            _ => Err(format!("unknown history mode `{text}`: expected archive or full")),
        }
    }
}

/// Which pages in browsers may use the RPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// `allowed_origins`: theirs, or `*`.
    pub origins: Vec<String>,
    /// `allowed_headers`: what they may send.
    pub headers: Vec<String>,
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
    /// `engine`: `compiled`, `tick-exact` or `reference`.
    pub engine: Option<Kind>,
    /// `wasm-compiler`: `cranelift` or `singlepass`.
    pub wasm_compiler: Option<Compiler>,
    /// `kernel-deadline`: seconds one call of `kernel_run` may take.
    pub kernel_deadline: Duration,
    /// `simulation-deadline`: seconds after which a simulation begins no further call of `kernel_run`, and that one call in it
    /// may take.
    pub simulation_deadline: Duration,
    /// `history-mode`: `full` or `archive`.
    pub history_mode: HistoryMode,
    /// `history-blocks`: levels below the last cemented one whose states are kept all the same.
    pub history_blocks: u32,
    /// `gc-period`: levels between two collections of dead states.
    pub gc_period: u32,
    /// `reconnection-delay`: seconds between two attempts to reach the layer-1, at most.
    pub reconnection_delay: Duration,
    /// `l1_rpc_timeout`: seconds one answer of the layer-1 may take.
    pub l1_rpc_timeout: Option<Duration>,
    /// `log-kernel-debug`: whether what kernels write for debugging is logged.
    pub log_kernel_debug: bool,
    /// `log-kernel-debug-file`: into this file, instead of into the log.
    pub log_kernel_debug_file: Option<PathBuf>,
    /// `pre-images-endpoint`: where pages are fetched that are not in files.
    pub pre_images_endpoint: Option<String>,
    /// `boot-sector`: file of the kernel, if no operation originated the rollup.
    pub boot_sector_file: Option<PathBuf>,
    /// `bail-on-disagree`: whether an observer ends when somebody contradicts it.
    pub bail_on_disagree: bool,
    /// `execute-outbox-messages-filter`: which outbox messages are executed as soon as they can be.
    pub execute_outbox: Vec<OutboxFilter>,
    /// `rpc-allow`: routes by which others can make the node do something, and that are open although the RPC does not listen
    /// on this machine alone.
    pub rpc_allow: Vec<String>,
    /// `cors`: which pages in browsers may use the RPC.
    pub cors: Cors,
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
            engine: None,
            wasm_compiler: None,
            kernel_deadline: Duration::from_secs(60),
            simulation_deadline: Duration::from_secs(10),
            history_mode: HistoryMode::Full,
            history_blocks: 0,
            gc_period: 100,
            reconnection_delay: Duration::from_secs(5),
            l1_rpc_timeout: None,
            log_kernel_debug: false,
            log_kernel_debug_file: None,
            pre_images_endpoint: None,
            boot_sector_file: None,
            bail_on_disagree: false,
            execute_outbox: Vec::new(),
            rpc_allow: Vec::new(),
            cors: Cors::default(),
            batcher: batcher::Settings::default(),
        }
    }
}

impl Options {
    pub(super) fn parse(object: &mut Object<'_>, faults: &mut Faults) -> Self {
        let mut options = Self::default();
        options.parse_addresses(object, faults);
        options.parse_machine(object, faults);
        options.parse_history(object, faults);
        let set = &mut options;
        let delay = object.either(
            ["reconnection-delay", "reconnection_delay"],
            "a number of seconds above 0",
            faults,
            seconds,
        );
        set.reconnection_delay = delay.unwrap_or(set.reconnection_delay);
        set.l1_rpc_timeout =
            object.optional("l1_rpc_timeout", "a number of seconds above 0", faults, seconds);
        set.pre_images_endpoint = object.optional_text("pre-images-endpoint", faults, parse_web_address);
        set.boot_sector_file = object.optional("boot-sector", "a path", faults, path);
        let flag = object.optional("bail-on-disagree", "true or false", faults, Value::as_bool);
        set.bail_on_disagree = flag.unwrap_or(set.bail_on_disagree);
        let filters = object.optional_list("execute-outbox-messages-filter", faults, OutboxFilter::parse);
        set.execute_outbox = filters.unwrap_or_default();
        set.batcher = batcher::Settings::parse(object, faults);
        options
    }

    fn parse_addresses(&mut self, object: &mut Object<'_>, faults: &mut Faults) {
        let endpoint = object.optional_text("endpoint", faults, parse_web_address);
        self.endpoint = endpoint.unwrap_or(std::mem::take(&mut self.endpoint));
        self.rpc_addr = object.optional_text("rpc-addr", faults, parse_addr).unwrap_or(self.rpc_addr);
        let port = object.optional("rpc-port", "a port (0 to 65535)", faults, |v| {
            v.as_u64().and_then(|p| u16::try_from(p).ok())
        });
        self.rpc_port = port.unwrap_or(self.rpc_port);
        self.metrics_addr = object.optional_text("metrics-addr", faults, parse_metrics_addr);
        let routes = format!("a list of routes, of which there are {}", rpc::WRITE_ROUTES.join(", "));
        let allowed = object.optional("rpc-allow", &routes, faults, |v| {
            let routes = v.as_array()?.iter();
            routes.map(|r| r.as_str().filter(|r| rpc::WRITE_ROUTES.contains(r)).map(str::to_owned)).collect()
        });
        self.rpc_allow = allowed.unwrap_or_default();
        let cors = object.nested("cors", faults, |object, faults| {
            fn words(v: &Value, fine: fn(&str) -> bool) -> Option<Vec<String>> {
                v.as_array()?.iter().map(|w| w.as_str().filter(|w| fine(w)).map(str::to_owned)).collect()
            }
            let header = |v: &Value| words(v, |w| w == "*" || HeaderName::try_from(w).is_ok());
            let origin =
                |v: &Value| words(v, |w| w == "*" || (w.contains("://") && HeaderValue::try_from(w).is_ok()));
            let headers =
                object.optional("allowed_headers", "a list of names of headers, or `*`", faults, header);
            let origins = object.optional(
                "allowed_origins",
                "a list of origins as https://example.org, or `*`",
                faults,
                origin,
            );
            Cors { headers: headers.unwrap_or_default(), origins: origins.unwrap_or_default() }
        });
        self.cors = cors.unwrap_or_default();
    }

    fn parse_machine(&mut self, object: &mut Object<'_>, faults: &mut Faults) {
        self.engine =
            object.optional_text("engine", faults, |text| text.parse().map_err(|e: KindError| e.to_string()));
        self.wasm_compiler = object.optional_text("wasm-compiler", faults, |text| {
            text.parse().map_err(|e: CompilerError| e.to_string())
        });
        let mut deadline = |name, default| {
            object.optional(name, "a number of seconds above 0", faults, seconds).unwrap_or(default)
        };
        self.kernel_deadline = deadline("kernel-deadline", self.kernel_deadline);
        self.simulation_deadline = deadline("simulation-deadline", self.simulation_deadline);
        let flag = object.optional("log-kernel-debug", "true or false", faults, Value::as_bool);
        self.log_kernel_debug = flag.unwrap_or(self.log_kernel_debug);
        self.log_kernel_debug_file = object.optional("log-kernel-debug-file", "a path", faults, path);
    }

    fn parse_history(&mut self, object: &mut Object<'_>, faults: &mut Faults) {
        let mode = object.optional_text("history-mode", faults, HistoryMode::parse);
        self.history_mode = mode.unwrap_or(self.history_mode);
        let number = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let positive = move |v: &Value| number(v).filter(|n| *n > 0);
        let blocks = object.optional("history-blocks", "a number of levels", faults, number);
        self.history_blocks = blocks.unwrap_or(self.history_blocks);
        let period = object.optional("gc-period", "a number of levels above 0", faults, positive);
        let frequency = object.nested("gc-parameters", faults, |object, faults| {
            object.unused("context_splitting_period", "states are kept in one store", faults);
            object.optional("frequency", "a number of levels above 0", faults, positive)
        });
        if let (Some(period), Some(Some(frequency))) = (period, frequency)
            && period != frequency
        {
            faults.add(format!("gc-period: {period}, but gc-parameters.frequency: {frequency}"));
        }
        self.gc_period = period.or(frequency.flatten()).unwrap_or(self.gc_period);
    }

    pub(super) fn add_to(&self, out: &mut Map<String, Value>) {
        let default = Self::default();
        let mut put = |name: &str, differs: bool, value: Value| {
            if differs {
                out.insert(name.to_owned(), value);
            }
        };
        let seconds = |time: Duration| match time.subsec_nanos() {
            0 => json!(time.as_secs()),
            _ => json!(time.as_secs_f64()),
        };
        let time = |name, value: Duration, default: Duration| (name, value != default, seconds(value));
        let times = [
            time("kernel-deadline", self.kernel_deadline, default.kernel_deadline),
            time("simulation-deadline", self.simulation_deadline, default.simulation_deadline),
            time("reconnection-delay", self.reconnection_delay, default.reconnection_delay),
        ];
        put("endpoint", self.endpoint != default.endpoint, json!(self.endpoint));
        put("rpc-addr", self.rpc_addr != default.rpc_addr, json!(self.rpc_addr.to_string()));
        put("rpc-port", self.rpc_port != default.rpc_port, json!(self.rpc_port));
        put("metrics-addr", self.metrics_addr.is_some(), json!(self.metrics_addr.map(|a| a.to_string())));
        put("engine", self.engine.is_some(), json!(self.engine.map(Kind::name)));
        put("wasm-compiler", self.wasm_compiler.is_some(), json!(self.wasm_compiler.map(Compiler::name)));
        times.into_iter().for_each(|(name, differs, value)| put(name, differs, value));
        put("history-mode", self.history_mode != default.history_mode, json!("archive"));
        put("history-blocks", self.history_blocks != default.history_blocks, json!(self.history_blocks));
        put("gc-period", self.gc_period != default.gc_period, json!(self.gc_period));
        put("l1_rpc_timeout", self.l1_rpc_timeout.is_some(), json!(self.l1_rpc_timeout.map(seconds)));
        put("log-kernel-debug", self.log_kernel_debug, json!(true));
        let file = &self.log_kernel_debug_file;
        put("log-kernel-debug-file", file.is_some(), json!(file));
        put("pre-images-endpoint", self.pre_images_endpoint.is_some(), json!(self.pre_images_endpoint));
        put("boot-sector", self.boot_sector_file.is_some(), json!(self.boot_sector_file));
        put("bail-on-disagree", self.bail_on_disagree, json!(true));
        let filters: Vec<Value> = self.execute_outbox.iter().map(OutboxFilter::to_json).collect();
        put("execute-outbox-messages-filter", !filters.is_empty(), json!(filters));
        put("rpc-allow", !self.rpc_allow.is_empty(), json!(self.rpc_allow));
        let cors = json!({"allowed_headers": self.cors.headers, "allowed_origins": self.cors.origins});
        put("cors", self.cors != default.cors, cors);
        self.batcher.add_to(out);
    }
}

/// A time in seconds, perhaps with a fraction; above 0 and at most a year.
fn seconds(value: &Value) -> Option<Duration> {
    const YEAR: f64 = 365.0 * 24.0 * 3600.0;
    let seconds = value.as_f64().filter(|s| *s > 0.0 && *s <= YEAR)?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
}

fn path(value: &Value) -> Option<PathBuf> {
    value.as_str().filter(|text| !text.is_empty()).map(PathBuf::from)
}

/// An IP address, or `localhost`.
pub fn parse_addr(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.parse().map_err(|_| format!("expected an IP address, found `{text}`")),
    }
}

/// An address and port; either may be left out.
pub fn parse_metrics_addr(text: &str) -> Result<SocketAddr, String> {
    let found = || format!("expected an address and port, as 127.0.0.1:9933, found `{text}`");
    if let Ok(addr) = parse_addr(text) {
        return Ok(SocketAddr::new(addr, DEFAULT_METRICS_PORT));
    }
    if let Ok(addr) = text.parse() {
        return Ok(addr);
    }
    let (addr, port) = text.rsplit_once(':').ok_or_else(found)?;
    let addr = if addr.is_empty() { Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { parse_addr(addr) };
    Ok(SocketAddr::new(addr.map_err(|_| found())?, port.parse().map_err(|_| found())?))
}

/// The address of a server, of pages or of a layer-1.
pub fn parse_web_address(text: &str) -> Result<String, String> {
    match is_web(text) {
        true => Ok(text.trim_end_matches('/').to_owned()),
        // There may be a password in it.
        false => Err(format!(
            "expected a URL beginning with http:// or https://, found `{}`",
            soru_l1::shown_endpoint(text)
        )),
    }
}

fn is_web(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| !host.is_empty())
}
