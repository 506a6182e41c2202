//! Builds the workspace `kernels/` for the machine and leaves one `.wasm` file per kernel in `OUT_DIR`.

#[path = "src/cargo.rs"]
#[expect(unreachable_pub, reason = "the library has the same module, where it is public")]
mod cargo;

use cargo::{Result, TARGET};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const KERNELS: [&str; 6] = ["counter", "echo", "installer", "library", "notary", "token"];
/// What kernels share.
const SHARED: [&str; 3] = ["Cargo.toml", "Cargo.lock", "kit"];

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

    let target_dir = out.join("target");
    for name in KERNELS {
        let output = cargo::build(&sources, &target_dir, name, "release")?
            .arg("--locked")
            .output()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        if !output.status.success() {
            let log = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo build of {name} in {} failed:\n{log}", sources.display()).into());
        }
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
    for name in SHARED.iter().chain(&KERNELS) {
        println!("cargo::rerun-if-changed={}", sources.join(name).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/cargo.rs");
}
