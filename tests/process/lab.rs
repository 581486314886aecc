//! The lab page shows the output that its readers will see.
//!
//! `UDPCHAT_WRITE_LAB=1 cargo test --test process lab::` rewrites the output.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests are allowed to

use std::path::Path;
use std::process::Command;

const OPEN: &str = "```console\n$ ";
const CLOSE: &str = "```\n";

fn output(command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_udpchat")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh").args(["-c", command]).env("PATH", path).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the page with the current output of each of its commands.
fn with_output(page: &str) -> String {
    let mut parts = page.split(OPEN);
    let mut all = parts.next().unwrap().to_owned();
    for part in parts {
        let (command, rest) = part.split_once('\n').unwrap();
        let (_, rest) = rest.split_once(CLOSE).unwrap();
        all.extend([OPEN, command, "\n", &output(command), CLOSE, rest]);
    }
    all
}

#[test]
fn every_command_of_the_lab_page_prints_what_the_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/LAB.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let now = with_output(&page);
    if std::env::var_os("UDPCHAT_WRITE_LAB").is_some() {
        std::fs::write(&path, &now).unwrap();
    } else {
        assert!(page.matches(OPEN).count() >= 5, "five experiments");
        assert_eq!(page, now, "docs/LAB.md is stale: UDPCHAT_WRITE_LAB=1 cargo test --test process lab:: writes it");
    }
}
