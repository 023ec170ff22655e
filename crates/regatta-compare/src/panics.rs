//! Panics of what is tried out: caught, and told to who tried rather than printed.
//!
//! regalloc2's allocator and its checker panic on some functions, and what the command line looks at may be an allocator under
//! development. That is a result like any other, one line of a report, not a message on the terminal for each of a thousand functions.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// What a thread is about while it is in [`caught`].
#[derive(Default)]
struct Attempt {
    /// How many calls of [`caught`] it is in.
    depth: usize,
    /// What the last panic said, and where.
    words: String,
}

thread_local! {
    static ATTEMPT: RefCell<Attempt> = RefCell::default();
}

/// Runs the body. Nothing is printed if it panics; of other threads' panics, and those elsewhere, everything is.
///
/// What the body has changed when it panics may be in any state: the caller should not use it again.
///
/// # Errors
///
/// What the panic says, and where in the source.
///
/// ```
/// use regatta_compare::panics::caught;
///
/// assert_eq!(caught(|| 1 + 1), Ok(2));
/// let words = caught(|| -> () { panic!("no {}", "luck") }).expect_err("it panics");
/// assert!(words.starts_with("no luck ("), "{words}");
/// ```
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !note(info) {
                usual(info);
            }
        }));
    });
    ATTEMPT.with_borrow_mut(|attempt| attempt.depth += 1);
    let result = catch_unwind(AssertUnwindSafe(body));
    ATTEMPT.with_borrow_mut(|attempt| {
        attempt.depth -= 1;
        result.map_err(|_| core::mem::take(&mut attempt.words))
    })
}

/// Notes what a panic says, if somebody is going to catch it.
fn note(info: &PanicHookInfo<'_>) -> bool {
    ATTEMPT.with_borrow_mut(|attempt| {
        if attempt.depth > 0 {
            let words = info.payload_as_str().unwrap_or("without a word");
            attempt.words = match info.location() {
                Some(place) => format!("{words} ({place})"),
                None => words.to_owned(),
            };
        }
        attempt.depth > 0
    })
}
