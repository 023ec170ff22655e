//! Every failure that was found and mended, reduced: one function a file, named for what was wrong. Each must be allocated right by
//! every algorithm, or be rejected, and must not make anything panic.

use regatta::{Algorithm, Options, Problem, check, run, text};
use regatta_testing::families::Family;
use regatta_testing::{Random, targets};
use std::panic::catch_unwind;
use std::path::Path;

/// The problem of a file, and whether it is valid.
fn problem(name: &str) -> (Problem, bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions").join(name).with_extension("rt");
    let source = std::fs::read_to_string(&path).expect("a file of that name");
    let problem = text::parse(&source).unwrap_or_else(|error| panic!("{name}: {error}")).remove(0);
    let valid = check::validate(&problem.func, &problem.env).is_ok();
    (problem, valid)
}

/// Valid, and allocated right.
fn allocated(name: &str) {
    let (problem, valid) = problem(name);
    assert!(valid);
    targets::allocate(&problem, true, &Algorithm::ALL, &Random::new(0));
}

/// Invalid: an error with validation, and without it no panic but of assertions.
fn rejected(name: &str) {
    let (problem, valid) = problem(name);
    assert!(!valid);
    for algorithm in Algorithm::ALL {
        for validate in [false, true] {
            let options = Options { algorithm, validate, ..Options::default() };
            match catch_unwind(|| run(&problem.func, &problem.env, &options)) {
                Ok(result) => assert!(result.is_err() || !validate),
                // Assertions may stop what is wrong and not validated.
                Err(_) => assert!(cfg!(debug_assertions) && !validate),
            }
        }
    }
}

#[test]
fn a_branch_defines_what_is_reloaded_behind_the_join() {
    allocated("a_branch_defines_what_is_reloaded_behind_the_join");
}

#[test]
fn unreachable_code_reads_what_other_unreachable_code_defines() {
    allocated("unreachable_code_reads_what_other_unreachable_code_defines");
}

#[test]
fn an_unreachable_loop_folds_no_parameters() {
    allocated("an_unreachable_loop_folds_no_parameters");
}

#[test]
fn a_value_mentioned_as_another_class() {
    rejected("a_value_mentioned_as_another_class");
}

#[test]
fn unreachable_code_reads_a_slot_before_it_is_stored() {
    allocated("unreachable_code_reads_a_slot_before_it_is_stored");
}

#[test]
fn a_parameter_is_read_where_it_is_not_defined() {
    rejected("a_parameter_is_read_where_it_is_not_defined");
}

#[test]
fn unreachable_code_reads_a_parameter_in_memory_before_its_block() {
    allocated("unreachable_code_reads_a_parameter_in_memory_before_its_block");
}

#[test]
fn unreachable_code_reads_on_both_sides_of_the_definition() {
    allocated("unreachable_code_reads_on_both_sides_of_the_definition");
}

#[test]
fn an_unreachable_loop_reads_a_parameter_that_does_not_dominate() {
    allocated("an_unreachable_loop_reads_a_parameter_that_does_not_dominate");
}

#[test]
fn a_value_under_more_names_than_the_checker_kept() {
    allocated("a_value_under_more_names_than_the_checker_kept");
}

#[test]
fn a_label_of_another_class() {
    rejected("a_label_of_another_class");
}

/// The checker called allocations of a hundred loops in a row wrong: what lives through them has a parameter's name in each.
#[test]
fn values_that_get_a_new_name_in_each_of_a_hundred_loops() {
    let problem = Family::LoopNests.make(7000);
    targets::allocate(&problem, true, &Algorithm::ALL, &Random::new(0));
}

#[test]
fn a_branch_to_a_join_clobbers() {
    rejected("a_branch_to_a_join_clobbers");
}

#[test]
fn two_values_meet_at_a_fixed_stack_slot() {
    allocated("two_values_meet_at_a_fixed_stack_slot");
}

#[test]
fn two_definitions_leave_foreign_registers() {
    allocated("two_definitions_leave_foreign_registers");
}

#[test]
fn unreachable_code_reads_what_is_stored_elsewhere() {
    allocated("unreachable_code_reads_what_is_stored_elsewhere");
}

#[test]
fn fixed_use_beside_another_of_an_evicted_value() {
    allocated("fixed_use_beside_another_of_an_evicted_value");
}

#[test]
fn a_branch_stores_where_the_slot_is_free_alone() {
    allocated("a_branch_stores_where_the_slot_is_free_alone");
}

#[test]
fn two_uses_in_one_foreign_register() {
    allocated("two_uses_in_one_foreign_register");
}

#[test]
fn a_dead_move_on_an_edge_lends_its_register() {
    allocated("a_dead_move_on_an_edge_lends_its_register");
}

