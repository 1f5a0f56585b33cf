//! What was measured, as a table.

/// A measured workload beside what bounds it.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Of each round.
    pub(super) figures: Vec<f64>,
    /// What it is held against, what that is called, and the least share that it must reach.
    pub(super) against: Option<Against>,
}

pub(super) struct Against {
    pub(super) name: &'static str,
    pub(super) figures: Vec<f64>,
    /// As a factor: 0.4 is 40 %.
    pub(super) must: f64,
}

pub(super) fn print(rows: &[Row]) {
    println!(
        "{:<34} {:>10}   {:<34} {:>10} {:>7} {:>15} {:>6}",
        "operations a CPU-second", "median", "beside", "median", "ratio", "least to most", "must"
    );
    for row in rows {
        let own = median(&row.figures);
        let Some(against) = &row.against else {
            println!("{:<34} {own:>10.0}", row.name);
            continue;
        };
        let mut ratios: Vec<f64> = row
            .figures
            .iter()
            .zip(&against.figures)
            .map(|(one, other)| one / other)
            .collect();
        ratios.sort_by(f64::total_cmp);
        let (least, most) = (ratios.first().copied(), ratios.last().copied());
        let ratio = median(&ratios);
        println!(
            "{:<34} {own:>10.0}   {:<34} {:>10.0} {ratio:>7.2} {:>15} {:>6.2} {}",
            row.name,
            against.name,
            median(&against.figures),
            format!(
                "{:.2} to {:.2}",
                least.unwrap_or_default(),
                most.unwrap_or_default()
            ),
            against.must,
            if ratio >= against.must { "" } else { "below" },
        );
    }
}

/// The figure in the middle; between the two in the middle, their mean.
pub(super) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.wrapping_sub(1)), at(half))
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_middle_two() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
