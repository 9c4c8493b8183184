//! What both sides of every move counted before ownership switched.

use hashring::view::Receipt;

use super::output::{Table, or_unknown, size};

/// A row for each pair of nodes, and what they say together; nothing before there is a receipt.
pub(super) fn receipt(receipts: &[Receipt]) -> Option<String> {
    if receipts.is_empty() {
        return None;
    }
    let mut table = Table::new(&["FROM", "TO", "RECORDS", "BYTES", "DIGEST", "HOLD"]);
    for one in receipts {
        let (source, target) = (&one.source, &one.target);
        table.row(vec![
            one.from.to_string(),
            one.to.to_string(),
            both(source.records, target.records, |records| records.to_string()),
            both(source.bytes, target.bytes, size),
            both(source.digest, target.digest, |digest| digest.to_string()),
            or_unknown(one.hold_us.map(|us| format!("{us} us"))),
        ]);
    }
    let judgement = if receipts.iter().all(|one| one.source == one.target) {
        "both sides counted the same before the switch"
    } else {
        "NOT the same on both sides: where two are shown, the old owner counted the first and the new one the second"
    };
    let hold = receipts.iter().filter_map(|one| one.hold_us).max();
    let hold = hold.map_or(String::new(), |us| format!("; longest hold {us} us"));
    Some(format!("{}\n\n{judgement}{hold}", table.text()))
}

/// What both counted, once where it is the same.
fn both<T: PartialEq>(source: T, target: T, show: impl Fn(T) -> String) -> String {
    if source == target { show(source) } else { format!("{} / {}", show(source), show(target)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(receipts: Value) -> Option<String> {
        receipt(&serde_json::from_value::<Vec<Receipt>>(receipts).unwrap())
    }

    fn side(records: u64, digest: u8) -> Value {
        json!({"records": records, "bytes": records * 100, "digest": format!("{digest:032x}")})
    }

    #[test]
    fn what_both_sides_counted_stands_there_once() {
        let text = of(json!([
            {"from": "n1", "to": "n2", "source": side(5, 7), "target": side(5, 7), "hold_us": 812},
            {"from": "n1", "to": "n3", "source": side(6, 8), "target": side(6, 8), "hold_us": null},
        ]));
        assert_eq!(
            text.unwrap(),
            "FROM  TO  RECORDS  BYTES  DIGEST                            HOLD\n\
             n1    n2  5        500 B  00000000000000000000000000000007  812 us\n\
             n1    n3  6        600 B  00000000000000000000000000000008  -\n\n\
             both sides counted the same before the switch; longest hold 812 us"
        );
    }

    #[test]
    fn two_sides_that_differ_are_both_shown() {
        let text = of(json!([
            {"from": "n1", "to": "n2", "source": side(5, 7), "target": side(4, 7), "hold_us": null},
        ]));
        let text = text.unwrap();
        assert!(
            text.contains("5 / 4") && text.contains("500 B / 400 B") && text.contains("NOT the same"),
            "{text}"
        );
        assert_eq!(text.matches("0000000007").count(), 1, "{text}");
    }

    #[test]
    fn there_is_no_receipt_before_the_switch() {
        assert_eq!(of(json!([])), None);
    }
}
