use super::*;
use import::PAGES_PER_RUN;
use kit::bless;
use kit::mock::Mock;
use kit::signed::sign;
use std::collections::BTreeMap;
use std::path::Path;

const LIBRARIAN: [u8; 32] = [1; 32];

fn mock() -> Mock {
    let mut mock = Mock { rollup: [9; 20], ..Mock::default() };
    let message = sign(LIBRARIAN, &[9; 20], 0, &[]);
    mock.storage.insert(b"/librarian".to_vec(), message[22..54].to_vec());
    mock
}

/// Any hash will do here.
fn put(pages: &mut BTreeMap<Hash, Vec<u8>>, tag: u8, contents: &[u8]) -> Hash {
    let mut hash = [0; 33];
    hash[1..9].copy_from_slice(&(pages.len() as u64).to_be_bytes());
    pages.insert(hash, [&[tag][..], &(contents.len() as u32).to_be_bytes(), contents].concat());
    hash
}

/// A text of so many pages in a tree, and its root.
fn book(pages: &mut BTreeMap<Hash, Vec<u8>>, count: usize) -> (Vec<u8>, Hash) {
    let text: Vec<u8> = (0..count * 4091).map(|at| if at % 100 == 0 { b'\n' } else { b'a' }).collect();
    let mut hashes: Vec<Hash> = text.chunks(4091).map(|chunk| put(pages, 0, chunk)).collect();
    while hashes.len() > 1 {
        hashes = hashes.chunks(123).map(|hashes| put(pages, 1, &hashes.concat())).collect();
    }
    (text, hashes[0])
}

fn request(nonce: u64, root: &Hash) -> Vec<u8> {
    sign(LIBRARIAN, &[9; 20], nonce, &[&[0], &root[..]].concat())
}

fn found(mock: &Mock, root: &Hash, name: &[u8]) -> Option<Vec<u8>> {
    mock.storage.get(kit::key::Key::new(b"/books").hex(root).step(name).as_bytes()).cloned()
}

fn summary(pages: u64, bytes: u64, lines: u64) -> Option<Vec<u8>> {
    Some([pages, bytes, lines].iter().flat_map(|number| number.to_be_bytes()).collect())
}

#[test]
fn a_book_is_fetched_over_several_runs() {
    let mut mock = mock();
    let (large, root) = book(&mut mock.pages, 200);
    let (small, other) = book(&mut mock.pages, 1);
    let runs = mock.level([request(0, &root), request(1, &other)], run);
    assert_eq!(found(&mock, &root, b"text"), Some(large));
    assert_eq!(found(&mock, &other, b"text"), Some(small));
    // 200 pages, two of hashes above, the root.
    assert_eq!(found(&mock, &root, b"summary"), summary(203, 200 * 4091, 2 * 4091));
    assert_eq!(found(&mock, &other, b"summary"), summary(1, 4091, 41));
    assert_eq!(runs, 203_usize.div_ceil(PAGES_PER_RUN as usize) + 1 + 1);
    assert!(
        !mock.storage.keys().any(|key| key.starts_with(b"/import") || key.starts_with(b"/requests/open"))
    );
}

#[test]
fn a_book_is_fetched_once() {
    let mut mock = mock();
    let (_, root) = book(&mut mock.pages, 3);
    mock.level([request(0, &root)], run);
    mock.pages.clear();
    mock.level([request(0, &root), request(1, &root)], run);
    assert_eq!(mock.log.len(), 2);
    assert_eq!(mock.number(b"/requests/first"), 2);
}

