//! Compiled modules on disk.
//!
//! One file per kernel, compiler, build of the compiler (version, settings, processor) and revision of the rewriting: a
//! change of any of them asks for another name. The ticks before a kernel have a revision of their own. A file is written under a name of its own and then renamed, so that it is there whole or not at all, and
//! begins with the hash of the rest, so that a damaged one is noticed. A kernel that replaces itself at every level must not
//! fill the disk: the files that were used last are kept.

use crate::compiler::Compiler;
use crate::instrument::REVISION;
use soru_base::blake2b::hash32;
use soru_base::hash::ContextHash;
use soru_pvm::Version;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

const HASH_LEN: usize = 32;
/// How many files are kept.
const FILES_MAX: usize = 128;

/// The name of a compiled module, or of the number of ticks before it.
#[derive(Debug, Clone)]
pub(crate) struct Key(String);

impl Key {
    /// Of a kernel, made by a compiler with the settings of `engine`.
    pub(crate) fn module(
        kernel: ContextHash,
        compiler: Compiler,
        metered: bool,
        engine: &wasmtime::Engine,
    ) -> Self {
        let mut build = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut build);
        let (kernel, build) = (hex::encode(kernel.0), build.finish());
        let kind = if metered { "" } else { "unmetered-" };
        Self(format!("{kernel}-{compiler}-{kind}{build:016x}-r{REVISION}.module"))
    }

    /// Of the ticks that come before a kernel is called. They do not depend on the rewriting.
    pub(crate) fn ticks(kernel: ContextHash, version: Version) -> Self {
        let revision = soru_pvm::handover::REVISION;
        Self(format!("{}-{}-ready{revision}.ticks", hex::encode(kernel.0), version.name()))
    }
}

/// A folder of compiled modules.
#[derive(Debug)]
pub(crate) struct DiskCache {
    folder: PathBuf,
}

impl DiskCache {
    /// Opens the folder, which nobody else may write to: what is in it is run.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        check_owner(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The compiled module. `Ok(None)` when there is none, or a damaged one (which is said in the log and removed).
    pub(crate) fn load(&self, key: &Key) -> io::Result<Option<Vec<u8>>> {
        let path = self.path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some((hash, module)) = bytes.split_at_checked(HASH_LEN)
            && hash == hash32(module)
        {
            // Marks it as used. Nothing is lost where that is not possible.
            let _ = fs::File::options()
                .append(true)
                .open(&path)
                .and_then(|file| file.set_modified(SystemTime::now()));
            return Ok(Some(module.to_vec()));
        }
        tracing::warn!(file = %path.display(), "damaged file in the cache of compiled kernels: compiling again");
        self.remove(key);
        Ok(None)
    }

    /// Keeps a compiled module.
    pub(crate) fn store(&self, key: &Key, module: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        // Two processes may write the same module, and two engines of a process: each under its own name.
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{}-{number}.part", std::process::id()));
        let written = (|| {
            let mut file = fs::File::create(&unfinished)?;
            file.write_all(&hash32(module))?;
            file.write_all(module)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.and_then(|()| self.prune())
    }

    /// Removes the files that were not used for the longest time, and what a killed process left unfinished with them.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another process may have removed it.
            if let Ok(used) = entry.metadata().and_then(|data| data.modified()) {
                files.push((used, entry.path()));
            }
        }
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(FILES_MAX)) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(&key.0)
    }

    /// Forgets a module.
    pub(crate) fn remove(&self, key: &Key) {
        let _ = fs::remove_file(self.path(key));
    }
}

#[cfg(unix)]
fn check_owner(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let reason = format!(
        "{} can be written to by others (mode {:o}): compiled kernels are run as they are, so only its owner may",
        folder.display(),
        mode & 0o777
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

#[cfg(not(unix))]
fn check_owner(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_that_write_the_same_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let module = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let cache = DiskCache::open(folder.path()).unwrap();
                    let key = Key("same.module".into());
                    for _ in 0..10 {
                        cache.store(&key, &module).unwrap();
                        assert_eq!(cache.load(&key).unwrap().as_ref(), Some(&module));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_files_that_were_used_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(folder.path()).unwrap();
        let key = |n: usize| Key(format!("{n}.module"));
        let age = |n: usize, seconds: u64| {
            let used = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = fs::File::options().append(true).open(cache.path(&key(n)));
            file.unwrap().set_modified(used).unwrap();
        };
        for n in 0..FILES_MAX {
            cache.store(&key(n), b"module").unwrap();
            age(n, n as u64);
        }
        assert_eq!(cache.load(&key(0)).unwrap().unwrap(), b"module");
        cache.store(&key(FILES_MAX), b"module").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES_MAX);
        assert!(cache.load(&key(0)).unwrap().is_some(), "it was used");
        assert!(cache.load(&key(1)).unwrap().is_none(), "the oldest");
    }
}
