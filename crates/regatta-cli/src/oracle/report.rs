//! What `regatta oracle` prints.

use super::{Compared, Optimum, SAME, allocators};
use crate::cost::{Cost, Parts};
use crate::table;
use std::fmt::Write;

/// One function: the optimum and the allocators, and what their costs consist of.
pub(super) fn detail(compared: &Compared) -> String {
    let header = ["", "cost", "moves", "stores", "loads", "operands", "saves"];
    let mut rows = table::new(&header, &[0]);
    let mut words = format!("{} function {}: ", compared.file, compared.number);
    // Writing to a string cannot fail.
    let _ = match &compared.optimum {
        Err(error) => writeln!(words, "{error:#}"),
        Ok(optimum) => {
            if let Some((cost, _)) = &optimum.found {
                table::add(&mut rows, row("found", cost));
            }
            writeln!(
                words,
                "no allocation costs less than {:.1}{}{}, {} columns, {:.1} s",
                optimum.bound,
                if optimum.is_exact() { ", one costs that" } else { "" },
                match (&optimum.complaint, optimum.solved) {
                    (Some(complaint), _) => format!(" ({complaint})"),
                    (None, false) => " (the solver gave up)".to_owned(),
                    (None, true) => String::new(),
                },
                optimum.columns,
                compared.seconds,
            )
        }
    };
    for (allocator, cost) in allocators().into_iter().zip(&compared.costs) {
        if let Some(cost) = cost {
            table::add(&mut rows, row(allocator.name(), cost));
        }
    }
    words + &rows.trim_fmt() + "\n\n"
}

fn row(name: &str, cost: &Cost) -> [String; 7] {
    let Parts { moves, stores, loads, operands, saves } = cost.parts;
    let figure = |number: f64| format!("{number:.1}");
    [name.to_owned(), figure(cost.total), figure(moves), figure(stores), figure(loads), figure(operands), figure(saves)]
}

/// What cannot be: an allocation that costs less than the bound.
pub(super) fn contradictions(all: &[Compared]) -> Vec<String> {
    let mut wrong = Vec::new();
    for compared in all {
        let Ok(optimum) = &compared.optimum else { continue };
        let found = optimum.found.as_ref().map(|(cost, _)| ("the oracle's", *cost));
        let named = allocators().into_iter().zip(&compared.costs);
        let theirs = named.filter_map(|(allocator, cost)| Some((allocator.name(), (*cost)?)));
        for (name, cost) in found.into_iter().chain(theirs) {
            if cost.total < optimum.bound - SAME {
                wrong.push(format!(
                    "{} function {}: {name} allocation costs {:.1}, less than the bound of {:.1}",
                    compared.file, compared.number, cost.total, optimum.bound
                ));
            }
        }
    }
    wrong
}

/// The functions that count: whose optimum is known, and which all allocators could allocate.
fn solved(all: &[Compared]) -> Vec<(&Compared, &Optimum, Vec<Cost>)> {
    let solved = all.iter().filter_map(|compared| {
        let optimum = compared.optimum.as_ref().ok().filter(|optimum| is_known(compared, optimum))?;
        let costs: Option<Vec<Cost>> = compared.costs.iter().copied().collect();
        Some((compared, optimum, costs?))
    });
    solved.collect()
}

/// All functions together.
pub(super) fn summary(all: &[Compared], worst: usize) -> String {
    let solved = solved(all);
    let failed = all.iter().filter(|compared| compared.optimum.is_err()).count();
    let free = solved.iter().filter(|(_, optimum, _)| optimum.bound < SAME).count();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} functions: the optimum of {} is known, and 0 for {free} of them; {} open, {failed} not expressible",
        all.len(),
        solved.len(),
        all.len() - solved.len() - failed,
    );
    for compared in all {
        match &compared.optimum {
            Err(error) => {
                let _ = writeln!(out, "{} function {}: {error:#}", compared.file, compared.number);
            }
            Ok(Optimum { complaint: Some(complaint), .. }) => {
                let _ = writeln!(out, "{} function {}: {complaint}", compared.file, compared.number);
            }
            Ok(optimum) if !is_known(compared, optimum) => {
                let (columns, seconds) = (optimum.columns, compared.seconds);
                let _ = writeln!(
                    out,
                    "{} function {}: open, between {:.1} and {:.1}, with {columns} columns after {seconds:.0} s",
                    compared.file,
                    compared.number,
                    optimum.bound,
                    cheapest(compared),
                );
            }
            Ok(_) => {}
        }
    }
    let header =
        ["", "(c+1)/(o+1)", "c/o", "sum/sum", "optimal", "0 at 0", "moves", "stores", "loads", "operands", "saves"];
    let mut rows = table::new(&header, &[0]);
    let bounds: f64 = solved.iter().map(|(_, optimum, _)| optimum.bound).sum();
    for (n, allocator) in allocators().into_iter().enumerate() {
        let pairs = || solved.iter().map(|(_, optimum, costs)| (costs[n].total, optimum.bound));
        let mut parts = Parts::default();
        solved.iter().for_each(|(_, _, costs)| parts += costs[n].parts);
        table::add(&mut rows, figures(allocator.name(), &pairs().collect::<Vec<_>>(), bounds, parts));
    }
    let mut parts = Parts::default();
    let mut found = Vec::new();
    for (_, optimum, _) in &solved {
        if let Some((cost, _)) = &optimum.found {
            parts += cost.parts;
            found.push((cost.total, optimum.bound));
        }
    }
    let of_found = found.iter().map(|pair| pair.1).sum();
    table::add(&mut rows, figures("found", &found, of_found, parts));
    out += &(rows.trim_fmt() + "\n");
    out += &open_cases(all);
    for (n, allocator) in allocators().into_iter().enumerate() {
        if worst > 0 {
            out += &losses(all, n, allocator.name(), worst);
        }
    }
    out
}

