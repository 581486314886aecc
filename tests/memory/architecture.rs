//! The sources match docs/ARCHITECTURE.md: each part uses only the parts that it may, no two files use each other, each file
//! has its header and is short enough to be read in one go.
//!
//! `cargo test --test memory architecture::each_file -- --nocapture` prints the numbers too.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // tests are allowed to

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// CONTRIBUTING.md: "Functions up to about 70 lines, files up to about 500 without tests".
const FILE_MAX: usize = 500;
const FUNCTION_MAX: usize = 70;

/// The facts about a source file that these tests need.
#[derive(Debug, Default)]
struct Source {
    /// Its path, such as `server::text::members`; for `mod.rs` that of the folder.
    module: Vec<String>,
    text: String,
    /// Lines before its tests.
    lines: usize,
    /// Full paths that it uses, including those within its own module.
    uses: BTreeSet<Vec<String>>,
    /// Its functions, each with its number of lines.
    functions: Vec<(String, usize)>,
    /// The first line of each closure, and its number of lines.
    closures: Vec<(usize, usize)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Reads all sources under `root/src` except tests, by file name from there.
fn sources(root: &Path) -> BTreeMap<String, Source> {
    let src = root.join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let mut sources = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        if name.ends_with("tests.rs") {
            continue;
        }
        sources.insert(name.clone(), read(&name, std::fs::read_to_string(&path).unwrap()));
    }
    sources
}

fn read(name: &str, text: String) -> Source {
    let stem = name.strip_suffix(".rs").unwrap();
    let module: Vec<_> = stem.split('/').map(String::from).filter(|part| part != "mod" && part != "lib").collect();
    let file = syn::parse_file(&text).unwrap();
    let lines = text.lines().count();
    let mut source = Source { module, text, lines, ..Source::default() };
    let mut reader = Reader { source: &mut source, depth: 0 };
    reader.visit_file(&file);
    source
}

struct Reader<'a> {
    source: &'a mut Source,
    /// Depth of nested modules inside the file.
    depth: usize,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test"))
    })
}

fn lines_of(spanned: &impl Spanned) -> usize {
    let span = spanned.span();
    span.end().line - span.start().line + 1
}

impl Reader<'_> {
    /// Returns the full path, if it is within the crate.
    fn whole(&self, path: &[String]) -> Option<Vec<String>> {
        let mut whole = self.source.module.clone();
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" | "super" => {}
            _ => return None,
        }
        // Modules inside a file count as the file's.
        let mut inside = self.depth;
        let mut rest = path;
        while let Some(first) = rest.first() {
            match first.as_str() {
                "self" => {}
                "super" if inside > 0 => inside -= 1,
                "super" => drop(whole.pop()),
                _ => break,
            }
            rest = &rest[1..];
        }
        whole.extend_from_slice(rest);
        Some(whole)
    }

    fn use_path(&mut self, path: &[String]) {
        let whole = self.whole(path);
        self.source.uses.extend(whole);
    }

    fn use_tree(&mut self, before: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                let path: Vec<_> =
                    before.iter().filter(|part| *part != "self" || before[0] == "self").cloned().collect();
                self.use_path(&path);
                before.pop();
            }
            syn::UseTree::Rename(rename) => {
                before.push(rename.ident.to_string());
                self.use_path(before);
                before.pop();
            }
            syn::UseTree::Glob(_) => self.use_path(before),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(before, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if is_test(&module.attrs) {
            self.source.lines = self.source.lines.min(module.span().start().line - 1);
            return;
        }
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.use_tree(&mut Vec::new(), &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.use_path(&parts);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test(&function.attrs) {
            self.source.functions.push((function.sig.ident.to_string(), lines_of(&function.block)));
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            self.source.functions.push((function.sig.ident.to_string(), lines_of(&function.block)));
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.source.functions.push((function.sig.ident.to_string(), function.default.as_ref().map_or(0, lines_of)));
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.source.closures.push((closure.span().start().line, lines_of(closure)));
        visit::visit_expr_closure(self, closure);
    }
}

/// Returns the other files that each file uses, without those in its own folder: a parent re-exports its children's items.
fn file_uses(sources: &BTreeMap<String, Source>) -> BTreeMap<&str, BTreeSet<&str>> {
    let by_module: BTreeMap<&[String], &str> =
        sources.iter().map(|(name, source)| (source.module.as_slice(), name.as_str())).collect();
    let mut all = BTreeMap::new();
    for (name, source) in sources {
        let mut used = BTreeSet::new();
        for path in &source.uses {
            let file = (0..=path.len()).rev().find_map(|len| by_module.get(&path[..len]).copied());
            let Some(file) = file.filter(|&file| file != name && file != "lib.rs") else { continue };
            if !sources[file].module.starts_with(&source.module) {
                used.insert(file);
            }
        }
        all.insert(name.as_str(), used);
    }
    all
}

/// Returns the pairs of files that use each other, directly or by way of others.
fn circles(uses: &BTreeMap<&str, BTreeSet<&str>>) -> BTreeSet<(String, String)> {
    let reach = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from.to_owned()];
        while let Some(file) = next.pop() {
            for &used in &uses[file.as_str()] {
                if seen.insert(used.to_owned()) {
                    next.push(used.to_owned());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = uses.keys().map(|&file| (file, reach(file))).collect();
    let mut circles = BTreeSet::new();
    for (&file, seen) in &reached {
        for other in seen.iter().filter(|&other| other.as_str() > file && reached[other.as_str()].contains(file)) {
            circles.insert((file.to_owned(), other.clone()));
        }
    }
    circles
}

/// Reads the table of docs/ARCHITECTURE.md: modules, and the others that each may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| module |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let names = |cell: &str| {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(String::from).collect::<BTreeSet<_>>()
    };
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').collect();
        for module in names(cells[1]) {
            table.insert(module, names(cells[3]));
        }
    }
    assert!(table.len() > 10, "the table of modules is not found");
    table
}

