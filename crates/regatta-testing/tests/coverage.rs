//! What the generator reaches. `cargo test -p regatta-testing --test coverage -- --nocapture` prints the table.

use regatta_testing::Random;
use regatta_testing::features::Features;
use regatta_testing::random::{Kind, generate};

#[test]
fn the_generator_reaches_every_feature() {
    let mut features = Features::default();
    for seed in 0..3000 {
        let random = Random::new(seed);
        let kind = Kind { scattered: random.chance(30), impossible: random.chance(20) };
        features.add(&generate(&random, kind));
    }
    print!("{}", features.table());
    assert_eq!(features.missing(), Vec::<&str>::new());
}
