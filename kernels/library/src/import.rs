//! A book, page by page.
//!
//! What is to be revealed is a stack in the durable storage: the hashes of pages, each after the number of levels that may be below. So a run can
//! end after any page, and the next one goes on.

use crate::{Hash, Result, requests, storage};
use kit::host::{CHUNK, Host, MESSAGE_MAX};
use kit::key::Key;

/// Pages that are revealed in a run.
pub(crate) const PAGES_PER_RUN: u32 = 64;
/// Most pages of a book.
const PAGES_MAX: u64 = 1 << 16;
/// Levels of a tree below its root.
const LEVELS: u8 = 3;
/// The stack; it never gets shorter, so its height stands beside it.
const STACK: &[u8] = b"/import/stack";
/// Entries of the stack: 8 bytes, big-endian.
const HEIGHT: &[u8] = b"/import/height";
/// Pages, bytes and lines so far: 8 bytes each, big-endian.
const COUNTED: &[u8] = b"/import/counted";
/// All that is kept while a book is fetched.
const IMPORT: &[u8] = b"/import";
/// Bytes of an entry of the stack.
const ENTRY: usize = 1 + size_of::<Hash>();
const MALFORMED: &str = "library: a page is malformed, the book is given up\n";

/// Pages, bytes and lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counted([u64; 3]);

impl Counted {
    fn read(host: &impl Host) -> Self {
        let mut numbers = [0; 3];
        if let Some(bytes) = host.get::<24>(COUNTED) {
            let (chunks, _) = bytes.as_chunks();
            numbers.iter_mut().zip(chunks).for_each(|(number, chunk)| *number = u64::from_be_bytes(*chunk));
        }
        Self(numbers)
    }

    fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (chunks, _) = bytes.as_chunks_mut();
        chunks.iter_mut().zip(self.0).for_each(|(chunk, number)| *chunk = number.to_be_bytes());
        bytes
    }
}

/// Goes on with the book that is being fetched, or with the next one; true if there is more to do.
pub(crate) fn go_on(host: &mut impl Host) -> Result<bool> {
    let Some(root) = requests::next(host) else { return Ok(false) };
    let book = Key::new(b"/books").hex(&root);
    if host.size(book.clone().step(b"summary").as_bytes()).is_some() {
        host.debug("library: the book is there already\n");
        requests::done(host)?;
        return Ok(true);
    }
    if host.size(HEIGHT).is_none() {
        push(host, 0, LEVELS, &root)?;
        host.set_number(HEIGHT, 1).map_err(storage)?;
    }
    match some_pages(host, &book) {
        Ok(true) => return Ok(true),
        Ok(false) => {
            let counted = Counted::read(host);
            host.write(book.step(b"summary").as_bytes(), 0, &counted.to_bytes()).map_err(storage)?;
            host.debug("library: a book is complete\n");
        }
        Err(reason) => {
            host.debug(reason);
            if host.size(book.clone().step(b"text").as_bytes()).is_some() {
                host.delete(book.as_bytes()).map_err(storage)?;
            }
        }
    }
    host.delete(IMPORT).map_err(storage)?;
    requests::done(host)?;
    Ok(true)
}

/// True if there are more pages.
fn some_pages(host: &mut impl Host, book: &Key) -> Result<bool> {
    let text = book.clone().step(b"text");
    let mut page = [0; MESSAGE_MAX];
    let mut height = host.number(HEIGHT);
    let mut counted = Counted::read(host);
    for _ in 0..PAGES_PER_RUN {
        let Some(top) = height.checked_sub(1) else { break };
        let Some([levels, hash @ ..]) = read_entry(host, top) else { return Err(MALFORMED) };
        height = top;
        let length = host.reveal(&hash, &mut page).map_err(|_| "library: a page cannot be revealed\n")?;
        let contents = page.get(..length).ok_or(MALFORMED)?;
        let (tag, rest) = contents.split_first().ok_or(MALFORMED)?;
        let (length, contents) = rest.split_first_chunk().ok_or(MALFORMED)?;
        if u32::from_be_bytes(*length) as usize != contents.len() {
            return Err(MALFORMED);
        }
        let [pages, bytes, lines] = &mut counted.0;
        *pages += 1;
        if *pages > PAGES_MAX {
            return Err("library: the book is too large, it is given up\n");
        }
        match (tag, levels.checked_sub(1)) {
            (0, _) => {
                // An empty book has a text, too.
                if contents.is_empty() {
                    host.write(text.as_bytes(), *bytes as usize, &[]).map_err(storage)?;
                }
                host.write_all(text.as_bytes(), *bytes as usize, contents).map_err(storage)?;
                *bytes += contents.len() as u64;
                *lines += contents.iter().filter(|&&byte| byte == b'\n').count() as u64;
            }
            (1, Some(below)) => {
                let (hashes, []) = contents.as_chunks() else { return Err(MALFORMED) };
                // The first one is the next one.
                for hash in hashes.iter().rev() {
                    push(host, height, below, hash)?;
                    height += 1;
                }
            }
            _ => return Err(MALFORMED),
        }
    }
    host.set_number(HEIGHT, height).map_err(storage)?;
    host.write(COUNTED, 0, &counted.to_bytes()).map_err(storage)?;
    Ok(height > 0)
}

fn push(host: &mut impl Host, height: u64, levels: u8, hash: &Hash) -> Result<()> {
    let mut entry = [levels; ENTRY];
    entry[1..].copy_from_slice(hash);
    host.write(STACK, height as usize * ENTRY, &entry).map_err(storage)
}

fn read_entry(host: &impl Host, place: u64) -> Option<[u8; ENTRY]> {
    const { assert!(ENTRY <= CHUNK) }
    let mut entry = [0; ENTRY];
    (host.read(STACK, place as usize * ENTRY, &mut entry) == Ok(ENTRY)).then_some(entry)
}
