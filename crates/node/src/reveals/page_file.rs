//! One page in one file.

use soru_pvm::reveal::{PAGE_MAX, PreimageHash};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use thiserror::Error;

/// Why a file is not the page of a hash.
#[derive(Debug, Error)]
pub enum PageFileError {
    /// There is nothing of that name.
    #[error("it is not there")]
    Missing,
    /// It leads to nothing.
    #[error("it is a link that leads nowhere")]
    DeadLink,
    /// A folder, a pipe, a device.
    #[error("it is {0}, expected a file")]
    NoFile(&'static str),
    /// It cannot be a page of any hash.
    #[error("it has {0} bytes, a page has {PAGE_MAX} at most")]
    TooLong(u64),
    /// It is the page of another hash.
    #[error("its contents have the hash {0}")]
    OtherHash(PreimageHash),
    /// The system does not let it be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
}

/// The contents of a file, if they are the page of that hash. Links are followed; nothing of what is too long is read.
pub fn read_page(path: &Path, hash: PreimageHash) -> Result<Vec<u8>, PageFileError> {
    let page = read_any_page(path)?;
    match PreimageHash::of_page(&page) {
        found if found == hash => Ok(page),
        found => Err(PageFileError::OtherHash(found)),
    }
}

fn read_any_page(path: &Path) -> Result<Vec<u8>, PageFileError> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if path.symlink_metadata().is_ok() => PageFileError::DeadLink,
        io::ErrorKind::NotFound => PageFileError::Missing,
        _ => PageFileError::Unreadable(error),
    })?;
    if about.is_dir() {
        return Err(PageFileError::NoFile("a folder"));
    }
    if !about.is_file() {
        return Err(PageFileError::NoFile("a pipe, a socket or a device"));
    }
    if about.len() > PAGE_MAX as u64 {
        return Err(PageFileError::TooLong(about.len()));
    }
    let mut page = Vec::new();
    // It may grow at this very moment.
    let limited = File::open(path).map(|file| file.take(PAGE_MAX as u64 + 1));
    limited.and_then(|mut file| file.read_to_end(&mut page)).map_err(PageFileError::Unreadable)?;
    if page.len() > PAGE_MAX { Err(PageFileError::TooLong(page.len() as u64)) } else { Ok(page) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_page_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let hash = PreimageHash::of_page(b"page");
        let says = |name: &str| read_page(&path(name), hash).unwrap_err().to_string();

        fs::write(path("page"), b"page").unwrap();
        symlink(path("page"), path("link")).unwrap();
        assert_eq!(read_page(&path("page"), hash).unwrap(), b"page");
        assert_eq!(read_page(&path("link"), hash).unwrap(), b"page");

        fs::create_dir(path("folder")).unwrap();
        symlink(path("nothing"), path("dead")).unwrap();
        symlink(path("round"), path("round")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        fs::write(path("other"), b"other").unwrap();
        // Nothing of it is read.
        File::create(path("huge")).unwrap().set_len(1 << 40).unwrap();
        for (name, expected) in [
            ("nothing", "it is not there"),
            ("folder", "it is a folder, expected a file"),
            ("dead", "it is a link that leads nowhere"),
            ("socket", "it is a pipe, a socket or a device, expected a file"),
            ("huge", "it has 1099511627776 bytes, a page has 4096 at most"),
        ] {
            assert_eq!(says(name), expected, "{name}");
        }
        assert_eq!(says("other"), format!("its contents have the hash {}", PreimageHash::of_page(b"other")));
        assert!(says("round").starts_with("it cannot be read: "), "{}", says("round"));
    }
}
