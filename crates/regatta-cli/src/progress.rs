//! Progress bars, on terminals only.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `length` steps of work. It draws on standard error, and nothing when that is no terminal.
pub(crate) fn bar(length: usize, what: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style).with_message(what)
}

/// What shows that work goes on when nobody knows how much there is.
pub(crate) fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {pos} attempts");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
