//! `config.json` of `octez-node`: the members of Octez's that mean something here, and what only a sandbox has.

use super::Settings;
use crate::UsageError;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soru_base::profile::ProfileName;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

const DEFAULT_NETWORK: &str = "sandbox";
const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8732;
/// Those of today's protocol.
const TODAYS_NETWORKS: [&str; 2] = ["mainnet", "ghostnet"];

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeConfig {
    #[serde(rename = "data-dir", skip_serializing_if = "Option::is_none")]
    data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<String>,
    #[serde(default, skip_serializing_if = "Rpc::is_default")]
    rpc: Rpc,
    #[serde(default, skip_serializing_if = "Sandbox::is_default")]
    sandbox: Sandbox,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rpc {
    #[serde(rename = "listen-addrs", default)]
    listen_addrs: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sandbox {
    #[serde(rename = "block-time", default, skip_serializing_if = "Option::is_none")]
    block_time: Option<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    constants: BTreeMap<String, String>,
}

impl Rpc {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Sandbox {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl NodeConfig {
    pub(super) fn path_in(data_dir: &Path) -> PathBuf {
        data_dir.join("config.json")
    }

    pub(super) fn read(data_dir: &Path) -> Result<Option<Self>> {
        let path = Self::path_in(data_dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        serde_json::from_str(&text)
            .map(Some)
            .with_context(|| format!("{} is no configuration", path.display()))
    }

    pub(super) fn write(&self, data_dir: &Path) -> Result<PathBuf> {
        let path = Self::path_in(data_dir);
        let context = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(data_dir).with_context(context)?;
        let new = path.with_extension("new");
        let text = format!("{:#}\n", self.to_json());
        std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path)).with_context(context)?;
        Ok(path)
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// With what the command line says. What makes no sense is an error now, not when it is run.
    pub(super) fn with(mut self, settings: &Settings) -> Result<Self> {
        self.data_dir = Some(settings.data_dir.clone());
        if settings.network.is_some() {
            self.network.clone_from(&settings.network);
        }
        if let Some(addr) = &settings.rpc_addr {
            // Who says only where to listen keeps the port.
            let port = self.rpc_addr().map_or(DEFAULT_PORT, |a| a.port());
            self.rpc.listen_addrs = vec![resolve(addr, port)?.to_string()];
        }
        if settings.block_time.is_some() {
            self.sandbox.block_time = settings.block_time;
        }
        for constant in &settings.constant {
            let (name, value) = constant
                .split_once('=')
                .ok_or_else(|| UsageError(format!("--constant {constant}: expected NAME=VALUE")))?;
            self.sandbox.constants.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        self.profile()?;
        self.rpc_addr()?;
        Ok(self)
    }

    pub(super) fn network(&self) -> &str {
        self.network.as_deref().unwrap_or(DEFAULT_NETWORK)
    }

    /// Which network the layer-1 imitates.
    pub(super) fn profile(&self) -> Result<ProfileName> {
        match self.network() {
            name if TODAYS_NETWORKS.contains(&name) => Ok(ProfileName::Mainnet),
            name if name == DEFAULT_NETWORK || name.contains("://") => Ok(ProfileName::Alpha),
            other => Err(UsageError(format!(
                "unknown network `{other}`: expected {}, {DEFAULT_NETWORK}, or the address of a test network",
                TODAYS_NETWORKS.join(", ")
            ))
            .into()),
        }
    }

    pub(super) fn rpc_addr(&self) -> Result<SocketAddr> {
        let addr = self.rpc.listen_addrs.first().map_or(DEFAULT_HOST, String::as_str);
        resolve(addr, DEFAULT_PORT)
    }

    pub(super) fn block_time(&self) -> f64 {
        self.sandbox.block_time.unwrap_or(1.0)
    }

    pub(super) fn constants(&self) -> Vec<String> {
        self.sandbox.constants.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// An address written as HOST or HOST:PORT.
fn resolve(text: &str, port: u16) -> Result<SocketAddr> {
    if let Ok(addr) = text.parse() {
        return Ok(addr);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse() {
        return Ok(SocketAddr::new(ip, port));
    }
    let found = match text.contains(':') {
        true => text.to_socket_addrs(),
        false => (text, port).to_socket_addrs(),
    };
    let mut found = found.with_context(|| format!("`{text}` is no address: expected HOST or HOST:PORT"))?;
    // `localhost` has two; clients are told 127.0.0.1.
    let first = found.next().ok_or_else(|| anyhow!("the host `{text}` has no address"))?;
    Ok(if first.is_ipv4() { first } else { found.find(SocketAddr::is_ipv4).unwrap_or(first) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{FromArgMatches, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn settings(line: &str) -> Settings {
        let line = format!("x {line}");
        let matches = <Line as clap::CommandFactory>::command().get_matches_from(line.split(' '));
        Line::from_arg_matches(&matches).unwrap().settings
    }

    #[test]
    fn the_lines_of_the_document_make_a_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("node");
        let init = settings(&format!(
            "--data-dir {} --network https://teztnets.xyz/mondaynet-2023-01-09",
            data.display()
        ));
        let config = NodeConfig::default().with(&init).unwrap();
        config.write(&data).unwrap();
        let read = NodeConfig::read(&data).unwrap().unwrap();
        assert_eq!(read, config);
        let run = settings(&format!(
            "--data-dir {} --network https://teztnets.xyz/mondaynet-2023-01-09 --rpc-addr 127.0.0.1",
            data.display()
        ));
        let config = read.with(&run).unwrap();
        assert_eq!(config.rpc_addr().unwrap().to_string(), "127.0.0.1:8732");
        assert_eq!(config.profile().unwrap(), ProfileName::Alpha);
    }

    #[test]
    fn an_address_without_a_port_keeps_that_of_the_file() {
        let written: NodeConfig =
            serde_json::from_str(r#"{"rpc":{"listen-addrs":["127.0.0.1:20000"]}}"#).unwrap();
        let config = written.with(&settings("--data-dir d --rpc-addr localhost")).unwrap();
        assert_eq!(config.rpc_addr().unwrap().to_string(), "127.0.0.1:20000");
        for (text, addr) in
            [("[::]", "[::]:8732"), ("0.0.0.0:1", "0.0.0.0:1"), ("localhost:2", "127.0.0.1:2")]
        {
            assert_eq!(resolve(text, DEFAULT_PORT).unwrap().to_string(), addr);
        }
        assert!(resolve("127.0.0.1:x", 1).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let error = |line: &str| NodeConfig::default().with(&settings(line)).unwrap_err().to_string();
        assert!(
            error("--data-dir d --network monday").contains("unknown network `monday`: expected mainnet")
        );
        assert!(error("--data-dir d --constant x").contains("expected NAME=VALUE"));
        let unknown = serde_json::from_str::<NodeConfig>(r#"{"p2p":{}}"#).unwrap_err().to_string();
        assert!(unknown.contains("unknown field `p2p`"), "{unknown}");
    }
}
