//! `config` in the wallet's folder: what the client's options are when they are not given. The file is Octez's.

use super::{Options, print, print_json};
use crate::UsageError;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:8732";
const ENDPOINT: &str = "endpoint";
const CONFIRMATIONS: &str = "confirmations";
const PASSWORDS: &str = "password_filename";

/// The defaults of the client in one folder.
pub(crate) struct ClientConfig {
    /// Members that are not ours stay as they are.
    members: Map<String, Value>,
}

impl ClientConfig {
    /// Those of the file `config` in the wallet's folder, if it is there.
    pub(crate) fn read(base_dir: &Path) -> Result<Self> {
        Self::read_file(&file(base_dir))
    }

    /// Those of a file, if it is there.
    pub(super) fn read_file(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self { members: Map::new() }),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        let members: Map<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON object", path.display()))?;
        for (name, fits) in [
            (ENDPOINT, Value::is_string as fn(&Value) -> bool),
            (PASSWORDS, Value::is_string),
            (CONFIRMATIONS, |v| v.as_u64().is_some_and(|n| u32::try_from(n).is_ok())),
        ] {
            if let Some(value) = members.get(name).filter(|v| !fits(v)) {
                bail!("{}: `{name}` is {value}: expected {}", path.display(), expected(name));
            }
        }
        Ok(Self { members })
    }

    /// Address of the layer-1's RPC.
    pub(crate) fn endpoint(&self) -> &str {
        self.members.get(ENDPOINT).and_then(Value::as_str).unwrap_or(DEFAULT_ENDPOINT)
    }

    /// The file of passwords for encrypted keys.
    pub(crate) fn password_filename(&self) -> Option<PathBuf> {
        self.members.get(PASSWORDS).and_then(Value::as_str).map(PathBuf::from)
    }

    /// How many blocks on top of an operation's block are waited for.
    pub(super) fn confirmations(&self) -> u32 {
        let number = self.members.get(CONFIRMATIONS).and_then(Value::as_u64);
        number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    /// Takes over what stands on the command line.
    fn update(&mut self, options: &Options) -> Result<()> {
        self.members
            .insert(ENDPOINT.into(), json!(options.general.endpoint.as_deref().unwrap_or(self.endpoint())));
        let confirmations = match options.general.wait.as_deref() {
            None => self.confirmations(),
            Some(n) => n.parse().map_err(|_| {
                UsageError(format!("--wait {n}: the configuration takes {}", expected(CONFIRMATIONS)))
            })?,
        };
        self.members.insert(CONFIRMATIONS.into(), json!(confirmations));
        if let Some(file) = &options.general.password_filename {
            self.members.insert(PASSWORDS.into(), json!(file.to_string_lossy()));
        }
        Ok(())
    }

    fn write(&self, path: &Path) -> Result<()> {
        let context = || format!("cannot write {}", path.display());
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(context)?;
        }
        let text = format!("{:#}\n", Value::Object(self.members.clone()));
        let new = path.with_extension("new");
        std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).with_context(context)
    }
}

fn expected(name: &str) -> &'static str {
    match name {
        ENDPOINT => "the address of an RPC, as text",
        PASSWORDS => "the path of a file, as text",
        _ => "a number of blocks",
    }
}

/// The file of the defaults in the wallet's folder.
pub(super) fn file(base_dir: &Path) -> PathBuf {
    base_dir.join("config")
}

/// A command on the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Init,
    Update,
    Reset,
    Show,
}

super::grammar::phrases! { Config:
    Init: "config init",
        "Write --endpoint, --wait and --password-filename into a new file `config` in the wallet's folder: they become the defaults", &[];
    Update: "config update", "The same; what is not given stays as it was", &[];
    Reset: "config reset", "Forget those defaults", &[];
    Show: "config show", "Show those defaults", &[];
}

pub(super) fn run(command: Command, base_dir: &Path, path: &Path, options: &Options) -> Result<()> {
    match command {
        Command::Init | Command::Update => {
            if matches!(command, Command::Init) && path.exists() {
                bail!("{} exists already: `config update` changes it", path.display());
            }
            let mut config = ClientConfig::read_file(path)?;
            config.update(options)?;
            config.write(path)?;
            print(format_args!("Configuration written in {}", path.display()))
        }
        Command::Reset => match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        },
        Command::Show => {
            let config = ClientConfig::read_file(path)?;
            let mut members = Map::new();
            members.insert("base_dir".into(), json!(base_dir.to_string_lossy()));
            members.extend(config.members.clone());
            members.insert(ENDPOINT.into(), json!(config.endpoint()));
            members.insert(CONFIRMATIONS.into(), json!(config.confirmations()));
            print_json(&Value::Object(members))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientConfig> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(file(dir.path()), text).unwrap();
        ClientConfig::read(dir.path())
    }

    #[test]
    fn a_file_of_octez_is_read_and_kept() {
        let text = r#"{"base_dir":"/x","endpoint":"http://127.0.0.1:1","web_port":8080,"confirmations":2}"#;
        let config = read(text).unwrap();
        assert_eq!((config.endpoint(), config.confirmations()), ("http://127.0.0.1:1", 2));
        let dir = tempfile::tempdir().unwrap();
        config.write(&file(dir.path())).unwrap();
        assert_eq!(ClientConfig::read(dir.path()).unwrap().members, config.members);
    }

    #[test]
    fn without_a_file_there_are_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let config = ClientConfig::read(&dir.path().join("none")).unwrap();
        assert_eq!((config.endpoint(), config.confirmations()), (DEFAULT_ENDPOINT, 0));
    }

    #[test]
    fn faults_name_the_member() {
        let error = |text: &str| format!("{:#}", read(text).err().unwrap());
        assert!(error("[]").contains("config is no JSON object"));
        assert!(
            error(r#"{"endpoint":3}"#).ends_with("`endpoint` is 3: expected the address of an RPC, as text")
        );
        assert!(
            error(r#"{"confirmations":-1}"#).ends_with("`confirmations` is -1: expected a number of blocks")
        );
    }
}
