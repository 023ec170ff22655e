//! A context that has seen a function allocates it again without asking the heap for much.

use regatta::{Algorithm, Context, Options, run_with_ctx};

#[test]
fn a_second_run_allocates_next_to_nothing() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/bz2.x64.raf.zst");
    let problems = regatta_corpus::read_file(file).expect("a corpus file");
    for algorithm in Algorithm::ALL {
        let options = Options { algorithm, ..Options::default() };
        let mut context = Context::default();
        let mut all = || {
            allocation_counter::measure(|| {
                for problem in &problems {
                    run_with_ctx(&problem.func, &problem.env, &options, &mut context).expect("allocatable");
                }
            })
        };
        let (first, second) = (all(), all());
        println!("{}: {first:?}, then {second:?}", algorithm.name());
        if matches!(algorithm, Algorithm::Thorough | Algorithm::Quick) {
            // What is left are lists of slots that grow a little, since they serve another slot each time.
            assert!(second.count_total <= 2 * problems.len() as u64, "{second:?}");
            assert!(second.bytes_total * 100 < first.bytes_total, "{first:?} {second:?}");
        } else {
            // Of the backtracking allocator also the ordered maps of who has which register: a node for about ten bundles.
            assert!(second.bytes_total * 6 < first.bytes_total, "{first:?} {second:?}");
        }
    }
}
