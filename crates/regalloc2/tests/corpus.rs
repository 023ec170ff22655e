//! Real programs through this interface, with both algorithms.

mod support;

use regalloc2::checker::Checker;
use regalloc2::{Algorithm, Ctx, Inst, RegallocOptions, VReg, run, run_with_ctx};
use regatta::Problem;
use regatta_compare::ra2;
use support::{Client, corpus, in_regattas_form};

const ALGORITHMS: [(Algorithm, regatta::Algorithm); 2] =
    [(Algorithm::Ion, regatta::Algorithm::Thorough), (Algorithm::Fastalloc, regatta::Algorithm::Quick)];

/// What these options are for the library itself.
fn options_inside(algorithm: regatta::Algorithm) -> regatta::Options {
    let frequencies = regatta::FrequencyModel::Estimated;
    regatta::Options { algorithm, frequencies, ..regatta::Options::default() }
}

fn options(algorithm: Algorithm) -> RegallocOptions {
    RegallocOptions { algorithm, validate_ssa: true, ..RegallocOptions::default() }
}

/// Follow some of the values for a debugger.
fn with_labels(mut problem: Problem) -> Problem {
    let operands = problem.func.insts.iter().flat_map(|inst| &inst.operands);
    let mut values: Vec<VReg> = operands.map(|op| op.vreg()).collect();
    values.sort_unstable();
    values.dedup();
    let end = Inst::new(problem.func.insts.len());
    let followed = values.iter().filter(|value| value.vreg() % 5 == 0 && value.vreg() != VReg::MAX);
    problem.func.debug_labels = followed.map(|&value| (value, Inst::new(0), end, value.vreg() as u32)).collect();
    problem
}

#[test]
fn every_checker_accepts_every_allocation() {
    let mut ctx = Ctx::default();
    for (name, problems) in corpus() {
        for (n, problem) in problems.into_iter().map(with_labels).enumerate() {
            for (algorithm, inside) in ALGORITHMS {
                let client = Client(&problem.func);
                let output = run_with_ctx(&client, &problem.env, &options(algorithm), &mut ctx)
                    .unwrap_or_else(|error| panic!("{name} function {n}, {algorithm:?}: {error}"));

                let mut checker = Checker::new(&client, &problem.env);
                checker.prepare(output);
                checker.run().unwrap_or_else(|errors| panic!("{name} function {n}, {algorithm:?}:\n{errors:?}"));
                let output = in_regattas_form(output);
                ra2::check(&problem, &output).unwrap_or_else(|why| panic!("{name} function {n}, {algorithm:?}: {why}"));

                // And it is what the library itself would say.
                let options = options_inside(inside);
                let mut direct = regatta::run(&problem.func, &problem.env, &options).expect("allocated before");
                direct.stats = regatta::Stats::default();
                assert!(output == direct, "{name} function {n}, {algorithm:?}");
            }
        }
    }
}

#[test]
fn storage_makes_no_difference_even_when_the_output_is_taken_out_of_it() {
    let mut ctx = Ctx::default();
    for (name, problems) in corpus() {
        for (n, problem) in problems.iter().enumerate() {
            let (client, env) = (Client(&problem.func), &problem.env);
            for (algorithm, _) in ALGORITHMS {
                let fresh = run(&client, env, &options(algorithm)).expect("allocatable");
                run_with_ctx(&client, env, &options(algorithm), &mut ctx).expect("allocatable");
                let used = if n % 3 == 0 { std::mem::take(&mut ctx.output) } else { ctx.output.clone() };
                assert!(in_regattas_form(&used) == in_regattas_form(&fresh), "{name} function {n}, {algorithm:?}");
                assert_eq!(format!("{:?}", used.stats), format!("{:?}", fresh.stats));
            }
        }
    }
}

#[test]
fn statistics_count_what_there_is() {
    let (_, problems) = corpus().swap_remove(1);
    let outputs = problems.iter().map(|problem| {
        let output = run(&Client(&problem.func), &problem.env, &options(Algorithm::Ion)).expect("allocatable");
        assert_eq!(output.stats.edits_count, output.edits.len());
        assert_eq!(output.stats.livein_blocks, problem.func.blocks.len());
        output
    });
    let spilled: usize = outputs.map(|output| output.stats.spill_bundle_count).sum();
    assert!(spilled > 0);
}

#[test]
fn the_face_asks_nothing_of_the_heap() {
    let (_, problems) = corpus().swap_remove(1);
    let (mut ctx, mut inside) = (Ctx::default(), regatta::Context::default());
    for (algorithm, direct) in ALGORITHMS {
        let options = RegallocOptions { algorithm, ..RegallocOptions::default() };
        let options_inside = options_inside(direct);
        for problem in &problems {
            let ours = allocation_counter::measure(|| {
                run_with_ctx(&Client(&problem.func), &problem.env, &options, &mut ctx).expect("allocatable");
            });
            let direct = allocation_counter::measure(|| {
                regatta::run_with_ctx(&problem.func, &problem.env, &options_inside, &mut inside).expect("allocatable");
            });
            assert_eq!((ours.count_total, ours.bytes_total), (direct.count_total, direct.bytes_total));
        }
    }
}

#[test]
fn what_is_handed_in_is_what_the_library_reads() {
    // The types are the same, so that no conversion is possible, let alone necessary.
    fn same<T>(_: fn(T) -> T) {}
    same::<regalloc2::Operand>(|operand: regatta::Operand| operand);
    same::<regalloc2::MachineEnv>(|env: regatta::MachineEnv| env);
    same::<regalloc2::Allocation>(|allocation: regatta::Allocation| allocation);
    same::<regalloc2::Edit>(|edit: regatta::Edit| edit);
}

#[test]
fn contexts_and_results_may_go_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Ctx>();
    is_send_and_sync::<regalloc2::Output>();
    is_send_and_sync::<Checker<'_, Client<'_>>>();
}
