//! Builds the workspace `kernels/` for the machine and leaves one `.wasm` file per kernel in `OUT_DIR`.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const KERNELS: [&str; 3] = ["echo", "installer", "notary"];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    if let Err(error) = build() {
        // A build script has no better way to speak than its panic; cargo prints standard error of a failed one.
        eprintln!("error: cannot build the example kernels: {error}");
        std::process::exit(1);
    }
}

fn build() -> Result<()> {
    let sources = directory("CARGO_MANIFEST_DIR")?.join("../../kernels").canonicalize()?;
    let out = directory("OUT_DIR")?;
    watch(&sources);

    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    ensure_target(&rustc)?;

    let target_dir = out.join("target");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    isolate(&mut cargo);
    cargo
        .current_dir(&sources)
        .args(["build", "--locked", "--release", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&rustc, &sources, &target_dir)?);
    for name in KERNELS {
        cargo.args(["--package", name]);
    }
    let output = cargo.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo build in {} failed:\n{log}", sources.display()).into());
    }
    for name in KERNELS {
        let file = format!("{name}.wasm");
        fs::copy(target_dir.join(TARGET).join("release").join(&file), out.join(&file))
            .map_err(|error| format!("cargo build left no {file}: {error}"))?;
    }
    Ok(())
}

fn directory(variable: &str) -> Result<PathBuf> {
    Ok(env::var_os(variable).ok_or_else(|| format!("cargo did not set {variable}"))?.into())
}

/// Named one by one: a build by hand leaves `kernels/target`, which must not count as a change.
fn watch(sources: &Path) {
    for name in ["Cargo.toml", "Cargo.lock"].iter().chain(&KERNELS) {
        println!("cargo::rerun-if-changed={}", sources.join(name).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
}

fn ensure_target(rustc: &OsString) -> Result<()> {
    if target_is_there(rustc) {
        return Ok(());
    }
    let help = format!("Rust's library for {TARGET} is missing; `rustup target add {TARGET}` adds it");
    let status = Command::new("rustup")
        .args(["target", "add", TARGET])
        .status()
        .map_err(|error| format!("{help} (tried, but rustup does not start: {error})"))?;
    if status.success() && target_is_there(rustc) {
        Ok(())
    } else {
        Err(format!("{help} (tried: rustup ended with {status})").into())
    }
}

fn target_is_there(rustc: &OsString) -> bool {
    ask(rustc, &["--print", "target-libdir", "--target", TARGET]).is_ok_and(|path| Path::new(&path).is_dir())
}

fn ask(rustc: &OsString, arguments: &[&str]) -> Result<String> {
    let output = Command::new(rustc).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
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
fn rust_flags(rustc: &OsString, sources: &Path, target_dir: &Path) -> Result<OsString> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sysroot = PathBuf::from(ask(rustc, &["--print", "sysroot"])?);
    let mut places =
        vec![(sysroot, "/rust"), (sources.to_owned(), "/kernels"), (target_dir.to_owned(), "/target")];
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
