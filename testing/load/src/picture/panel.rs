//! Lines over a common axis of time, one panel below the other.

use super::{
    drawing::{Anchor, Drawing, colour},
    scale::{Scale, label},
};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const PLOT_HEIGHT: f64 = 130.0;
const PANEL_HEIGHT: f64 = PLOT_HEIGHT + 52.0;
const BOTTOM: f64 = 30.0;
/// Estimated width of a letter at the size of legends.
const LETTER: f64 = 6.6;

/// One line.
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
}

/// Lines that share a vertical axis.
pub struct Panel {
    /// What is shown, with its unit.
    pub title: String,
    /// Lines.
    pub lines: Vec<Line>,
}

/// Something that happened at a moment.
pub struct Event {
    /// When.
    pub at: f64,
    /// What.
    pub label: String,
}

/// The whole picture; `end` is where the common axis ends.
pub fn panels(title: &str, x_title: &str, end: f64, panels: &[Panel], events: &[Event]) -> String {
    let height = TOP + PANEL_HEIGHT * panels.len() as f64 + BOTTOM;
    let mut drawing = Drawing::new(WIDTH, height, title);
    drawing.text((LEFT, 22.0), 15, true, Anchor::Start, title);
    let time = Scale::exact(end, 10);
    for (number, panel) in panels.iter().enumerate() {
        let top = TOP + PANEL_HEIGHT * number as f64 + 22.0;
        draw(&mut drawing, panel, top, &time, events);
    }
    let bottom = TOP + PANEL_HEIGHT * panels.len() as f64;
    drawing.text((WIDTH - RIGHT, bottom + 14.0), 12, false, Anchor::End, x_title);
    drawing.finish()
}

fn draw(drawing: &mut Drawing, panel: &Panel, top: f64, time: &Scale, events: &[Event]) {
    let highest = panel.lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y);
    let values = Scale::round(highest.fold(0.0, f64::max), 4);
    let bottom = top + PLOT_HEIGHT;
    let right = WIDTH - RIGHT;
    let x = |value: f64| LEFT + (right - LEFT) * time.share(value);
    let y = |value: f64| bottom - PLOT_HEIGHT * values.share(value);
    drawing.text((LEFT, top - 8.0), 12, true, Anchor::Start, &panel.title);
    for tick in &values.ticks {
        let opacity = if *tick == 0.0 { 0.9 } else { 0.25 };
        drawing.rule((LEFT, y(*tick)), (right, y(*tick)), opacity, false);
        drawing.text((LEFT - 8.0, y(*tick) + 4.0), 11, false, Anchor::End, &label(*tick));
    }
    for tick in &time.ticks {
        drawing.rule((x(*tick), bottom), (x(*tick), bottom + 4.0), 0.9, false);
        drawing.text((x(*tick), bottom + 17.0), 11, false, Anchor::Middle, &label(*tick));
    }
    for event in events {
        drawing.rule((x(event.at), top), (x(event.at), bottom), 0.9, true);
        drawing.text((x(event.at) + 4.0, top + 11.0), 11, false, Anchor::Start, &event.label);
    }
    for (number, line) in panel.lines.iter().enumerate() {
        let points: Vec<(f64, f64)> = line.points.iter().map(|(a, b)| (x(*a), y(*b))).collect();
        drawing.polyline(&points, colour(number));
    }
    if panel.lines.len() > 1 {
        legend(drawing, panel, top - 8.0);
    }
}

/// Names of the lines, from the right edge leftwards.
fn legend(drawing: &mut Drawing, panel: &Panel, baseline: f64) {
    let mut right = WIDTH - RIGHT;
    for (number, line) in panel.lines.iter().enumerate().rev() {
        drawing.text((right, baseline), 12, false, Anchor::End, &line.name);
        right -= LETTER * line.name.chars().count() as f64 + 8.0;
        drawing.rectangle((right - 12.0, baseline - 6.0), 12.0, 4.0, colour(number));
        right -= 28.0;
    }
}
