//! Whether what was drawn can come from what was promised (Pearson's chi-square test).

/// Expected counts that add up to `total`.
pub(crate) fn scaled(parts: &[f64], total: f64) -> Vec<f64> {
    let sum: f64 = parts.iter().sum();
    parts.iter().map(|part| part * total / sum).collect()
}

/// Whether the counts are within what chance does in 9999 of 10,000 draws. Seeds in tests are fixed, so a test
/// that passes once passes always.
pub(crate) fn fits(seen: &[u64], expected: &[f64]) -> bool {
    assert_eq!(seen.len(), expected.len());
    let distance: f64 =
        seen.iter().zip(expected).map(|(&seen, &expected)| (seen as f64 - expected).powi(2) / expected).sum();
    let free = seen.len() as f64 - 1.0;
    if free == 0.0 {
        return distance < 1e-9;
    }
    // Wilson and Hilferty: the cube root of chi-square over its mean is nearly normal; 3.72 is its 0.9999 quantile.
    let spread = 2.0 / (9.0 * free);
    ((distance / free).cbrt() - (1.0 - spread)) / spread.sqrt() < 3.72
}
