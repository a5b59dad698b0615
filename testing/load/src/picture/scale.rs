//! Axes with round numbers.

/// From values to places along an axis, beginning at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Value at the far end.
    pub end: f64,
    /// Values that are written beside it.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// An axis that holds values up to `highest`, with about `wanted` numbers, its end a round one.
    pub fn round(highest: f64, wanted: usize) -> Self {
        let step = step(highest, wanted);
        let count = if highest > 0.0 { (highest / step).ceil() } else { 1.0 };
        Self { end: step * count, ticks: (0..=count as usize).map(|n| n as f64 * step).collect() }
    }

    /// An axis that ends exactly at `highest`.
    pub fn exact(highest: f64, wanted: usize) -> Self {
        let step = step(highest, wanted);
        let count = (highest / step).floor() as usize;
        let end = if highest > 0.0 { highest } else { 1.0 };
        Self { end, ticks: (0..=count).map(|n| n as f64 * step).collect() }
    }

    /// Share of the axis before a value.
    pub fn share(&self, value: f64) -> f64 {
        (value / self.end).clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten.
fn step(highest: f64, wanted: usize) -> f64 {
    if !(highest.is_finite() && highest > 0.0) {
        return 1.0;
    }
    let rough = highest / wanted.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A number as short as it may be.
pub fn label(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 1.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or_else(|| grouped.clone(), |rest| format!("{grouped}.{rest}"))
}