#[test]
fn a_limited_use_beside_a_clobber() {
    allocated("a_limited_use_beside_a_clobber");
}

#[test]
fn a_branch_stores_on_edges_to_blocks_that_load_late() {
    allocated("a_branch_stores_on_edges_to_blocks_that_load_late");
}

#[test]
fn unreachable_code_alone_reads_from_a_shared_slot() {
    allocated("unreachable_code_alone_reads_from_a_shared_slot");
}

#[test]
fn unreachable_code_reads_in_front_of_the_store() {
    allocated("unreachable_code_reads_in_front_of_the_store");
}

#[test]
fn an_early_definition_leaves_one_choice_to_a_late_one() {
    allocated("an_early_definition_leaves_one_choice_to_a_late_one");
}

#[test]
fn an_unreachable_loop_is_live_into_its_definition() {
    allocated("an_unreachable_loop_is_live_into_its_definition");
}

#[test]
fn a_slot_made_for_code_that_cannot_be_reached() {
    allocated("a_slot_made_for_code_that_cannot_be_reached");
}

#[test]
fn a_use_in_front_of_the_live_range_that_unreachable_code_makes() {
    allocated("a_use_in_front_of_the_live_range_that_unreachable_code_makes");
}

#[test]
fn a_stack_slot_that_may_be_allocated() {
    rejected("a_stack_slot_that_may_be_allocated");
}

#[test]
fn two_definitions_become_the_same_parameter_in_turn() {
    allocated("two_definitions_become_the_same_parameter_in_turn");
}

#[test]
fn an_unreachable_loop_reads_and_makes_parts_of_one_bundle() {
    allocated("an_unreachable_loop_reads_and_makes_parts_of_one_bundle");
}

#[test]
fn unreachable_code_uses_what_is_made_in_a_slot_behind() {
    allocated("unreachable_code_uses_what_is_made_in_a_slot_behind");
}

#[test]
fn an_operand_is_fixed_to_the_scratch_register() {
    allocated("an_operand_is_fixed_to_the_scratch_register");
}

#[test]
fn a_definition_in_the_scratch_register_beside_a_store_from_the_frame() {
    allocated("a_definition_in_the_scratch_register_beside_a_store_from_the_frame");
}

#[test]
fn a_two_address_input_has_a_copy_in_a_foreign_register() {
    allocated("a_two_address_input_has_a_copy_in_a_foreign_register");
}

#[test]
fn a_block_weighs_more_than_what_must_be_in_a_register() {
    allocated("a_block_weighs_more_than_what_must_be_in_a_register");
}

#[test]
fn late_uses_of_one_value_need_one_register() {
    allocated("late_uses_of_one_value_need_one_register");
}

#[test]
fn an_edge_without_moves_in_front_of_one_with_some() {
    allocated("an_edge_without_moves_in_front_of_one_with_some");
}

/// Backtracking wanted the limit of the copy's register for the value that is copied, too.
#[test]
fn a_reused_input_is_limited() {
    allocated("a_reused_input_is_limited");
}

/// It took the register of an early use of the value, which a definition needed.
#[test]
fn a_late_use_shares_the_register_of_another() {
    allocated("a_late_use_shares_the_register_of_another");
}

/// An early use with a limit that leaves all registers was served before a late use of the same value.
#[test]
fn a_limit_that_leaves_all_registers_is_none() {
    allocated("a_limit_that_leaves_all_registers_is_none");
}

/// The register that the definition takes was left out, though what goes through it is gone when the instruction begins.
#[test]
fn a_load_into_a_fixed_stack_slot_beside_an_early_definition() {
    allocated("a_load_into_a_fixed_stack_slot_beside_an_early_definition");
}

/// Registers were planned one after the other, without going back.
#[test]
fn an_early_use_with_a_limit_beside_a_late_use() {
    allocated("an_early_use_with_a_limit_beside_a_late_use");
}

/// Backtracking copied the input to a register of the definition's, and found no other one for the late use.
#[test]
fn uses_of_one_value_share_a_register() {
    allocated("uses_of_one_value_share_a_register");
}

/// Backtracking gave each of the late uses a copy.
#[test]
fn early_uses_with_a_limit_share_the_register_of_a_late_use() {
    allocated("early_uses_with_a_limit_share_the_register_of_a_late_use");
}

/// Backtracking refused it.
#[test]
fn an_unreachable_loop_is_live_into_what_its_branch_defines() {
    allocated("an_unreachable_loop_is_live_into_what_its_branch_defines");
}

#[test]
fn an_instruction_uses_late_what_it_makes_in_a_slot() {
    rejected("an_instruction_uses_late_what_it_makes_in_a_slot");
}
