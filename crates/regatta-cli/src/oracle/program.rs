//! An integer program, and the solver.
//!
//! Every column is a whole number between bounds, every row a sum between bounds, and the objective is a sum to be kept
//! small. [HiGHS](https://highs.dev) solves it. The objective only takes whole values, too, which lets a bound be rounded up.

use anyhow::{Result, anyhow};
use highs::{HighsModelStatus, RowProblem, Sense};
use std::fmt;
use std::time::Duration;

/// A column, by its number.
pub(super) type Col = usize;

/// What is needed of a bound before it counts as the next whole number.
const TOLERANCE: f64 = 1e-4;

#[derive(Clone, Copy, Debug)]
struct Column {
    cost: f64,
    low: f64,
    high: f64,
}

#[derive(Clone, Debug)]
struct Row {
    low: f64,
    high: f64,
    terms: Vec<(Col, f64)>,
}

/// The program.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// What is paid whatever the columns are.
    pub(super) constant: f64,
}

/// What the solver found.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// No solution is cheaper than this.
    pub(super) bound: f64,
    /// The best solution found, and what it costs.
    pub(super) best: Option<(f64, Vec<i64>)>,
}

impl Answer {
    /// Is the best solution proven to be that?
    pub(super) fn is_solved(&self) -> bool {
        self.best.as_ref().is_some_and(|(cost, _)| *cost <= self.bound + TOLERANCE)
    }
}

impl Program {
    pub(super) fn column(&mut self, cost: f64, low: i64, high: i64) -> Col {
        self.columns.push(Column { cost, low: low as f64, high: high as f64 });
        self.columns.len() - 1
    }

    pub(super) fn high(&self, col: Col) -> f64 {
        self.columns[col].high
    }

    /// The column is to be 0.
    pub(super) fn forbid(&mut self, col: Col) {
        self.columns[col].high = 0.0;
    }

    /// The sum of the terms is at most `high`. Nothing is added where that is so anyhow.
    pub(super) fn at_most(&mut self, terms: Vec<(Col, f64)>, high: f64) {
        let most: f64 = terms.iter().map(|&(col, by)| by * self.extreme(col, by > 0.0)).sum();
        if most > high {
            self.rows.push(Row { low: f64::NEG_INFINITY, high, terms });
        }
    }

    /// The sum of the terms is at least `low`.
    pub(super) fn at_least(&mut self, terms: Vec<(Col, f64)>, low: f64) {
        self.rows.push(Row { low, high: f64::INFINITY, terms });
    }

    /// The sum of the terms is `value`.
    pub(super) fn equal(&mut self, terms: Vec<(Col, f64)>, value: f64) {
        self.rows.push(Row { low: value, high: value, terms });
    }

    fn extreme(&self, col: Col, high: bool) -> f64 {
        if high { self.columns[col].high } else { self.columns[col].low }
    }

    /// The number of columns.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The program as the solver takes it; without `whole`, columns may be fractions.
    fn model(&self, whole: bool) -> Result<highs::Model> {
        let mut problem = RowProblem::new();
        let cols: Vec<_> = self
            .columns
            .iter()
            .map(|column| problem.add_column_with_integrality(column.cost, column.low..=column.high, whole))
            .collect();
        for row in &self.rows {
            let mut terms: Vec<(Col, f64)> = row.terms.clone();
            // The solver wants each column once.
            terms.sort_unstable_by_key(|term| term.0);
            terms.dedup_by(|next, first| {
                let same = next.0 == first.0;
                if same {
                    first.1 += next.1;
                }
                same
            });
            problem.add_row(row.low..=row.high, terms.iter().map(|&(col, by)| (cols[col], by)));
        }
        let mut model = problem.try_optimise(Sense::Minimise).map_err(|status| anyhow!("the solver: {status:?}"))?;
        model.make_quiet();
        Ok(model)
    }

    /// The least that the program costs if columns may be fractions, and the columns; or nothing if that takes longer than so long.
    ///
    /// # Errors
    ///
    /// If the program has no solution, or the solver fails.
    pub(super) fn relax(&self, limit: Duration) -> Result<Option<(f64, Vec<f64>)>> {
        let mut model = self.model(false)?;
        let failed = |what: &dyn fmt::Debug| anyhow!("the solver: {what:?}");
        model.make_quiet();
        model.try_set_option("time_limit", limit.as_secs_f64().max(0.01)).map_err(|status| failed(&status))?;
        model.try_set_option("threads", 1).map_err(|status| failed(&status))?;
        let solved = model.try_solve().map_err(|status| failed(&status))?;
        match solved.status() {
            HighsModelStatus::ModelEmpty => Ok(Some((self.constant, Vec::new()))),
            HighsModelStatus::Optimal => {
                let columns = solved.get_solution().columns().to_vec();
                Ok(Some((self.constant + solved.objective_value(), columns)))
            }
            HighsModelStatus::ReachedTimeLimit => Ok(None),
            status => Err(anyhow!("the solver: {status:?}")),
        }
    }

    /// Solves the program, for at most so long. It may stop at a solution that costs no more than `enough`.
    ///
    /// # Errors
    ///
    /// If the program has no solution, or the solver fails.
    pub(super) fn solve(&self, limit: Duration, enough: Option<f64>) -> Result<Answer> {
        let mut model = self.model(true)?;
        let mut set = |name: &str, value: f64| {
            model.try_set_option(name, value).map_err(|status| anyhow!("the solver's option {name}: {status:?}"))
        };
        set("time_limit", limit.as_secs_f64().max(0.01))?;
        set("mip_rel_gap", 0.0)?;
        set("mip_abs_gap", 0.99)?;
        if let Some(enough) = enough {
            set("objective_target", enough - self.constant + TOLERANCE)?;
        }
        let set = |model: &mut highs::Model, name: &str, value: i32| {
            model.try_set_option(name, value).map_err(|status| anyhow!("the solver's option {name}: {status:?}"))
        };
        set(&mut model, "threads", 1)?;
        set(&mut model, "random_seed", 1)?;
        let solved = model.try_solve().map_err(|status| anyhow!("the solver: {status:?}"))?;
        let status = solved.status();
        if status == HighsModelStatus::ModelEmpty {
            return Ok(Answer { bound: self.constant, best: Some((self.constant, Vec::new())) });
        }
        if matches!(status, HighsModelStatus::Infeasible | HighsModelStatus::UnboundedOrInfeasible) {
            return Err(anyhow!("the program has no solution"));
        }
        let has_solution = solved.primal_solution_status() == highs::HighsSolutionStatus::Feasible;
        // "Optimal" leaves a gap below one, and costs are whole numbers.
        let bound = match status {
            HighsModelStatus::Optimal => solved.objective_value(),
            _ => dual_bound(&solved),
        };
        let bound = self.constant + (bound - TOLERANCE).ceil().max(0.0);
        let best = has_solution.then(|| {
            let values: Vec<i64> = solved.get_solution().columns().iter().map(|value| value.round() as i64).collect();
            (self.cost(&values), values)
        });
        Ok(Answer { bound, best })
    }

    /// What a solution costs.
    pub(super) fn cost(&self, values: &[i64]) -> f64 {
        self.constant + self.columns.iter().zip(values).map(|(column, &value)| column.cost * value as f64).sum::<f64>()
    }
}

fn dual_bound(solved: &highs::SolvedModel) -> f64 {
    let bound = solved.double_info_value(c"mip_dual_bound").unwrap_or(0.0);
    // All columns cost nothing or more.
    if bound.is_finite() { bound.max(0.0) } else { 0.0 }
}
