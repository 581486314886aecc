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
use clap_mangen::roff::{Roff, bold, italic, roman};
use udpchat::cli::{Cli, manual};

/// The name of the program, and of the page that links to the others.
const ROOT: &str = "udpchat";

/// Returns every generated file: its path below the project, and its content.
pub(crate) fn files() -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut command = Cli::command();
    command.build();
    let mut files = vec![(PathBuf::from("man/udpchat.1"), page(&command, ROOT)?)];
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
    synopsis(command, name).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if name == ROOT {
        man.render_subcommands_section(&mut page)?;
    } else if command.has_subcommands() {
        // These subcommands have no page of their own.
        subcommands(command).to_writer(&mut page)?;
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
    let others = if name == ROOT {
        command.get_subcommands().map(|other_page| other(&format!("udpchat-{}", other_page.get_name()))).collect()
    } else {
        vec![other(ROOT)]
    };
    more.control("SH", ["SEE ALSO"]).text([roman(others.join(", "))]);
    more.to_writer(&mut page)?;
    Ok(page)
}

/// Returns the synopsis: the command and each option with the name of its argument.
fn synopsis(command: &Command, name: &str) -> Roff {
    let title = if name == ROOT { ROOT.to_owned() } else { format!("{ROOT} {name}") };
    let mut text = vec![bold(title)];
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let names: Vec<_> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.to_string()).collect();
        let value = if arg.get_action().takes_values() { names.join(" ") } else { String::new() };
        let (before, after) = if arg.is_required_set() { (" ", "") } else { (" [", "]") };
        text.push(roman(before));
        match arg.get_long() {
            Some(long) if value.is_empty() => text.push(bold(format!("--{long}"))),
            Some(long) => text.extend([bold(format!("--{long}")), roman(" "), italic(value)]),
            None => text.push(italic(value)),
        }
        text.push(roman(after));
    }
    if command.has_subcommands() {
        text.push(roman(if command.is_subcommand_required_set() || name == ROOT { " " } else { " [" }));
        text.push(italic("COMMAND"));
        text.push(roman(if name == ROOT { "" } else { "]" }));
    }
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]).text(text);
    page
}

/// Returns the section that lists the subcommands of a subcommand.
fn subcommands(command: &Command) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SUBCOMMANDS"]);
    for subcommand in command.get_subcommands() {
        let mut term = vec![bold(subcommand.get_name())];
        for arg in subcommand.get_positionals() {
            let names = arg.get_value_names().unwrap_or_default();
            term.extend(names.iter().flat_map(|name| [roman(" "), italic(name.to_string())]));
        }
        let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
        page.control("TP", []).text(term).text([roman(about)]);
    }
    page
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
