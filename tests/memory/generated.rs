//! Man pages and completions match the program.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

#[path = "../../examples/generate.rs"]
mod generate;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use udpchat::cli::Cli;

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
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "EXAMPLES"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{} has no {section}", path.display());
        }
    }
}

/// Returns the man pages as plain text, with their paths.
fn pages() -> Vec<(PathBuf, String)> {
    let files = generate::files().unwrap().into_iter().filter(|(path, _)| path.starts_with("man"));
    let plain = |bytes| {
        String::from_utf8(bytes).unwrap().replace(['\\'], "").replace("fB", "").replace("fI", "").replace("fR", "")
    };
    files.map(|(path, bytes)| (path, plain(bytes))).collect()
}

#[test]
fn a_synopsis_names_each_option_with_its_argument() {
    let mut cli = Cli::command();
    cli.build();
    for (path, page) in pages() {
        let name = path.file_stem().unwrap().to_str().unwrap().strip_prefix("udpchat-").map(str::to_owned);
        let command = name.as_ref().map_or(&cli, |name| cli.find_subcommand(name).unwrap());
        let synopsis = page.split(".SH SYNOPSIS\n").nth(1).unwrap().lines().next().unwrap();
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let value = if arg.get_action().takes_values() {
                arg.get_value_names().unwrap()[0].to_string()
            } else {
                String::new()
            };
            let option = arg.get_long().map_or(String::new(), |long| format!("--{long} "));
            let wanted = format!("{option}{value}");
            assert!(synopsis.contains(wanted.trim()), "{}: no {wanted} in {synopsis}", path.display());
        }
    }
}

#[test]
fn no_man_page_refers_to_one_that_does_not_exist() {
    let pages = pages();
    let names: BTreeSet<_> =
        pages.iter().map(|(path, _)| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let mut references = 0;
    for (path, page) in &pages {
        for word in page.split(|at: char| at.is_whitespace() || at == ',').filter_map(|word| word.strip_suffix("(1)")) {
            assert!(names.contains(word), "{} refers to {word}(1)", path.display());
            references += 1;
        }
    }
    assert!(references > names.len(), "the pages refer to each other");
}