/// Returns the row that a path belongs to: the longest one that it begins with.
fn row<'a>(table: &'a BTreeMap<String, BTreeSet<String>>, path: &[String]) -> Option<&'a str> {
    let whole = path.join("::");
    let is_in = |row: &&String| whole == **row || whole.starts_with(&format!("{row}::"));
    table.keys().filter(is_in).max_by_key(|row| row.len()).map(String::as_str)
}

#[test]
fn each_part_uses_what_the_table_says_and_nothing_else() {
    let (table, sources) = (table(), sources(&root()));
    let mut found: BTreeMap<&str, BTreeSet<&str>> = table.keys().map(|row| (row.as_str(), BTreeSet::new())).collect();
    let mut wrong = Vec::new();
    for (name, source) in sources.iter().filter(|(name, _)| !matches!(name.as_str(), "main.rs" | "lib.rs")) {
        let Some(from) = row(&table, &source.module) else {
            wrong.push(format!("src/{name} is in no row"));
            continue;
        };
        for path in &source.uses {
            let Some(to) = row(&table, path) else { continue };
            // Within a part, and between a part and its children, there are no limits.
            if to == from || to.starts_with(&format!("{from}::")) || from.starts_with(&format!("{to}::")) {
                continue;
            }
            found.entry(from).or_default().insert(to);
            if !table[from].contains(to) {
                wrong.push(format!("src/{name} uses {}, which `{from}` may not", path.join("::")));
            }
        }
    }
    for (from, may) in &table {
        for to in may.iter().filter(|to| !found[from.as_str()].contains(to.as_str())) {
            wrong.push(format!("`{from}` may use `{to}`, says the table, and does not"));
        }
    }
    assert!(wrong.is_empty(), "docs/ARCHITECTURE.md and the sources disagree:\n{}", wrong.join("\n"));
}

#[test]
fn no_two_files_use_each_other() {
    let sources = sources(&root());
    assert_eq!(circles(&file_uses(&sources)), BTreeSet::new());
}

#[test]
fn each_file_says_what_it_owns_and_is_not_too_long() {
    let sources = sources(&root());
    print_shape(&sources);
    let mut wrong = Vec::new();
    for (name, source) in &sources {
        let header: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
        let says = |word: &str| header.contains(word);
        let says_all = says("Owns:") && says("Must not know:") && says("Driven by:");
        if !says_all && !matches!(name.as_str(), "main.rs" | "lib.rs") {
            wrong.push(format!("src/{name}: its header does not say what it owns, must not know and is driven by"));
        }
        if source.lines > FILE_MAX {
            wrong.push(format!("src/{name}: {} lines without tests", source.lines));
        }
        for (function, lines) in source.functions.iter().filter(|&&(_, lines)| lines > FUNCTION_MAX + 2) {
            wrong.push(format!("src/{name}: {function} has {lines} lines"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_function_that_the_life_of_a_datagram_names_is_where_it_says() {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, life) = page.split_once("## Life of a datagram").unwrap();
    let life = life.split("\n## ").next().unwrap();
    let sources = sources(&root());
    let mut count = 0;
    let mut wrong = Vec::new();
    for named in life.split('`').skip(1).step_by(2) {
        let Some((file, function)) = named.split_once(".rs ") else { continue };
        count += 1;
        let file = format!("{file}.rs");
        let is_there =
            sources.get(&file).is_some_and(|source| source.functions.iter().any(|(name, _)| name == function));
        if !is_there {
            wrong.push(named);
        }
    }
    assert!(wrong.is_empty(), "not there: {wrong:#?}");
    assert!(count > 20, "{count} functions are named");
}

#[test]
fn every_bug_that_is_planted_in_the_copy_has_its_place() {
    let mut check = std::process::Command::new("python3");
    check.arg("tests/planted/plant.py").arg("--check").current_dir(root());
    let checked = check.output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn server_and_client_may_be_moved_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<udpchat::server::Server>();
    is_send::<udpchat::client::Client>();
}

/// Prints numbers to compare before and after a change.
fn print_shape(sources: &BTreeMap<String, Source>) {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, source) in sources {
        *folders.entry(name.split_once('/').map_or("", |(folder, _)| folder)).or_default() += source.lines;
    }
    let all = || sources.values();
    let functions = all().flat_map(|source| &source.functions).filter(|(_, lines)| *lines > FUNCTION_MAX);
    println!("lines without tests: {folders:?}, in all {}", folders.values().sum::<usize>());
    println!("circles: {:?}", circles(&file_uses(sources)));
    println!("functions over {FUNCTION_MAX} lines: {:?}", functions.collect::<Vec<_>>());
    let mut closures = Vec::new();
    for (name, source) in sources {
        let long = source.closures.iter().filter(|(_, lines)| *lines > 5);
        closures.extend(long.map(|(start, lines)| format!("{name}:{start} ({lines})")));
    }
    println!("closures over 5 lines: {}: {}", closures.len(), closures.join(", "));
    let long: Vec<_> = sources.iter().filter(|(_, source)| source.lines > FILE_MAX).collect();
    println!(
        "files over {FILE_MAX} lines: {:?}",
        long.iter().map(|(name, source)| (name, source.lines)).collect::<Vec<_>>()
    );
}