/// What is known of the functions whose optimum is not.
fn open_cases(all: &[Compared]) -> String {
    let (mut count, mut bounds, mut known) = (0, 0.0, 0.0);
    let mut sums = [0.0; 5];
    for compared in all {
        let Some(optimum) = compared.optimum.as_ref().ok().filter(|optimum| !is_known(compared, optimum)) else {
            continue;
        };
        let Some(costs) = compared.costs.iter().map(|cost| Some((*cost)?.total)).collect::<Option<Vec<f64>>>() else {
            continue;
        };
        count += 1;
        bounds += optimum.bound;
        known += cheapest(compared);
        sums.iter_mut().zip(&costs).for_each(|(sum, cost)| *sum += cost);
    }
    if count == 0 {
        return String::new();
    }
    let sums = allocators().into_iter().zip(sums).map(|(allocator, sum)| format!(", {} {sum:.1}", allocator.name()));
    let sums: String = sums.collect();
    format!("{count} open: bounds {bounds:.1}, cheapest known {known:.1}{sums}\n")
}

/// Does any allocation attain the bound?
fn is_known(compared: &Compared, optimum: &Optimum) -> bool {
    cheapest(compared) < optimum.bound + SAME
}

/// The cost of the cheapest allocation that is known.
fn cheapest(compared: &Compared) -> f64 {
    let found = compared.optimum.as_ref().ok().and_then(|optimum| Some(optimum.found.as_ref()?.0));
    compared.costs.iter().flatten().copied().chain(found).map(|cost| cost.total).fold(f64::INFINITY, f64::min)
}

fn figures(name: &str, pairs: &[(f64, f64)], bounds: f64, parts: Parts) -> [String; 11] {
    let mean = |logs: &[f64]| match logs.len() {
        0 => "-".to_owned(),
        n => format!("{:.3}", (logs.iter().sum::<f64>() / n as f64).exp()),
    };
    let plus_one: Vec<f64> = pairs.iter().map(|(cost, bound)| ((cost + 1.0) / (bound + 1.0)).ln()).collect();
    let above: Vec<f64> = pairs.iter().filter(|pair| pair.1 >= SAME).map(|(cost, bound)| (cost / bound).ln()).collect();
    let sum: f64 = pairs.iter().map(|pair| pair.0).sum();
    let at_bound = pairs.iter().filter(|(cost, bound)| *cost < bound + SAME).count();
    let zeros = pairs.iter().filter(|(cost, bound)| *bound < SAME && *cost < SAME).count();
    let percent = |part: usize| format!("{:.1} %", 100.0 * part as f64 / pairs.len().max(1) as f64);
    let figure = |number: f64| format!("{number:.1}");
    [
        name.to_owned(),
        mean(&plus_one),
        mean(&above),
        if bounds > 0.0 { format!("{:.3}", sum / bounds) } else { "-".to_owned() },
        percent(at_bound),
        zeros.to_string(),
        figure(parts.moves),
        figure(parts.stores),
        figure(parts.loads),
        figure(parts.operands),
        figure(parts.saves),
    ]
}

/// Where an allocator loses most to the cheapest allocation that is known, be it the optimum or not.
fn losses(all: &[Compared], n: usize, name: &str, worst: usize) -> String {
    let lost = all.iter().filter_map(|compared| {
        let (cost, optimum) = (compared.costs[n]?, compared.optimum.as_ref().ok()?);
        Some((cost.total - cheapest(compared), cost, compared, optimum))
    });
    let mut lost: Vec<_> = lost.filter(|lost| lost.0 > SAME).collect();
    lost.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut out = format!("\n{name} loses most in\n");
    for (loss, cost, compared, optimum) in lost.into_iter().take(worst) {
        let found = optimum.found.as_ref().map_or_else(|| "-".to_owned(), |(cost, _)| parts(&cost.parts));
        let _ = writeln!(
            out,
            "  {} --function {}: {loss:.1} over {:.1}{}; moves/stores/loads/operands/saves {}, found {found}",
            compared.file,
            compared.number,
            cheapest(compared),
            if is_known(compared, optimum) { "" } else { " (open)" },
            parts(&cost.parts),
        );
    }
    out
}

fn parts(parts: &Parts) -> String {
    let Parts { moves, stores, loads, operands, saves } = parts;
    format!("{moves:.1}/{stores:.1}/{loads:.1}/{operands:.1}/{saves:.1}")
}
