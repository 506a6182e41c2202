//! Links lead somewhere, and the summary has every page.

use super::generated::rust_below;
use super::markdown::{anchors, links, table_cells};
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

#[test]
fn tests_that_a_page_names_are_there() {
    let text = std::fs::read_to_string(repository("book/src/reference/real-layer-1.md")).unwrap();
    let code = rust_below(&repository("crates"));
    let mut named = 0;
    for cells in text.lines().filter_map(table_cells).filter(|cells| cells.len() == 3) {
        for name in cells[2].split('`').skip(1).step_by(2) {
            let name = name.trim_end_matches('…');
            let found = match name.contains(['/', '.']) {
                true => !name.contains('/') || repository(name).exists(),
                false => code.contains(&format!("fn {name}")),
            };
            assert!(found, "no such test: {name}");
            named += 1;
        }
    }
    assert!(named > 20, "only {named} tests are named");
}
