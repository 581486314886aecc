//! Man pages and completions say what the program says.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

#[path = "../../examples/generate.rs"]
mod generate;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn man_pages_and_completions_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut generated = BTreeSet::new();
    for (path, bytes) in generate::files().unwrap() {
        let there = std::fs::read(root.join(&path)).unwrap_or_default();
        assert!(there == bytes, "{} is stale: run cargo run --example generate", path.display());
        generated.insert(path);
    }
    for folder in ["man", "completions"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = Path::new(folder).join(file.unwrap().file_name());
            assert!(generated.contains(&path), "{} is not generated (any more)", path.display());
        }
    }
}

#[test]
fn every_man_page_has_every_section() {
    for (path, bytes) in generate::files().unwrap().into_iter().filter(|(path, _)| path.starts_with("man")) {
        let page = String::from_utf8(bytes).unwrap();
        for section in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "EXAMPLES"]
        {
            assert!(page.contains(&format!(".SH {section}\n")), "{} has no {section}", path.display());
        }
    }
}
