//! The exponent of growth.

/// The exponent `e` for which `y = c · x^e` fits best, by least squares on the logarithms; `None` for fewer than two sizes.
pub(super) fn exponent(points: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let (mean_x, mean_y) = (logs.iter().map(|p| p.0).sum::<f64>() / n, logs.iter().map(|p| p.1).sum::<f64>() / n);
    let spread: f64 = logs.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    let common: f64 = logs.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    (logs.len() >= 2 && spread > 0.0).then(|| common / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_have_their_exponent() {
        for power in [0.0, 1.0, 2.4] {
            let points = [10.0_f64, 100.0, 1e5].map(|x| (x, 3.0 * x.powf(power)));
            let found = exponent(points.into_iter()).expect("three points");
            assert!((found - power).abs() < 1e-9, "{found}");
        }
        assert_eq!(exponent([(10.0, 1.0)].into_iter()), None);
        assert_eq!(exponent([(10.0, 1.0), (10.0, 2.0)].into_iter()), None);
    }
}
