//! The page.
//!
//! Owns: its files, which are part of the program, and their types.
//! Must not know: requests.
//! Driven by: `gate`.

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    path: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// What it contains.
    pub bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($path:literal, $name:literal, $kind:expr) => {
        File { path: $path, kind: $kind, bytes: include_bytes!(concat!("page/", $name)) }
    };
}

/// The files, by their paths.
const FILES: &[File] = &[
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/style.css", "style.css", "text/css; charset=utf-8"),
    file!("/icon.svg", "icon.svg", "image/svg+xml"),
    file!("/main.js", "main.js", SCRIPT),
    file!("/socket.js", "socket.js", SCRIPT),
    file!("/store.js", "store.js", SCRIPT),
    file!("/log.js", "log.js", SCRIPT),
    file!("/line.js", "line.js", SCRIPT),
    file!("/mark.js", "mark.js", SCRIPT),
    file!("/people.js", "people.js", SCRIPT),
    file!("/composer.js", "composer.js", SCRIPT),
    file!("/find.js", "find.js", SCRIPT),
];

/// Returns the file at a path.
pub fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes of all files together: a browser on a slow machine is to show the room at once.
    const BYTES_MAX: usize = 60 * 1024;

    #[test]
    fn the_page_is_small_and_what_it_names_is_there() {
        let bytes: usize = FILES.iter().map(|file| file.bytes.len()).sum();
        assert!(bytes <= BYTES_MAX, "{bytes} bytes");
        for file in FILES {
            let text = str::from_utf8(file.bytes).unwrap();
            let imports = text.split(" from \"./").skip(1).chain(text.split("=\"./").skip(1));
            for import in imports.filter_map(|rest| rest.split('"').next()) {
                assert!(find(&format!("/{import}")).is_some(), "{} names {import}", file.path);
            }
        }
    }

    #[test]
    fn no_script_makes_elements_of_text() {
        for file in FILES {
            let text = str::from_utf8(file.bytes).unwrap();
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"] {
                assert!(!text.contains(way), "{} has {way}", file.path);
            }
            let is_inline = |rest: &str| rest.starts_with(char::is_alphabetic) && rest.find('=') < rest.find(' ');
            let mut attributes = text.split(" on").skip(1).filter(|_| file.kind.starts_with("text/html"));
            assert!(!attributes.any(is_inline), "{} has a script in an attribute", file.path);
        }
    }
}
