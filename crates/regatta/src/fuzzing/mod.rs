//! The bodies of the fuzz targets for private passes, each of which holds a pass against the definition of what it computes.
//!
//! They are here because the passes are private. A body takes its choices from a [`Random`], and panics when the pass is wrong. The
//! feature `fuzzing` makes them visible; they are no part of the library's interface.

mod graphs;
mod liveness;
mod lives;
mod moves;
mod random;
mod slots;

pub use graphs::graphs;
pub use liveness::liveness;
pub use lives::lives;
pub use moves::parallel_moves;
pub use random::Random;
pub use slots::slots;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_do_what_the_set_says() {
        (0..5000).for_each(|seed| parallel_moves(&Random::new(seed)));
    }

    #[test]
    fn graphs_are_what_their_definitions_say() {
        (0..3000).for_each(|seed| graphs(&Random::new(seed)));
    }

    #[test]
    fn lives_in_memory_are_what_liveness_says() {
        (0..3000).for_each(|seed| lives(&Random::new(seed)));
    }

    #[test]
    fn slots_keep_their_promises() {
        (0..5000).for_each(|seed| slots(&Random::new(seed)));
    }
}
