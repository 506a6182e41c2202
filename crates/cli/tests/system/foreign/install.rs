//! Installs the clients, once for all tests, from the registries that npm and pip are set up for.

use crate::support::repository;
use assert_cmd::Command;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

/// How long an installation may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A client that is installed: a program, and a folder with its scripts.
pub(super) struct Client {
    program: PathBuf,
    scripts: PathBuf,
}

impl Client {
    /// A command that runs one of its scripts.
    pub(super) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.scripts).arg(name);
        command
    }
}

pub(super) fn taquito() -> Option<&'static Client> {
    static CLIENT: LazyLock<Option<Client>> = LazyLock::new(|| {
        if let Some(missing) = ["node", "npm"].into_iter().find(|name| !is_there(name)) {
            return left_out("Taquito", &format!("there is no `{missing}`"));
        }
        let folder = installed("taquito", "package-lock.json", |folder| {
            run("npm", &["ci", "--no-audit", "--no-fund"], folder)
        });
        // Who has npm has a registry: a failure is one of the test.
        let folder = folder.unwrap_or_else(|error| panic!("npm ci: {error}"));
        Some(Client { program: "node".into(), scripts: folder })
    });
    CLIENT.as_ref()
}

pub(super) fn pytezos() -> Option<&'static Client> {
    static CLIENT: LazyLock<Option<Client>> = LazyLock::new(|| {
        if !is_there("python3") {
            return left_out("PyTezos", "there is no `python3`");
        }
        let folder = installed("pytezos", "requirements.txt", |folder| {
            run("python3", &["-m", "venv", "venv"], folder)?;
            let pip = folder.join("venv/bin/python").display().to_string();
            run(
                &pip,
                &["-m", "pip", "install", "--no-input", "--no-deps", "-r", "requirements.txt"],
                folder,
            )?;
            // Parts of it are libraries of the system that pip does not bring.
            run(&pip, &["-c", "import pytezos"], folder)
        });
        match folder {
            Ok(folder) => Some(Client { program: folder.join("venv/bin/python"), scripts: folder }),
            Err(error) => left_out("PyTezos", &format!("it cannot be installed here: {error}")),
        }
    });
    CLIENT.as_ref()
}

/// Says that a client is not tried, past the capture of the test's output.
fn left_out<T>(client: &str, why: &str) -> Option<T> {
    let _ = writeln!(std::io::stderr(), "\nNOT TESTED: {client} against the embedded layer-1: {why}");
    None
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn run(program: &str, words: &[&str], folder: &Path) -> Result<(), String> {
    let output = Command::new(program).args(words).current_dir(folder).timeout(PATIENCE).output();
    let output = output.map_err(|e| format!("{program}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program} {words:?}:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A folder under `target/` with the scripts of a client and all it needs; made anew when `pins` is another. The scripts are
/// copied each time; they find contracts by the same relative paths as in the repository.
fn installed(
    name: &str,
    pins: &str,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let source = repository("clients").join(name);
    let pinned = std::fs::read(source.join(pins)).map_err(|e| e.to_string())?;
    let digest = hex::encode(&soru_base::blake2b::hash32(&pinned)[..6]);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{digest}"));
    let folder = root.join("clients").join(name);
    let all = [&format!("clients/{name}"), "clients/contracts", "crates/michelson/contracts"];
    for part in all {
        copy(&repository(part), &root.join(part)).map_err(|e| format!("{}: {e}", root.display()))?;
    }
    // Written last: an installation that was broken off is made again.
    let mark = folder.join("installed");
    if !mark.exists() {
        install(&folder)?;
        std::fs::write(mark, "").map_err(|e| e.to_string())?;
    }
    Ok(folder)
}

/// The files of a folder, but for folders in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
