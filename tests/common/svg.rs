//! A picture of a terminal.

use std::fmt::Write;

use super::model::Model;

/// A cell's columns and a row's height, in pixels: those of most monospaced fonts at 14 pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 12.0;

/// What is light, and what dark.
#[derive(Clone, Copy)]
pub struct Theme {
    pub paper: &'static str,
    pub ink: &'static str,
    pub alarm: &'static str,
}

pub const LIGHT: Theme = Theme { paper: "#ffffff", ink: "#1f2328", alarm: "#cd0000" };
pub const DARK: Theme = Theme { paper: "#0d1117", ink: "#e6edf3", alarm: "#ff5f5f" };

/// What cells of one look have in common.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    color: vt100::Color,
    bold: bool,
    dim: bool,
    inverse: bool,
}

/// Returns the screen as a picture, without the empty rows below; `replaced` is given the text of each row.
pub fn picture(model: &Model, theme: Theme, title: &str, replaced: impl Fn(&str) -> String) -> String {
    let (columns, rows) = model.size();
    let used = (0..rows).rev().find(|row| model.screen().cursor_position().0 == *row).unwrap_or(rows - 1) + 1;
    let (width, height) =
        (f64::from(columns).mul_add(CELL.0, 2.0 * MARGIN), f64::from(used).mul_add(CELL.1, 2.0 * MARGIN));
    let Theme { paper, ink, .. } = theme;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n<title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{paper}\"/>\n"
    );
    for row in 0..used {
        let text = replaced(&model.screen().rows(0, columns).nth(row.into()).unwrap());
        for (start, look, run) in runs(model, row, &text) {
            push_run(&mut svg, theme, (start, row), look, &run);
        }
    }
    let (row, column) = model.screen().cursor_position();
    let (x, y) = (f64::from(column).mul_add(CELL.0, MARGIN), f64::from(row).mul_add(CELL.1, MARGIN));
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{}\" height=\"{}\" fill=\"{ink}\"/>\n</svg>",
        y + 1.0,
        CELL.0,
        CELL.1 - 2.0
    );
    svg
}

/// Returns the parts of a row that look alike, with their first columns. Its text may differ from the screen's, column by column.
fn runs(model: &Model, row: u16, text: &str) -> Vec<(usize, Look, String)> {
    let mut runs: Vec<(usize, Look, String)> = Vec::new();
    for (column, character) in text.chars().enumerate() {
        let Some(cell) = model.screen().cell(row, u16::try_from(column).unwrap()) else { break };
        let look = Look { color: cell.fgcolor(), bold: cell.bold(), dim: cell.dim(), inverse: cell.inverse() };
        match runs.last_mut() {
            Some((_, last, run)) if *last == look => run.push(character),
            Some(_) | None => runs.push((column, look, character.into())),
        }
    }
    runs
}

fn push_run(svg: &mut String, theme: Theme, (column, row): (usize, u16), look: Look, run: &str) {
    let Theme { paper, ink, alarm } = theme;
    let columns = run.chars().count() as f64;
    let (x, y) = ((column as f64).mul_add(CELL.0, MARGIN), f64::from(row).mul_add(CELL.1, MARGIN));
    let wide = columns * CELL.0;
    if look.inverse {
        let _ =
            writeln!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{}\" fill=\"{ink}\"/>", CELL.1);
    }
    if run.trim().is_empty() {
        return;
    }
    let color = match look.color {
        vt100::Color::Default if look.inverse => paper.to_owned(),
        vt100::Color::Default => ink.to_owned(),
        vt100::Color::Idx(color @ 16..=231) => cube(color),
        vt100::Color::Idx(_) | vt100::Color::Rgb(..) => alarm.to_owned(),
    };
    let bold = if look.bold { " font-weight=\"700\"" } else { "" };
    let dim = if look.dim { " opacity=\"0.65\"" } else { "" };
    let text = run.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{wide:.1}\" xml:space=\"preserve\" fill=\"{color}\"{bold}{dim}>{text}</text>",
        y + 13.5
    );
}

/// Returns a colour of xterm's cube.
fn cube(color: u8) -> String {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let cube = color - 16;
    format!("#{:02x}{:02x}{:02x}", level(cube / 36), level(cube / 6 % 6), level(cube % 6))
}
