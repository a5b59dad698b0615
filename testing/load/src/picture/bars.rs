//! Horizontal bars with their labels and values.

use super::{
    drawing::{Anchor, Drawing, colour},
    scale::{Scale, label},
};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 44.0;
const ROW: f64 = 26.0;
const THICKNESS: f64 = 16.0;
const BOTTOM: f64 = 12.0;
/// Longest label (characters).
const LABEL_MAX: usize = 46;

/// One bar.
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// Its length.
    pub value: f64,
    /// Bars of one group have one colour.
    pub group: usize,
}

/// The whole picture.
pub fn bars(title: &str, unit: &str, rows: &[Bar]) -> String {
    let height = TOP + ROW * rows.len().max(1) as f64 + BOTTOM;
    let mut drawing = Drawing::new(WIDTH, height, title);
    drawing.text((16.0, 22.0), 15, true, Anchor::Start, title);
    let scale = Scale::exact(rows.iter().map(|row| row.value).fold(0.0, f64::max), 5);
    for (number, row) in rows.iter().enumerate() {
        let top = TOP + ROW * number as f64;
        let baseline = top + THICKNESS - 4.0;
        let length = (WIDTH - LEFT - RIGHT) * scale.share(row.value);
        let name: String = row.label.chars().take(LABEL_MAX).collect();
        drawing.text((LEFT - 10.0, baseline), 12, false, Anchor::End, &name);
        drawing.rectangle((LEFT, top), length.max(1.0), THICKNESS, colour(row.group));
        let value = format!("{} {unit}", label(row.value));
        drawing.text((LEFT + length + 8.0, baseline), 12, true, Anchor::Start, &value);
    }
    drawing.rule((LEFT, TOP - 6.0), (LEFT, height - BOTTOM), 0.9, false);
    drawing.finish()
}
