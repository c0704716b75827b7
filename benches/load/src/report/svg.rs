//! Plots as SVG, without font files and in colours that suit light and dark pages.

use std::error::Error;

use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor, ShapeStyle, TextStyle, text_anchor};

use super::ReportError;
use super::curves::Horizontal;
use super::scale::Scale;
use crate::model::{Axis, Line, Plot};

/// The drawing library places on whole pixels: it draws larger than shown, so that curves stay smooth.
const ENLARGED: i32 = 4;
/// As shown on a page of one column.
const WIDTH: i32 = 520;
const CHART_HEIGHT: i32 = 290;
const TEXT: i32 = 15;
/// The library divides font sizes by this.
const FONT_UNIT: f64 = 1.24;
/// Width of a character on average, as part of the font size. No font is at hand to measure with.
const CHARACTER: f64 = 0.58;
const LEGEND_LINE: i32 = 21;
const LEGEND_SWATCH: i32 = 18;
/// Characters of a name in the legend, which has to fit the width.
const LONGEST_NAME: usize = 55;
/// More points than these are a curve; fewer are marked one by one.
const MARKED: usize = 12;

/// The colour of text, lines and grid while drawing; `currentColor` in what comes out.
const INK: RGBColor = RGBColor(1, 1, 1);
const INK_ATTRIBUTE: &str = "=\"#010101\"";
/// Told apart on white and on black, and by those who do not tell red from green.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0x1f, 0x83, 0xd6),
    RGBColor(0xe0, 0x6c, 0x0b),
    RGBColor(0x14, 0x9e, 0x78),
    RGBColor(0xc2, 0x52, 0xa6),
    RGBColor(0xb8, 0x8f, 0x00),
    RGBColor(0x7d, 0x6f, 0xe0),
    RGBColor(0xd6, 0x3b, 0x4b),
    RGBColor(0x80, 0x88, 0x8f),
    RGBColor(0x9c, 0x6b, 0x3f),
    RGBColor(0x00, 0xa0, 0xb4),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A plot as an SVG element for an HTML page, in the page's colour of text.
///
/// # Errors
/// When the drawing library fails.
pub(super) fn inline(plot: &Plot, horizontal: Horizontal) -> Result<String, ReportError> {
    let (body, height) = drawn(plot, horizontal)?;
    Ok(format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{body}",
        WIDTH * ENLARGED,
        height * ENLARGED,
        escaped(&plot.title),
    ))
}

/// A plot as an SVG file, with a background and colours of its own.
///
/// # Errors
/// When the drawing library fails.
pub(super) fn file(plot: &Plot, horizontal: Horizontal) -> Result<String, ReportError> {
    let (body, height) = drawn(plot, horizontal)?;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\">\n\
         <title>{}</title>\n\
         <style>svg{{color:#24292f;font-family:system-ui,sans-serif}}.page{{fill:#fff}}\
         @media(prefers-color-scheme:dark){{svg{{color:#d5dbe1}}.page{{fill:#0d1117}}}}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n{body}",
        WIDTH * ENLARGED,
        height * ENLARGED,
        escaped(&plot.title),
    ))
}

/// What comes after the opening tag, its end included, and the height.
fn drawn(plot: &Plot, horizontal: Horizontal) -> Result<(String, i32), ReportError> {
    let chart = Chart::new(plot, horizontal);
    let mut text = String::new();
    let height = chart.height();
    chart.draw(&mut text).map_err(|error| ReportError::Plot {
        title: plot.title.clone(),
        why: error.to_string(),
    })?;
    let (_, body) = text.split_once('>').unwrap_or(("", &text));
    let body = body
        .trim_start()
        .replace(INK_ATTRIBUTE, "=\"currentColor\"")
        .replace(" font-family=\"sans-serif\"", "");
    Ok((body, height))
}

struct Chart<'a> {
    plot: &'a Plot,
    lines: Vec<Line>,
    x: Scale,
    y: Scale,
    legend: Legend,
}

impl<'a> Chart<'a> {
    fn new(plot: &'a Plot, horizontal: Horizontal) -> Self {
        let xs = all(plot, |(x, _)| x);
        let x = match horizontal {
            Horizontal::Percentiles => Scale::percentiles(&xs),
            Horizontal::AsSaid if plot.x.logarithmic => Scale::logarithmic(&xs),
            Horizontal::AsSaid => Scale::linear(&xs, false),
        };
        let ys = all(plot, |(_, y)| y);
        let y = if plot.y.logarithmic {
            Scale::logarithmic(&ys)
        } else {
            Scale::linear(&ys, true)
        };
        let placed = |line: &Line| Line {
            name: line.name.clone(),
            points: line
                .points
                .iter()
                .filter(|(at, value)| x.holds(*at) && value.is_finite())
                .map(|(at, value)| (*at, y.within(*value)))
                .collect(),
        };
        Self {
            plot,
            lines: plot.lines.iter().map(placed).collect(),
            legend: Legend::new(&plot.lines),
            x,
            y,
        }
    }

    fn height(&self) -> i32 {
        self.legend.height() + CHART_HEIGHT
    }

    fn draw(&self, text: &mut String) -> Drawn<()> {
        let size = (pixels(WIDTH)?, pixels(self.height())?);
        let root = SVGBackend::with_string(text, size).into_drawing_area();
        let (head, body) = root.split_vertically(self.legend.height() * ENLARGED);
        self.legend.draw(&head)?;
        self.draw_axis_names(&body)?;
        self.draw_lines(&body)?;
        root.present()?;
        Ok(())
    }

