//! Links lead somewhere, and the summary has every page.

use super::markdown::{anchors, links};
use super::page::all;
use crate::support::repository;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

#[test]
fn links_between_pages_lead_to_files_and_headings_that_are_there() {
    let mut broken = Vec::new();
    for page in all().into_iter().chain(["ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned)) {
        let text = std::fs::read_to_string(repository(&page)).unwrap();
        for (line, target) in links(&text) {
            if target.starts_with("http://") || target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                PathBuf::from(&page)
            } else {
                Path::new(&page).parent().unwrap().join(file)
            };
            let path = straight(&path);
            let found = match std::fs::read_to_string(repository("").join(&path)) {
                _ if !repository("").join(&path).exists() => false,
                Ok(text) if !anchor.is_empty() => anchors(&text).iter().any(|a| a == anchor),
                _ => true,
            };
            // What is outside of its sources the rendered book does not have.
            let outside = page.starts_with("book/src") && !path.starts_with("book/src");
            if !found || outside {
                broken.push(format!("{page}:{line}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// The path without `..`.
fn straight(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut straight, component| {
        if component == Component::ParentDir {
            straight.pop();
        } else {
            straight.push(component);
        }
        straight
    })
}

#[test]
fn the_summary_has_every_page_once() {
    let summary = std::fs::read_to_string(repository("book/src/SUMMARY.md")).unwrap();
    let listed: Vec<String> =
        links(&summary).into_iter().map(|(_, target)| format!("book/src/{target}")).collect();
    let pages: BTreeSet<String> =
        all().into_iter().filter(|p| p != "README.md" && !p.ends_with("SUMMARY.md")).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), pages);
    assert_eq!(listed.len(), pages.len(), "a page is listed twice");
}