#[test]
fn only_the_librarian_s_requests_count() {
    let mut mock = mock();
    let before = mock.clone();
    let text = [&[0; 34][..]].concat();
    for message in [
        sign([2; 32], &[9; 20], 0, &text),
        sign(LIBRARIAN, &[9; 20], 1, &text),
        sign(LIBRARIAN, &[9; 20], 0, &text[1..]),
        sign(LIBRARIAN, &[9; 20], 0, &[1; 34]),
        sign(LIBRARIAN, &[9; 20], 0, &[&[0], &[1; 33][..]].concat()),
        sign(LIBRARIAN, &[9; 20], 0, b""),
        {
            let mut message = sign(LIBRARIAN, &[9; 20], 0, &text);
            message[100] ^= 1;
            message
        },
    ] {
        assert_eq!(mock.level([message], run), 1);
        assert_eq!((&mock.storage, mock.log.len()), (&before.storage, 1), "{:?}", mock.log);
    }
    assert_eq!(mock.level([sign(LIBRARIAN, &[8; 20], 0, &text), vec![], vec![1]], run), 1);
    assert_eq!((&mock.storage, mock.log.len()), (&before.storage, 0));
    // Without a librarian, nobody's.
    mock.storage.clear();
    mock.level([sign(LIBRARIAN, &[9; 20], 0, &text)], run);
    assert!(mock.storage.is_empty());
}

#[test]
fn a_malformed_book_is_given_up_and_the_next_one_fetched() {
    let mut mock = mock();
    let (text, good) = book(&mut mock.pages, 1);
    let pages = &mut mock.pages;
    let leaf = put(pages, 0, b"text");
    let mut roots = vec![put(pages, 2, b""), put(pages, 1, &leaf[1..])];
    let cut = put(pages, 0, b"abc");
    pages.get_mut(&cut).unwrap().pop();
    roots.push(put(pages, 1, &[leaf, cut].concat()));
    let empty = put(pages, 0, b"");
    pages.get_mut(&empty).unwrap().clear();
    roots.push(empty);
    // One level too many.
    roots.push((0..4).fold(leaf, |below, _| put(pages, 1, &below)));
    let high = (0..3).fold(leaf, |below, _| put(pages, 1, &below));
    let none = put(pages, 0, b"");
    let mut inbox: Vec<_> = roots.iter().enumerate().map(|(n, root)| request(n as u64, root)).collect();
    inbox.extend([request(5, &good), request(6, &high), request(7, &none)]);
    mock.level(inbox, run);
    for root in roots {
        assert_eq!((found(&mock, &root, b"text"), found(&mock, &root, b"summary")), (None, None));
    }
    assert_eq!(found(&mock, &good, b"text"), Some(text));
    assert_eq!(found(&mock, &high, b"summary"), summary(4, 4, 0));
    assert_eq!(
        (found(&mock, &none, b"text"), found(&mock, &none, b"summary")),
        (Some(vec![]), summary(1, 0, 0))
    );
}

#[test]
fn a_book_too_large_is_given_up() {
    let mut mock = mock();
    // The same page again and again: 123³ of them.
    let leaf = put(&mut mock.pages, 0, b"");
    let root = (0..3).fold(leaf, |below, _| put(&mut mock.pages, 1, &[below; 123].concat()));
    mock.level([request(0, &root)], run);
    assert!(mock.log.iter().any(|line| line.contains("too large")), "{:?}", mock.log);
    assert!(!mock.storage.keys().any(|key| key.starts_with(b"/books") || key.starts_with(b"/import")));
}

/// The files beside the sources, for a rollup without an address: the librarian's key, and the request for the numbers from 1 to 200,000, a line each.
#[test]
fn the_files_are_these() {
    let mut root = [0; 33];
    for (byte, digits) in root.iter_mut().zip(NUMBERS.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    }
    let request = sign(LIBRARIAN, &[0; 20], 0, &[&[0], &root[..]].concat());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    bless::compare(&folder.join("inputs.json"), &bless::inputs(&[vec![bless::external(&request)], vec![]]));
    let key = bless::hex(&request[22..54]);
    let setup = format!("instructions:\n  - set:\n      value: {key}\n      to: /librarian\n");
    bless::compare(&folder.join("setup.yaml"), &setup);
}

/// Root of the pages of `seq 1 200000`.
const NUMBERS: &str = "0022d133665a126c07f5123ef0026e5852d50a5421cf8f79120bc1ef212478e262";
