//! What the machine asks of a kernel, checked on the bytes that this crate carries.

use wasmparser::{ExternalKind, Parser, Payload, Validator, WasmFeatures};

const HOST_MODULE: &str = "smart_rollup_core";

/// WebAssembly as the machine takes it: without floats.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::FLOATS)
}

#[test]
fn every_kernel_is_valid_without_floats() {
    for (name, bytes) in soru_kernels::all() {
        if let Err(error) = Validator::new_with_features(features()).validate_all(bytes) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn every_kernel_exports_kernel_run_and_one_memory() {
    for (name, bytes) in soru_kernels::all() {
        let (mut entries, mut memories) = (0, 0);
        for payload in Parser::new(0).parse_all(bytes) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                for export in exports {
                    let export = export.unwrap();
                    entries += usize::from(export.name == "kernel_run" && export.kind == ExternalKind::Func);
                    memories += usize::from(export.kind == ExternalKind::Memory && export.index == 0);
                }
            }
        }
        assert_eq!((entries, memories), (1, 1), "{name}");
    }
}

#[test]
fn every_kernel_imports_host_functions_only() {
    for (name, bytes) in soru_kernels::all() {
        let mut count = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            if let Payload::ImportSection(imports) = payload.unwrap() {
                for import in imports.into_imports() {
                    assert_eq!(import.unwrap().module, HOST_MODULE, "{name}");
                    count += 1;
                }
            }
        }
        assert!(count > 0, "{name} imports nothing");
    }
}

#[test]
fn no_kernel_names_a_place_of_this_machine() {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let project = std::path::Path::new(project).canonicalize().unwrap();
    let mut places: Vec<String> =
        ["/home/", "/root/", "/Users/", ".cargo", "registry", "index.", "crates.io"]
            .map(str::to_owned)
            .to_vec();
    places.push(project.display().to_string());
    places.extend(std::env::home_dir().map(|home| home.display().to_string()));
    for (name, bytes) in soru_kernels::all() {
        for place in &places {
            let found = bytes.windows(place.len()).any(|window| window == place.as_bytes());
            assert!(!found, "{name} names {place}");
        }
    }
}

/// From a copy of the sources, in the package's own folder: neither the place nor the neighbours count.
#[test]
fn a_kernel_has_the_same_bytes_wherever_and_with_whatever_it_is_built() {
    let copy = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere");
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels");
    std::fs::create_dir_all(&copy).unwrap();
    for name in
        ["Cargo.toml", "Cargo.lock", "counter", "echo", "installer", "kit", "library", "notary", "token"]
    {
        copy_all(&sources.join(name), &copy.join(name)).unwrap();
    }
    for (name, carried) in [("counter", soru_kernels::COUNTER), ("token", soru_kernels::TOKEN)] {
        let target = copy.join(name).join("target");
        let mut cargo = soru_kernels::cargo::build(&copy.join(name), &target, name, "release").unwrap();
        let output = cargo.arg("--locked").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = format!("{}/release/{name}.wasm", soru_kernels::cargo::TARGET);
        assert!(std::fs::read(target.join(file)).unwrap() == carried, "{name} has other bytes");
    }
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    if from.is_file() {
        return std::fs::copy(from, to).map(|_| ());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != "target" {
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// A kernel that does not fit into one operation would need an installer.
#[test]
fn every_kernel_fits_into_one_operation() {
    /// Bytes of an operation on the network; what is not the kernel takes a few hundred at most.
    const OPERATION: usize = 32_768;
    for (name, kernel) in soru_kernels::all() {
        assert!(kernel.len() + 512 < OPERATION, "{name} has {} bytes", kernel.len());
    }
}

/// The kernels have unit tests, on this machine, in a workspace of their own.
#[test]
fn the_unit_tests_of_the_kernels_pass() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels/Cargo.toml");
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["test", "--locked", "--manifest-path", manifest]);
    cargo.args(["--package", "kit", "--package", "counter", "--package", "token", "--package", "library"]);
    // Neither the folder nor the flags of this build.
    cargo.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/kernels")).env_remove("RUSTFLAGS");
    let output = cargo.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let suites =
        told.lines().filter(|line| line.starts_with("test result: ok.") && !line.contains(" 0 passed"));
    assert_eq!(suites.count(), 4, "{told}");
}
