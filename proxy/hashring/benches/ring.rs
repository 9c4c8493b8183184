//! What does the ring cost a request, and what does a change of the ring cost?
//!
//! `cargo bench -p hashring` prints medians; see `main` for what each row means.

#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::unwrap_used, reason = "a bench may stop at the first surprise")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use hashring::{Member, Plan, Position, Ring, query, ring::DEFAULT_POINTS};

const SEED: u64 = 1;
const NODES: [u32; 3] = [10, 100, 1000];
/// Enough to outgrow every cache of the processor together with the largest ring.
const LOOKUPS: u64 = 1 << 18;
/// Lookups between two looks at the clock, which takes some 20 ns itself.
const BATCH: usize = 256;

fn main() {
    println!("Question: what does the ring cost a request (ns), and what does a change of it cost (ms)?");
    println!("Seed {SEED}; {DEFAULT_POINTS} points a node; random positions; medians; one thread.");
    println!("\"in a row\": each lookup needs the answer of the one before it, so memory latency shows;");
    println!("\"free\": lookups may overlap, as those of independent requests do.\n");
    if cfg!(debug_assertions) {
        println!("WARNING: built without optimisation, the figures mean nothing. Use `cargo bench`.\n");
    }
    println!(
        "{:>5} nodes  {:>12} {:>9}  {:>9} {:>15} {:>10}",
        "", "in a row ns", "free ns", "build ms", "add-one plan ms", "shares ms"
    );
    for nodes in NODES {
        ring_row(nodes);
    }
    println!();
    for (what, text) in [
        ("plain key", "key=user:12345"),
        ("plain key among others", "v=2&key=user:12345&trace=abcdef0123456789"),
        ("escaped key", "key=user%3A12345%2Fphoto+1"),
    ] {
        println!("{:>8.1} ns  query::key, {what}: {text}", query_ns(text));
    }
    println!("{:>8.1} ns  Position::of, 10 bytes", hash_ns());
}

fn ring_row(nodes: u32) {
    let repeats = if nodes < 1000 { 21 } else { 7 };
    let ring = ring(nodes);
    let build = median((0..repeats).map(|_| time(|| self::ring(nodes))));
    let more = self::ring(nodes + 1);
    let plan = median((0..repeats).map(|_| time(|| Plan::between(&ring, &more))));
    let shares = median((0..repeats).map(|_| time(|| ring.shares())));
    println!(
        "{nodes:>11}  {:>12.1} {:>9.1}  {:>9.2} {:>15.2} {:>10.2}",
        in_a_row_ns(&ring),
        free_ns(&ring),
        build * 1e3,
        plan * 1e3,
        shares * 1e3
    );
}

fn ring(nodes: u32) -> Ring {
    let name = |i| format!("n{i}").parse().unwrap();
    Ring::try_new(DEFAULT_POINTS, (1..=nodes).map(|i| Member { name: name(i), weight: 1 })).unwrap()
}

fn in_a_row_ns(ring: &Ring) -> f64 {
    // Always 0, but the compiler cannot know: the next position waits for this answer.
    let nothing = black_box(0);
    let mut answer = 0;
    let mut one = |position: u64| {
        answer = ring.owner_index(Position(position ^ (answer & nothing))).unwrap() as u64;
    };
    per_call_ns(&positions(1), |batch| batch.iter().for_each(|&position| one(position)))
}

fn free_ns(ring: &Ring) -> f64 {
    per_call_ns(&positions(2), |batch| {
        let sum: usize = batch.iter().map(|&at| ring.owner_index(Position(at)).unwrap()).sum();
        black_box(sum);
    })
}

fn query_ns(text: &str) -> f64 {
    per_call_ns(&positions(3), |batch| {
        for _ in batch {
            black_box(query::key(Some(black_box(text)))).unwrap();
        }
    })
}

fn hash_ns() -> f64 {
    per_call_ns(&positions(4), |batch| {
        for _ in batch {
            black_box(Position::of(black_box(b"user:12345")));
        }
    })
}

/// Hashes are random enough for positions, and the same in every run.
fn positions(series: u64) -> Vec<u64> {
    let text = |i: u64| [SEED, series, i].map(u64::to_le_bytes).concat();
    (0..LOOKUPS).map(|i| Position::of(&text(i)).0).collect()
}

/// The median over batches of the mean in a batch.
fn per_call_ns(positions: &[u64], mut batch: impl FnMut(&[u64])) -> f64 {
    let times = positions.chunks(BATCH).map(|chunk| {
        let start = Instant::now();
        batch(chunk);
        start.elapsed()
    });
    median(times) * 1e9 / BATCH as f64
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    drop(black_box(result));
    took
}

/// In seconds.
fn median(times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
