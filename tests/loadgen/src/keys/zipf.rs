//! Zipf's law, and where in the key space the popular keys lie.

use fastrand::Rng;

/// Ranks from 0 with probability proportional to `(rank + 1)^-theta`, drawn by rejection-inversion (Hörmann and
/// Derflinger, 1996): exact, in constant time, and without a sum over all keys at the start.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    theta: f64,
    keys: f64,
    area_from: f64,
    area_to: f64,
    squeeze: f64,
}

impl Zipf {
    pub(crate) fn new(keys: u64, theta: f64) -> Self {
        let mut zipf = Self { theta, keys: keys as f64, area_from: 0.0, area_to: 0.0, squeeze: 0.0 };
        zipf.area_from = zipf.area(1.5) - 1.0;
        zipf.area_to = zipf.area(zipf.keys + 0.5);
        zipf.squeeze = 2.0 - zipf.place(zipf.area(2.5) - zipf.height(2.0));
        zipf
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1 to the number of keys"
    )]
    pub(crate) fn rank(&self, random: &mut Rng) -> u64 {
        loop {
            let area = self.area_to + random.f64() * (self.area_from - self.area_to);
            let place = self.place(area);
            let nearest = place.round().clamp(1.0, self.keys);
            if nearest - place <= self.squeeze || area >= self.area(nearest + 0.5) - self.height(nearest) {
                return nearest as u64 - 1;
            }
        }
    }

    fn height(&self, place: f64) -> f64 {
        place.powf(-self.theta)
    }

    /// Under the curve from 1 to `place`.
    fn area(&self, place: f64) -> f64 {
        let rest = 1.0 - self.theta;
        if rest.abs() < 1e-9 { place.ln() } else { (place.powf(rest) - 1.0) / rest }
    }

    /// Where the area from 1 is this large.
    fn place(&self, area: f64) -> f64 {
        let rest = 1.0 - self.theta;
        if rest.abs() < 1e-9 { area.exp() } else { (1.0 + area * rest).max(0.0).powf(1.0 / rest) }
    }
}

/// One fixed order of all keys, so that neighbours in popularity are not neighbours in number. A permutation,
/// not a hash as in YCSB: no two ranks fall on one key, and the law holds exactly.
#[derive(Debug, Clone)]
pub(crate) struct Scramble {
    keys: u64,
    mask: u64,
    shift: u32,
}

impl Scramble {
    pub(crate) fn new(keys: u64) -> Self {
        let bits = (u64::BITS - keys.leading_zeros()).max(2);
        Self { keys, mask: u64::MAX >> (u64::BITS - bits), shift: bits.div_ceil(2) }
    }

    pub(crate) fn place(&self, rank: u64) -> u64 {
        let mut at = rank;
        // Steps that leave the keys go on until they come back: that keeps it a permutation.
        loop {
            for factor in [0x9E37_79B9_7F4A_7C15_u64, 0xD6E8_FEB8_6659_FD93] {
                at = at.wrapping_mul(factor) & self.mask;
                at ^= at >> self.shift;
            }
            if at < self.keys {
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_ranks_fall_on_one_key() {
        for keys in [1, 2, 3, 4, 5, 100, 127, 128, 129, 10_000] {
            let scramble = Scramble::new(keys);
            let places: BTreeSet<u64> = (0..keys).map(|rank| scramble.place(rank)).collect();
            assert_eq!(places, (0..keys).collect(), "{keys} keys");
        }
    }

    #[test]
    fn ranks_stay_among_the_keys_however_few_or_many() {
        let mut random = Rng::with_seed(5);
        for keys in [1, 2, 1_000_000_000_000] {
            for theta in [0.01, 0.99, 1.0, 3.0] {
                let zipf = Zipf::new(keys, theta);
                assert!((0..1000).all(|_| zipf.rank(&mut random) < keys), "{keys} keys, theta {theta}");
            }
        }
    }
}
