//! Colours and marks. Colours are told apart with any common kind of colour blindness (Okabe and Ito's set, darker or
//! lighter where it has to be; viridis for numbers in order), and marks differ in shape besides.

use std::fmt::Write as _;

use super::data::Data;

/// On light and on dark.
const KINDS: [(&str, &str); 7] = [
    ("#0072b2", "#58aee8"),
    ("#d55e00", "#f58a4b"),
    ("#00865f", "#34c79a"),
    ("#b14f86", "#e59bc3"),
    ("#a37200", "#e9b440"),
    ("#4d4d4d", "#c8ccd2"),
    ("#3a9bd1", "#a5dcfa"),
];

/// The colour map viridis at equal distances.
const VIRIDIS: [(u8, u8, u8); 6] =
    [(68, 1, 84), (65, 68, 135), (42, 120, 142), (34, 168, 132), (122, 209, 81), (253, 231, 37)];

/// More series than this, in order, get colours in order.
const FEW: usize = 4;

/// The style sheet for so many series: what all pictures share, then a class `s0`, `s1`.. for each.
pub(super) fn style(data: &Data) -> String {
    let count = data.series.len();
    let in_order = count > FEW && data.series.iter().all(|series| series.number.is_some());
    let (mut light, mut dark) = (String::new(), String::new());
    for number in 0..count {
        let colours = if in_order || count > KINDS.len() {
            let part = number as f64 / (count - 1).max(1) as f64;
            // Its ends would vanish, yellow on white and violet on black.
            (viridis(part * 0.82), viridis(0.22 + part * 0.78))
        } else {
            let (light, dark) = KINDS[number % KINDS.len()];
            (light.to_owned(), dark.to_owned())
        };
        for (sheet, colour) in [(&mut light, colours.0), (&mut dark, colours.1)] {
            // Writing to a string cannot fail.
            let _ = write!(sheet, ".s{number}{{fill:{colour};stroke:{colour}}}");
        }
    }
    format!(
        "text{{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}}\
         .line{{fill:none;stroke-width:2;stroke-linejoin:round}}.axis,.grid{{stroke-width:1}}\
         .mark{{stroke-width:1}}.faint{{fill-opacity:.55}}\
         .bg{{fill:#ffffff}}.ink{{fill:#1f2328}}.soft{{fill:#57606a}}.grid{{stroke:#e2e6ea}}.axis{{stroke:#8b949e}}{light}\
         @media(prefers-color-scheme:dark){{.bg{{fill:#0f141a}}.ink{{fill:#e6edf3}}.soft{{fill:#a3adb8}}\
         .grid{{stroke:#2a323c}}.axis{{stroke:#6e7781}}{dark}}}\
         .s .line,.line.line{{fill:none}}"
    )
}

/// A mark around a place; its shape belongs to the series.
pub(super) fn mark(series: usize, x: f64, y: f64, class: &str, title: &str) -> String {
    let shape = match series % 5 {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\""),
        1 => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\"", x - 3.5, y - 3.5),
        2 => path(x, y, &[(0.0, -5.0), (4.6, 3.6), (-4.6, 3.6)]),
        3 => path(x, y, &[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)]),
        _ => path(x, y, &[(0.0, 5.0), (4.6, -3.6), (-4.6, -3.6)]),
    };
    let title = if title.is_empty() { String::new() } else { format!("<title>{title}</title>") };
    format!("{shape} class=\"mark s{series}{class}\">{title}</{}>\n", element(&shape))
}

/// The colour of a series, where shapes mean nothing.
pub(super) fn swatch(series: usize, x: f64, y: f64) -> String {
    format!(
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" class=\"mark s{series}\"/>\n",
        x - 6.0,
        y - 6.0
    )
}

fn path(x: f64, y: f64, corners: &[(f64, f64)]) -> String {
    let corners: Vec<String> =
        corners.iter().map(|(right, down)| format!("{:.1} {:.1}", x + right, y + down)).collect();
    format!("<path d=\"M{}Z\"", corners.join("L"))
}

fn element(shape: &str) -> &str {
    shape.trim_start_matches('<').split(' ').next().unwrap_or_default()
}

fn viridis(part: f64) -> String {
    let place = part.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to the number of colours")]
    let left = (place.floor() as usize).min(VIRIDIS.len() - 2);
    let (from, to) = (VIRIDIS[left], VIRIDIS[left + 1]);
    let rest = place - left as f64;
    #[expect(clippy::cast_possible_truncation, reason = "between two bytes")]
    let between =
        |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * rest).round() as u8;
    format!("#{:02x}{:02x}{:02x}", between(from.0, to.0), between(from.1, to.1), between(from.2, to.2))
}
