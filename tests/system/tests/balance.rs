//! Keys spread evenly, and as `/admin/ring` says they do.

use std::collections::BTreeMap;

use harness::{Setup, secs, story};

const KEYS: usize = 10_000;

/// For four degrees of freedom, a chi-square above this has a probability of one in a thousand.
const CHI_SQUARE_4_999: f64 = 18.47;

#[test]
fn ten_thousand_keys_on_five_nodes_lie_as_the_shares_say_and_the_fullest_has_at_most_1_05_of_the_mean() {
    story(secs(120), || async {
        let cluster = Setup::new().nodes(5).start().await;
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..16 {
            let client = cluster.client().clone();
            senders.spawn(async move {
                let mut counts = BTreeMap::<String, usize>::new();
                for number in (sender..KEYS).step_by(16) {
                    let put = client.put(format!("key{number}"), "v").send().await.expect(201);
                    *counts.entry(put.header("keyway-node").to_owned()).or_default() += 1;
                }
                counts
            });
        }
        let mut counts = BTreeMap::<String, usize>::new();
        while let Some(part) = senders.join_next().await {
            for (node, count) in part.expect("a sender") {
                *counts.entry(node).or_default() += count;
            }
        }
        assert_eq!(
            counts,
            per_node(&cluster.admin().verified(secs(20)).await),
            "what the nodes really store"
        );

        let fullest = counts.values().max().copied().unwrap_or(0) as f64 / (KEYS as f64 / 5.0);
        assert!(fullest <= 1.05, "the fullest has {fullest:.3} of the mean: {counts:?}");

        let shares = cluster.admin().ring().await.shares();
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
        let chi_square: f64 = shares
            .iter()
            .map(|(node, share)| {
                let expected = share * KEYS as f64;
                (counts[node] as f64 - expected).powi(2) / expected
            })
            .sum();
        println!("{counts:?}: the fullest has {fullest:.4} of the mean, chi-square {chi_square:.2}");
        assert!(chi_square < CHI_SQUARE_4_999, "{chi_square:.2} for {counts:?} against {shares:?}");
    });
}

/// The records that `verify` counted on each node.
fn per_node(verified: &serde_json::Value) -> BTreeMap<String, usize> {
    let nodes = verified["nodes"].as_array().unwrap_or_else(|| panic!("no nodes in {verified:#}"));
    nodes
        .iter()
        .map(|node| {
            let count = node["owned"]["records"].as_u64().unwrap_or_else(|| panic!("no count in {node:#}"));
            (
                node["name"].as_str().unwrap_or_default().to_owned(),
                usize::try_from(count).unwrap_or(usize::MAX),
            )
        })
        .collect()
}
