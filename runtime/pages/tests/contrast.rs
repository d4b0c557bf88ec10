//! Every text of the stylesheet stands out from what is behind it, in light and in dark.
//!
//! WCAG 2.2, 1.4.3: at least 4.5 to 1. A checker in a browser cannot see through the hatching of
//! lost values; here both of its stripes are asked.

use std::collections::BTreeMap;

const CONTRAST_MIN: f64 = 4.5;

/// A text's colour, and what it may stand on.
const PAIRS: [(&str, &[&str]); 16] = [
    (
        "text",
        &[
            "page",
            "surface",
            "raised",
            "high-back",
            "low-back",
            "flash",
        ],
    ),
    (
        "muted",
        &[
            "page",
            "surface",
            "raised",
            "high-back",
            "low-back",
            "flash",
        ],
    ),
    (
        "accent",
        &["page", "surface", "raised", "hatch-a", "hatch-b"],
    ),
    ("stale", &["surface", "raised", "hatch-a", "hatch-b"]),
    (
        "high",
        &[
            "page",
            "surface",
            "high-back",
            "hatch-a",
            "hatch-b",
            "flash",
        ],
    ),
    ("low", &["surface", "low-back"]),
    ("ok", &["surface", "flash"]),
    ("surface", &["accent"]),
    ("banner-text", &["banner"]),
    ("n-none-text", &["n-none"]),
    ("n-low-text", &["n-low"]),
    ("n-lowmed-text", &["n-lowmed"]),
    ("n-med-text", &["n-med"]),
    ("n-high-text", &["n-high"]),
    // Lines and borders need 3 to 1 (1.4.11), and have as much as text where they carry meaning.
    (
        "spark",
        &["surface", "raised", "band", "high-back", "low-back"],
    ),
    ("focus", &["page", "surface", "raised"]),
];

#[test]
fn every_text_stands_out_in_light_and_in_dark() {
    let style = super::super::asset(super::super::asset_url("style.css").unwrap()).unwrap();
    let style = std::str::from_utf8(style.bytes).unwrap();
    let (light, dark) = style.split_once("prefers-color-scheme: dark").unwrap();
    let dark = dark.split_once("}\n}").unwrap().0;
    let light = colours(light);
    let mut overridden = light.clone();
    overridden.extend(colours(dark));
    assert_eq!(
        overridden.len(),
        light.len(),
        "dark names a colour that light does not have"
    );
    let mut weak = Vec::new();
    for (scheme, colours) in [("light", &light), ("dark", &overridden)] {
        for (text, behind) in PAIRS {
            for behind in behind {
                let contrast = contrast(colours[text], colours[*behind]);
                if contrast < CONTRAST_MIN {
                    weak.push(format!("{scheme}: {text} on {behind} {contrast:.2}"));
                }
            }
        }
    }
    assert!(weak.is_empty(), "{weak:#?}");
}

fn colours(style: &str) -> BTreeMap<&str, [u8; 3]> {
    let declared = style
        .split("--")
        .skip(1)
        .filter_map(|rest| rest.split_once(": #"));
    let known = declared.filter_map(|(name, rest)| {
        let digits = rest.get(..6)?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some((name, [part(0)?, part(2)?, part(4)?]))
    });
    known.collect()
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
