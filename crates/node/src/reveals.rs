//! Pages of the reveal channel: kept in files, fetched from where somebody else keeps them.

mod page_file;
mod remote;

pub use page_file::{PageFileError, read_page};
pub use remote::{EndpointError, Remote};

use soru_pvm::reveal::{PreimageHash, PreimageSource, RevealError};
use std::fs;
use std::path::{Path, PathBuf};
use tracing::warn;

/// Folder of the pages, below the data directory.
pub const PREIMAGE_DIR: &str = "wasm_2_0_0";

/// Reads pages from `wasm_2_0_0` below the data directory. A file bears the name of the hash of its page in hexadecimal,
/// with the byte of the hash's scheme before it or without.
#[derive(Debug, Clone)]
pub struct FilePreimages {
    dir: PathBuf,
}

impl FilePreimages {
    /// Pages below `data_dir`.
    pub fn new(data_dir: &Path) -> Self {
        Self::in_dir(&data_dir.join(PREIMAGE_DIR))
    }

    /// Pages in `dir` itself.
    pub fn in_dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }
}

impl PreimageSource for FilePreimages {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        let names = [hash.to_string(), hex::encode(hash.0)];
        let mut ignored = String::new();
        for path in names.iter().map(|name| self.dir.join(name)) {
            match read_page(&path, hash) {
                Ok(page) => return Ok(page),
                Err(PageFileError::Missing) => {}
                Err(why) => ignored += &format!("; ignored {}: {why}", path.display()),
            }
        }
        let path = self.dir.join(&names[0]);
        Err(RevealError::new(format!("waiting for the file {}{ignored}", path.display())))
    }
}

/// Pages of a node: its files, and what it fetches and keeps there if they do not have it.
#[derive(Debug, Clone)]
pub struct Pages {
    files: FilePreimages,
    remote: Option<Remote>,
}

impl Pages {
    /// Files below `data_dir`, and the pages of `remote`.
    pub fn new(data_dir: &Path, remote: Option<Remote>) -> Self {
        Self { files: FilePreimages::new(data_dir), remote }
    }
}

impl PreimageSource for Pages {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        let missing = match (self.files.preimage(hash), &self.remote) {
            (Ok(page), _) => return Ok(page),
            (Err(missing), None) => return Err(missing),
            (Err(missing), Some(_)) => missing,
        };
        let Some(remote) = &self.remote else { return Err(missing) };
        let page =
            remote.fetch(hash).map_err(|reason| RevealError::new(format!("{missing}, or {reason}")))?;
        // Without a file it is fetched again: no reason to stop.
        if let Err(error) = self.files.keep(hash, &page) {
            warn!("cannot keep the page {hash} in {}: {error}", self.files.dir.display());
        }
        Ok(page)
    }
}

impl FilePreimages {
    /// A file appears with its whole contents or not at all.
    fn keep(&self, hash: PreimageHash, page: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let name = hash.to_string();
        let part = self.dir.join(format!("{name}.{}.part", std::process::id()));
        fs::write(&part, page)?;
        fs::rename(&part, self.dir.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{Binary, Level, RollupAddress};
    use soru_pvm::reveal::{Metadata, PAGE_MAX, RevealRequest, RevealSource, RollupReveals};

    fn source() -> (tempfile::TempDir, FilePreimages) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(PREIMAGE_DIR)).unwrap();
        let pages = FilePreimages::new(dir.path());
        (dir, pages)
    }

    fn ask(pages: &mut FilePreimages, page: &[u8]) -> Result<Vec<u8>, RevealError> {
        let metadata =
            Metadata { address: RollupAddress([7; 20]), origination_level: Level::new(5).unwrap() };
        let request = [&[0], PreimageHash::of_page(page).to_bytes().as_slice()].concat();
        assert!(matches!(RevealRequest::parse(&request), RevealRequest::Preimage(_)));
        RollupReveals { metadata, preimages: pages }.reveal(&request)
    }

    fn put(dir: &tempfile::TempDir, name: &str, page: &[u8]) {
        fs::write(dir.path().join(PREIMAGE_DIR).join(name), page).unwrap();
    }

    #[test]
    fn a_page_appears_under_either_name() {
        let (dir, mut pages) = source();
        let page = vec![9; PAGE_MAX];
        let missing = ask(&mut pages, &page).unwrap_err().reason;
        let name = PreimageHash::of_page(&page).to_string();
        assert!(missing.starts_with("waiting for the file") && missing.ends_with(&name), "{missing}");
        put(&dir, &name, &page);
        assert_eq!(ask(&mut pages, &page).unwrap(), page);

        put(&dir, &hex::encode(PreimageHash::of_page(b"short").0), b"short");
        assert_eq!(ask(&mut pages, b"short").unwrap(), b"short");
    }

    #[test]
    fn contents_that_are_not_the_name_s_are_refused() {
        let (dir, mut pages) = source();
        put(&dir, &PreimageHash::of_page(b"page").to_string(), b"other");
        let reason = ask(&mut pages, b"page").unwrap_err().reason;
        assert!(reason.contains(&PreimageHash::of_page(b"other").to_string()), "{reason}");
        // The page may be under the other name.
        put(&dir, &hex::encode(PreimageHash::of_page(b"page").0), b"page");
        assert_eq!(ask(&mut pages, b"page").unwrap(), b"page");
        let long = vec![1; PAGE_MAX + 1];
        put(&dir, &PreimageHash::of_page(&long).to_string(), &long);
        assert!(ask(&mut pages, &long).unwrap_err().reason.contains("4096"));
    }
}
