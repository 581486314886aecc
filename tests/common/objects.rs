//! Whether objects have the form that docs/json.schema.json gives them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

/// How the objects begin that the schema is about.
const BEGINNINGS: [&str; 5] = ["{\"event\":", "{\"kind\":", "{\"act\":", "{\"link\":", "{\"server\":"];

/// The checker, which ends with the tests.
struct Checker {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _child: Child,
}

static CHECKER: LazyLock<Option<Mutex<Checker>>> = LazyLock::new(|| {
    let is_there = Command::new("python3").args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    if !is_there.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI is to have python3 with its package jsonschema");
        eprintln!("python3 with its package jsonschema is not here: no object is checked against the schema");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/objects.py");
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Some(Mutex::new(Checker { input, output, _child: child }))
});

/// Returns what is wrong with an object on a line; nothing if nothing is, or if that cannot be checked here.
pub fn wrong_with(line: &str) -> Option<String> {
    let mut checker = CHECKER.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(checker.input, "{line}").unwrap();
    let mut answer = String::new();
    checker.output.read_line(&mut answer).unwrap();
    (answer != "ok\n").then(|| format!("{line}\n{answer}"))
}

/// The objects in an output as it comes.
#[derive(Default)]
pub struct Objects {
    partial: Vec<u8>,
    /// What was wrong with the first that was not as it should be.
    pub wrong: Option<String>,
}

impl Objects {
    /// Takes more of the output.
    pub fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<_> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]);
            if self.wrong.is_none() && BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) {
                self.wrong = wrong_with(&line);
            }
        }
    }
}
