//! Writes the man pages into `man/` and the completions into `completions/`, from the definition in `src/cli.rs`:
//!
//! ```sh
//! cargo run --example generate
//! ```
//!
//! `tests/memory/generated.rs` fails when they are stale.
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // a tool beside the program

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use udpchat::cli::{Cli, manual};

/// Every file that is generated: its path below the project, and what is in it.
pub(crate) fn files() -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut command = Cli::command();
    command.build();
    let mut files = vec![(PathBuf::from("man/udpchat.1"), page(&command, "udpchat")?)];
    for subcommand in command.get_subcommands() {
        let title = format!("udpchat-{}", subcommand.get_name());
        let page = page(&subcommand.clone().display_name(title.clone()), subcommand.get_name())?;
        files.push((PathBuf::from(format!("man/{title}.1")), page));
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
        let mut bytes = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "udpchat", &mut bytes);
        let name = clap_complete::Generator::file_name(&shell, "udpchat");
        files.push((Path::new("completions").join(name), bytes));
    }
    Ok(files)
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .manual("User Commands")
        .date("")
        .source(concat!("udpchat ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let manual = manual(name);
    let mut more = Roff::new();
    for (title, list) in
        [("EXIT STATUS", manual.exit_status), ("ENVIRONMENT", manual.environment), ("FILES", manual.files)]
    {
        more.control("SH", [title]);
        for &(term, text) in list {
            more.control("TP", []).text([bold(term)]).text([roman(text)]);
        }
    }
    more.control("SH", ["EXAMPLES"]);
    for &(what, example) in manual.examples {
        more.control("PP", []).text([roman(what)]);
        more.control("PP", []).control("RS", ["4"]).text([bold(example)]).control("RE", []);
    }
    let other = |page: &str| format!("{page}(1)");
    let others = if command.has_subcommands() {
        command.get_subcommands().map(|other_page| other(&format!("udpchat-{}", other_page.get_name()))).collect()
    } else {
        vec![other("udpchat")]
    };
    more.control("SH", ["SEE ALSO"]).text([roman(others.join(", "))]);
    more.to_writer(&mut page)?;
    Ok(page)
}

#[allow(dead_code)] // the test includes this file for files()
fn main() -> io::Result<()> {
    for (path, bytes) in files()? {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        std::fs::write(&path, bytes)?;
        println!("{}", path.display());
    }
    Ok(())
}
