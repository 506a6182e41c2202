//! Pages of the reveal channel, kept in files.

use soru_pvm::reveal::{PAGE_MAX, PreimageHash, PreimageSource, RevealError};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

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
        let found = names.iter().map(|name| self.dir.join(name)).find_map(|path| {
            let page = read_limited(&path).ok()?;
            Some((path, page))
        });
        let Some((path, page)) = found else {
            let path = self.dir.join(&names[0]);
            return Err(RevealError::new(format!("waiting for the file {}", path.display())));
        };
        let found = PreimageHash::of_page(&page);
        if page.len() <= PAGE_MAX && found != hash {
            let path = path.display();
            return Err(RevealError::new(format!(
                "the file {path} has the hash {found}: it is not the page {hash}"
            )));
        }
        Ok(page)
    }
}

/// At most one byte more than a page, so that a huge file is neither read nor taken for a page.
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    fs::File::open(path)?.take(PAGE_MAX as u64 + 1).read_to_end(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{Binary, Level, RollupAddress};
    use soru_pvm::reveal::{Metadata, RevealRequest, RevealSource, RollupReveals};

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
        let long = vec![1; PAGE_MAX + 1];
        put(&dir, &PreimageHash::of_page(&long).to_string(), &long);
        assert!(ask(&mut pages, &long).unwrap_err().reason.contains("4096"));
    }
}
