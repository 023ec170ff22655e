//! The clock that programs see. It shows the same in every run, or a program whose luck depends on it, as that of a hash
//! with a seed does, would take another way each time. It moves by a little when it is read, and by what is waited for.

use std::time::Duration;

/// What it shows at first, since 1970: the beginning of 2026.
const START: Duration = Duration::from_secs(1_767_225_600);
/// How much it moves by when it is read, lest whoever waits for a later time wait for ever.
const TICK: Duration = Duration::from_micros(1);

/// The clock.
#[derive(Debug, Default)]
pub(super) struct Clock {
    passed: Duration,
}

impl Clock {
    /// How much time has passed since the program began.
    pub(super) fn passed(&mut self) -> Duration {
        self.passed += TICK;
        self.passed
    }

    /// The time of day.
    pub(super) fn since_epoch(&mut self) -> Duration {
        START + self.passed()
    }

    /// Lets time pass until so much of it has.
    pub(super) fn wait_until(&mut self, passed: Duration) {
        self.passed = self.passed.max(passed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_only_passes() {
        let mut clock = Clock::default();
        let first = clock.passed();
        assert!(clock.passed() > first);
        clock.wait_until(Duration::from_secs(3));
        clock.wait_until(Duration::from_secs(2));
        assert_eq!(clock.since_epoch(), START + Duration::from_secs(3) + TICK);
    }
}
