//! The token of the page, which stays the same over restarts.
//!
//! Owns: its file, `web.token` in the folder of [`State`], which only its owner can read.
//! Must not know: what it opens.
//! Driven by: `cmd::web`.

use std::fs;
use std::io::{self, Write};

use super::super::state::{State, is_absent, make_folder, random, write_aside};
use crate::web::token::Token;

impl State {
    /// Returns the token of the page, made if there is none, or if it is to be a new one.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn web_token(&self, is_new: bool) -> io::Result<Token> {
        let path = self.folder().join("web.token");
        if !is_new {
            match fs::read_to_string(&path) {
                Ok(text) => {
                    if let Some(token) = Token::parse(text.trim()) {
                        return Ok(token);
                    }
                    log::warn!("{} is damaged: it has a new token now", path.display());
                }
                Err(err) if is_absent(&err) => {}
                Err(err) => return Err(err),
            }
        }
        let token = make_token();
        make_folder(self.folder())?;
        write_aside(&path, |file| writeln!(file, "{}", token.as_str()))?;
        Ok(token)
    }
}

/// Makes a token that is not stored.
pub fn make_token() -> Token {
    Token::new(random())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_token_stays_until_a_new_one_is_wanted_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().join("udpchat"));
        let first = state.web_token(false).unwrap();
        assert_eq!(state.web_token(false).unwrap(), first);
        let path = state.folder().join("web.token");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = state.web_token(true).unwrap();
        assert!(second != first && state.web_token(false).unwrap() == second);
        fs::write(&path, "damaged").unwrap();
        let third = state.web_token(false).unwrap();
        assert!(third != second && state.web_token(false).unwrap() == third);
    }
}
