//! The options of a client on a terminal.
//!
//! Owns: their names and help texts.
//! Must not know: what they do to the screen.
//! Driven by: `cli`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::values::ColorArg;

/// The heading of these options.
const SCREEN: &str = "Screen";

/// What the user wants of the terminal.
#[derive(Args, Debug)]
pub struct Screen {
    /// Show lines as the tutorial's client does, one after the other, also on a terminal (for screen readers)
    #[arg(long, env = "UDPCHAT_PLAIN", value_parser = FalseyValueParser::new(), help_heading = SCREEN)]
    pub plain: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value_t = ColorArg::Auto, value_enum, help_heading = SCREEN)]
    pub color: ColorArg,

    /// Also ring when somebody writes one of these words, as when somebody writes your nick
    #[arg(long, value_name = "WORD,...", value_delimiter = ',', help_heading = SCREEN)]
    pub highlight: Vec<String>,

    /// Do not keep the lines that you enter for your next visit
    #[arg(long, help_heading = SCREEN)]
    pub no_input_history: bool,
}
