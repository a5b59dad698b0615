//! Pictures are well-formed and show what they are given.

#![allow(clippy::unwrap_used)]

use super::{
    bars::{Bar, bars},
    panel::{Event, Line, Panel, panels},
    scale::{Scale, label},
    slug,
};

/// Every element is closed, in order, and no attribute is left open.
fn assert_well_formed(text: &str) {
    let mut open: Vec<String> = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, content) = part.split_once('>').unwrap();
        assert!(!content.contains('>') && tag.matches('"').count() % 2 == 0, "{part}");
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

fn line(points: Vec<(f64, f64)>) -> Line {
    Line { name: "p50 <ms>".to_owned(), points }
}

#[test]
fn panels_are_well_formed_and_inside_the_picture() {
    let panel = |points| Panel {
        title: "latency & more".to_owned(),
        lines: vec![line(points), line(vec![])],
    };
    let all = [panel(vec![(0.5, 10.0), (59.5, 180.0)]), panel(vec![])];
    let event = Event { at: 20.0, label: "\"killed\"".to_owned() };
    let text = panels("a < b", "seconds", 60.0, &all, &[event]);
    assert_well_formed(&text);
    assert!(text.contains("a &lt; b") && text.contains("latency &amp; more"));
    // from 64 at 0 s to 836 at 60 s; 180 of 200 is a tenth below the top of the plot
    assert!(text.contains("points=\"70.4,189.5 829.6,79.0\""), "{text}");
}

#[test]
fn an_empty_phase_still_has_a_picture() {
    assert_well_formed(&panels("", "seconds", 0.0, &[], &[]));
    assert_well_formed(&bars("nothing", "µs", &[]));
}

#[test]
fn the_longest_bar_fills_the_width() {
    let bar = |label: &str, value| Bar { label: label.to_owned(), value, group: 0 };
    let text = bars("speed", "tx/s", &[bar("one", 2_000.0), bar("two", 500.0), bar("none", 0.0)]);
    assert_well_formed(&text);
    assert!(text.contains("width=\"430.0\"") && text.contains("width=\"107.5\""), "{text}");
    assert!(text.contains("2,000 tx/s"));
}

#[test]
fn axes_have_round_numbers() {
    let of = |highest| Scale::round(highest, 4).ticks;
    assert_eq!(of(180.0), [0.0, 50.0, 100.0, 150.0, 200.0]);
    assert_eq!(of(4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(of(0.0), [0.0, 1.0]);
    assert_eq!(of(f64::NAN), [0.0, 1.0]);
    assert_eq!(Scale::exact(3_600.0, 10).ticks.len(), 8);
    assert_eq!(Scale::exact(3_600.0, 10).share(1_800.0), 0.5);
}

#[test]
fn numbers_are_short_and_grouped() {
    let cases =
        [(0.0, "0"), (0.25, "0.25"), (1.5, "1.5"), (150.4, "150"), (1_234_567.0, "1,234,567")];
    for (value, text) in cases {
        assert_eq!(label(value), text);
    }
}

#[test]
fn file_names_are_plain() {
    assert_eq!(slug("heqi erc20 closed, single"), "heqi-erc20-closed-single");
}