    /// The vertical axis is named above it, where there is room for words.
    fn draw_axis_names(&self, area: &Area<'_>) -> Drawn<()> {
        let name = named(&self.plot.y, &all(self.plot, |(_, y)| y));
        area.draw_text(&name, &fitting(&name), (4 * ENLARGED, 2 * ENLARGED))?;
        let right = text_anchor::Pos::new(text_anchor::HPos::Right, text_anchor::VPos::Bottom);
        let name = named(&self.plot.x, &[]);
        let at = ((WIDTH - 12) * ENLARGED, (CHART_HEIGHT - 4) * ENLARGED);
        area.draw_text(&name, &fitting(&name).pos(right), at)?;
        Ok(())
    }

    fn draw_lines(&self, area: &Area<'_>) -> Drawn<()> {
        let labels = width_of(self.y.label_width().max(2)) + 12;
        let mut chart = ChartBuilder::on(area)
            .margin_top(30 * ENLARGED)
            .margin_right(22 * ENLARGED)
            .margin_bottom(22 * ENLARGED)
            .set_label_area_size(LabelAreaPosition::Left, labels * ENLARGED)
            .set_label_area_size(LabelAreaPosition::Bottom, 27 * ENLARGED)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .bold_line_style(stroke(INK.mix(0.16)))
            .light_line_style(stroke(INK.mix(0.06)))
            .axis_style(stroke(INK.mix(0.6)))
            .label_style(ink(TEXT))
            .x_label_formatter(&|value| self.x.label(*value))
            .y_label_formatter(&|value| self.y.label(*value))
            .set_tick_mark_size(LabelAreaPosition::Left, 3 * ENLARGED)
            .set_tick_mark_size(LabelAreaPosition::Bottom, 5 * ENLARGED)
            .draw()?;
        // The first line is the one that matters most: it is drawn last, over the others.
        let coloured: Vec<_> = self.lines.iter().zip(COLOURS.iter().cycle()).collect();
        for (line, colour) in coloured.into_iter().rev() {
            let points = line.points.iter().copied();
            chart.draw_series(LineSeries::new(points.clone(), thick(*colour)))?;
            if line.points.len() <= MARKED {
                let mark = |at| Circle::new(at, 3 * ENLARGED, colour.filled());
                chart.draw_series(points.map(mark))?;
            }
        }
        if self.lines.iter().all(|line| line.points.is_empty()) {
            let at = (
                WIDTH * ENLARGED / 2 - 40 * ENLARGED,
                CHART_HEIGHT * ENLARGED / 2,
            );
            area.draw_text("nothing measured", &ink(TEXT), at)?;
        }
        Ok(())
    }
}

/// Which colour is which line, in as many rows as it takes.
struct Legend {
    /// Names, with the left end and the row of each.
    entries: Vec<(String, i32, i32)>,
    rows: i32,
}

impl Legend {
    fn new(lines: &[Line]) -> Self {
        let mut entries = Vec::new();
        let (mut left, mut row) = (4, 0);
        for line in lines {
            let name = shortened(&line.name);
            let width = LEGEND_SWATCH + 6 + width_of(name.chars().count()) + 14;
            if left > 4 && left + width > WIDTH {
                (left, row) = (4, row + 1);
            }
            entries.push((name, left, row));
            left += width;
        }
        let rows = if entries.is_empty() { 0 } else { row + 1 };
        Self { entries, rows }
    }

    fn height(&self) -> i32 {
        self.rows * LEGEND_LINE + 8
    }

    fn draw(&self, area: &Area<'_>) -> Drawn<()> {
        for ((name, left, row), colour) in self.entries.iter().zip(COLOURS.iter().cycle()) {
            let middle = (row * LEGEND_LINE + LEGEND_LINE / 2 + 3) * ENLARGED;
            let (from, to) = (left * ENLARGED, (left + LEGEND_SWATCH) * ENLARGED);
            let swatch = vec![(from, middle), (to, middle)];
            area.draw(&PathElement::new(swatch, thick(*colour).stroke_width(12)))?;
            let centre = text_anchor::Pos::new(text_anchor::HPos::Left, text_anchor::VPos::Center);
            area.draw_text(name, &ink(TEXT).pos(centre), (to + 6 * ENLARGED, middle))?;
        }
        Ok(())
    }
}

fn all(plot: &Plot, coordinate: impl Fn((f64, f64)) -> f64) -> Vec<f64> {
    let lines = plot.lines.iter();
    let points = lines.flat_map(|line| line.points.iter().copied());
    points.map(coordinate).collect()
}

/// What an axis is, and how it has to be read.
fn named(axis: &Axis, values: &[f64]) -> String {
    let label = &axis.label;
    if !axis.logarithmic {
        label.clone()
    } else if values.iter().any(|value| *value <= 0.0) {
        format!("{label} (logarithmic, 0 at the foot)")
    } else {
        format!("{label} (logarithmic)")
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST_NAME - 1).collect();
    format!("{start}…")
}

/// As large as text is, or as small as it takes to fit the width.
fn fitting(text: &str) -> TextStyle<'static> {
    let width = width_of(text.chars().count()).max(1);
    ink((TEXT * (WIDTH - 16) / width).clamp(8, TEXT))
}

fn ink(size: i32) -> TextStyle<'static> {
    let size = f64::from(size * ENLARGED) * FONT_UNIT;
    TextStyle::from(("sans-serif", size)).color(&INK)
}

fn stroke(colour: impl Color) -> ShapeStyle {
    ShapeStyle::from(&colour).stroke_width(4)
}

fn thick(colour: RGBColor) -> ShapeStyle {
    ShapeStyle::from(&colour).stroke_width(8)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, and names are cut to fit"
)]
fn width_of(characters: usize) -> i32 {
    (super::numbers::float(characters as u64) * f64::from(TEXT) * CHARACTER).ceil() as i32
}

fn pixels(size: i32) -> Result<u32, std::num::TryFromIntError> {
    u32::try_from(size * ENLARGED)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
