//! What a loop has in memory.

use super::allocated;
use regatta::{Algorithm, Edit};

/// In a loop with one value too many, one is in memory. Where that is loaded, a parameter's register may be free; but the parameter's next argument is
/// made there nevertheless, and what has been loaded is gone: the next iteration loads it in any case.
#[test]
fn what_a_loop_has_in_memory_makes_way_for_its_parameters() {
    let function = "machine { int preferred p0i-p2i, slot 1 }
        function {
        block0:
          op def v0i reg
          op def v1i reg
          op def v2i reg
          op def v3i reg
          branch -> block1(v2i, v3i)
        block1(v4i, v5i):
          op use v4i reg, use v0i reg
          op use v5i reg
          op use v1i reg
          op def v6i reg
          op def v7i reg
          branch use v0i reg -> block2, block3
        block2:
          branch -> block1(v7i, v6i)
        block3:
          ret use v6i reg, use v7i reg
        }";
    for algorithm in [Algorithm::Quick, Algorithm::Thorough] {
        let output = allocated(algorithm, function);
        let is_load = |edit: &Edit| matches!(edit, Edit::Move { from, .. } if from.is_stack());
        assert!(output.edits.iter().any(|(_, edit)| is_load(edit)), "{algorithm:?} finds room for all");
        let moves = output.edits.iter().filter(|(_, Edit::Move { from, to })| from.is_reg() && to.is_reg());
        assert_eq!(moves.count(), 0, "{algorithm:?}: {:?}", output.edits);
    }
}
