//! Cargo, asked to build kernels: with the same bytes on every machine.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rust's name of the machine that kernels run on.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What a build says.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Cargo in a folder of sources. Flags of the surrounding build do not reach it.
pub fn command(sources: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    isolate(&mut cargo);
    cargo.current_dir(sources);
    cargo
}

/// The command that builds one package of a folder with one of cargo's profiles (`release` for kernels that are to be originated) into
/// `target_dir`. The machine's paths are taken out. Rust's library for
/// the target is added with `rustup` when it is missing.
///
/// One package: what is built together shares the features of what it depends on, so a kernel's bytes would depend on its neighbours.
pub fn build(sources: &Path, target_dir: &Path, package: &str, profile: &str) -> Result<Command> {
    let rustc = Rustc {
        program: env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
        sources: sources.to_owned(),
    };
    rustc.ensure_target()?;
    let mut cargo = command(sources);
    cargo
        .args(["build", "--profile", profile, "--package", package, "--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&rustc, target_dir)?);
    Ok(cargo)
}

/// The folder of the workspace that the sources are in, or their own: the compiler's paths are below it, whichever package is built.
fn workspace(sources: &Path) -> Result<PathBuf> {
    let located = command(sources)
        .args(["locate-project", "--workspace", "--message-format=plain"])
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !located.status.success() {
        return Err(String::from_utf8_lossy(&located.stderr).trim().into());
    }
    let manifest = PathBuf::from(String::from_utf8(located.stdout)?.trim());
    Ok(manifest.parent().unwrap_or(sources).to_owned())
}

/// The compiler, as the folder of the sources chooses it.
struct Rustc {
    program: OsString,
    sources: PathBuf,
}

impl Rustc {
    fn ensure_target(&self) -> Result<()> {
        if self.has_target() {
            return Ok(());
        }
        let help = format!("Rust's library for {TARGET} is missing; `rustup target add {TARGET}` adds it");
        let status = Command::new("rustup")
            .current_dir(&self.sources)
            .args(["target", "add", TARGET])
            .status()
            .map_err(|error| format!("{help} (tried, but rustup does not start: {error})"))?;
        if status.success() && self.has_target() {
            Ok(())
        } else {
            Err(format!("{help} (tried: rustup ended with {status})").into())
        }
    }

    fn has_target(&self) -> bool {
        self.ask(&["--print", "target-libdir", "--target", TARGET])
            .is_ok_and(|path| Path::new(&path).is_dir())
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program)
            .current_dir(&self.sources)
            .args(arguments)
            .output()
            .map_err(|error| format!("Rust's compiler does not start: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// Takes out of the environment what would carry flags, wrappers or places of the outer build into the kernels.
fn isolate(cargo: &mut Command) {
    const KEPT: [&str; 4] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let of_cargo = name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept));
        let of_rustc =
            name.starts_with("RUSTC") || name.starts_with("RUSTFLAGS") || name.starts_with("RUSTDOC");
        let of_build_script =
            matches!(name, "OUT_DIR" | "TARGET" | "HOST" | "PROFILE" | "OPT_LEVEL" | "DEBUG");
        if of_cargo || of_rustc || of_build_script {
            cargo.env_remove(name);
        }
    }
}

/// Panic messages hold the paths of sources: replaced, so that the bytes are the same on every machine.
fn rust_flags(rustc: &Rustc, target_dir: &Path) -> Result<OsString> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sysroot = PathBuf::from(rustc.ask(&["--print", "sysroot"])?);
    let mut places = vec![
        (sysroot, "/rust"),
        (workspace(&rustc.sources)?, "/kernels"),
        (target_dir.to_owned(), "/target"),
    ];
    if let Some(home) = cargo_home {
        // Below this folder there is one for each registry, named after its host.
        let sources = home.join("registry").join("src");
        places.push((home, "/cargo"));
        // Of several names that fit, the last one counts.
        let registries = std::fs::read_dir(sources).into_iter().flatten().flatten();
        places.extend(registries.map(|registry| (registry.path(), "/crates")));
    }

    let mut flags = Vec::new();
    for (place, name) in places {
        let real = place.canonicalize().unwrap_or_else(|_| place.clone());
        for from in [place, real] {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(name);
            flags.push(flag);
        }
    }
    Ok(flags.join(&OsString::from("\u{1f}")))
}
