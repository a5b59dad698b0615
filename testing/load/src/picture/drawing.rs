//! The few shapes that pictures are made of.

use std::fmt::Write;

/// Text and axes: readable on white and on black.
pub const GREY: &str = "#7d8590";
/// Lines and bars, told apart by brightness as well as by hue.
pub const COLOURS: [&str; 8] =
    ["#3b82f6", "#f97316", "#10b981", "#a855f7", "#eab308", "#ef4444", "#06b6d4", "#ec4899"];

/// Colour of a line or bar.
pub const fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// Where a text stands relative to its place.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// To the right of it.
    Start,
    /// Around it.
    Middle,
    /// To the left of it.
    End,
}

/// A picture being drawn. Lengths are in CSS pixels.
pub struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

impl Drawing {
    /// An empty picture with a title that screen readers tell.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, body: format!("<title>{}</title>\n", escaped(title)) }
    }

    /// Text of a size, bold or not.
    pub fn text(&mut self, (x, y): (f64, f64), size: u32, bold: bool, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if bold { " font-weight=\"600\"" } else { "" };
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{weight} text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        ));
    }

    /// A thin grey line, faint or not, dashed or not.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64), opacity: f64, dashed: bool) {
        let dashes = if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        self.push(format_args!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{GREY}\" stroke-opacity=\"{opacity}\"{dashes}/>",
            from.0, from.1, to.0, to.1
        ));
    }

    /// A line through points.
    pub fn polyline(&mut self, points: &[(f64, f64)], colour: &str) {
        let mut path = String::new();
        for (x, y) in points {
            // writing to a string cannot fail
            let _ = write!(path, "{x:.1},{y:.1} ");
        }
        self.push(format_args!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" stroke-linejoin=\"round\" points=\"{}\"/>",
            path.trim_end()
        ));
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, (x, y): (f64, f64), width: f64, height: f64, colour: &str) {
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"{colour}\"/>"
        ));
    }

    fn push(&mut self, shape: std::fmt::Arguments<'_>) {
        // writing to a string cannot fail
        let _ = writeln!(self.body, "{shape}");
    }

    /// The file.
    pub fn finish(self) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" fill=\"{GREY}\">\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // control characters are not allowed in XML
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
