//! How even the shares are.

use hashring::{Member, Position, Ring, ring::DEFAULT_POINTS};
use xxhash_rust::xxh3::xxh3_64_with_seed;

fn even_ring(names: impl IntoIterator<Item = String>) -> Ring {
    let member = |name: String| Member { name: name.parse().unwrap(), weight: 1 };
    Ring::try_new(DEFAULT_POINTS, names.into_iter().map(member)).unwrap()
}

/// Names that look nothing like each other, the same ones for the same seed.
fn ten_names(seed: u64) -> impl Iterator<Item = String> {
    (0..10u8).map(move |i| format!("{:x}", xxh3_64_with_seed(&[i], seed)))
}

#[test]
fn the_largest_of_ten_shares_is_within_six_percent_of_the_mean() {
    let of_seed = |seed| even_ring(ten_names(seed)).shares().into_iter().fold(0.0, f64::max) * 10.0;
    // Forty million points: the cores share them.
    let mut largest: Vec<f64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| scope.spawn(move || (worker..1000).step_by(4).map(of_seed).collect::<Vec<f64>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    largest.sort_by(f64::total_cmp);
    let (median, thousandth) = (largest[500], largest[998]);
    println!("seeds 0 to 999: median {median:.4}, 99.9 % {thousandth:.4}, worst {:.4}", largest[999]);
    assert!(median <= 1.03, "median {median}");
    assert!(thousandth <= 1.06, "99.9 % {thousandth}");
}

#[test]
fn ten_thousand_plain_keys_fill_five_default_nodes_alike() {
    let ring = even_ring((1..=5).map(|i| format!("n{i}")));
    let mut counts = [0.0; 5];
    for i in 0..10_000 {
        counts[ring.owner_index(Position::of(format!("key{i}").as_bytes())).unwrap()] += 1.0;
    }
    let fullest = counts.into_iter().fold(0.0, f64::max) / 2000.0;
    let chi_square: f64 = counts
        .into_iter()
        .zip(ring.shares())
        .map(|(count, share): (f64, f64)| (count - share * 10_000.0).powi(2) / (share * 10_000.0))
        .sum();
    println!("counts {counts:?}: fullest {fullest:.4} of the mean, chi-square {chi_square:.2}");
    assert!(fullest <= 1.05, "fullest {fullest}");
    // The 5 % level for four degrees of freedom: keys that fall as the shares say pass 19 times of 20.
    assert!(chi_square <= 9.488, "chi-square {chi_square}");
}
