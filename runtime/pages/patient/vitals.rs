//! Score and trends: each parameter's share of NEWS2, and each sign's line with its limits.

use crate::pages::cells::{self, Cell};
use crate::pages::lines::{self, Epoch, Span};
use crate::pages::score;
use crate::pages::template::{Slots, Template, TemplateError};
use crate::pages::words::{self, Words};
use maud::{Markup, html};
use plantao_actors::live::diff::{Rendered, Slot, TemplateId};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{Chart, VitalSign};

const VITALS: TemplateId = TemplateId(20);
const PARAMETER: TemplateId = TemplateId(21);
const SCORE: TemplateId = TemplateId(22);

/// The parameters of NEWS2, in the order of its inputs.
const PARAMETERS: [VitalSign; 7] = [
    VitalSign::RespiratoryRate,
    VitalSign::Spo2,
    VitalSign::SupplementalOxygen,
    VitalSign::SystolicPressure,
    VitalSign::HeartRate,
    VitalSign::Consciousness,
    VitalSign::Temperature,
];

const fn trend_id(sign: VitalSign) -> TemplateId {
    TemplateId(30 + sign as u16)
}

/// The signs that are drawn, each with the values it is drawn between.
fn drawn() -> impl Iterator<Item = (VitalSign, (i32, i32))> {
    let signs = VitalSign::ALL.iter();
    signs.filter_map(|sign| Some((*sign, lines::range(*sign)?)))
}

pub(super) fn templates(locale: Locale, words: &Words) -> Result<Vec<Template>, TemplateError> {
    let mut all = vec![
        Template::new(VITALS, |s| frame(s, words))?,
        Template::new(PARAMETER, parameter)?,
        score::template(SCORE, 2)?,
    ];
    for (sign, range) in drawn() {
        all.push(Template::new(trend_id(sign), |s| {
            trend(s, sign, range, locale, words)
        })?);
    }
    Ok(all)
}

/// Slots: score, response, span, a row for each parameter, a trend for each sign drawn.
fn frame(s: &Slots, words: &Words) -> Markup {
    let rows = 3..3 + PARAMETERS.len();
    let trends = rows.end..rows.end + drawn().count();
    html! {
        div class="figures" {
            section class="card" aria-labelledby="breakdown" {
                h2 id="breakdown" { (words.breakdown) }
                table class="breakdown" aria-labelledby="breakdown" {
                    thead {
                        tr {
                            th scope="col" { (words.parameter) }
                            th scope="col" { (words.value) }
                            th scope="col" { (words.reading_age) }
                            th scope="col" class="number" { (words.points) }
                        }
                    }
                    tbody { @for row in rows { (s.part(row)) } }
                    tfoot { tr { th scope="row" colspan="2" { (words.total) } (s.part(0)) } }
                }
                h3 { (words.response) }
                p class="response" { (s.text(1)) }
            }
            section aria-labelledby="trends" {
                h2 id="trends" { (words.trends) ": " span { (s.text(2)) } }
                div class="trends" { @for place in trends { (s.part(place)) } }
                p class="legend" {
                    span class="band" { (words.legend_limits) }
                    span class="gap" { (words.legend_gap) }
                    span class="mark" { (words.legend_artefact) }
                }
            }
        }
    }
}

/// Slots: class, name, value, unit, tag, moment, class of the points, points.
fn parameter(s: &Slots) -> Markup {
    html! {
        tr class=(s.text(0)) {
            th scope="row" { (s.text(1)) }
            td { b { (s.text(2)) } " " i { (s.text(3)) } " " em { (s.text(4)) } }
            td { time { (s.age(5)) } }
            td class=(s.text(6)) { (s.text(7)) }
        }
    }
}

/// Slots: value, moment, class, tag, limits, unit, box, band's top and height, artefact, span,
/// line.
fn trend(
    s: &Slots,
    sign: VitalSign,
    (low, high): (i32, i32),
    locale: Locale,
    words: &Words,
) -> Markup {
    let named = words::sign(sign, locale);
    let label = format!("{}: {}", words.trend, named.name);
    html! {
        section class=(s.text(2)) data-sign=(sign.as_str()) {
            div class="trend-head" {
                h3 { abbr title=(named.name) { (named.short) } " " span { (named.name) } }
                div class="first" { em { (s.text(3)) } " " b { (s.text(0)) } " " i { (s.text(5)) } }
            }
            div class="plot" {
                svg class="chart" viewBox=(s.text(6)) preserveAspectRatio="none" role="img"
                    aria-label=(label) {
                    rect class="band" x="-100000" width="200000" y=(s.text(7))
                        height=(s.text(8)) {}
                    g transform=(s.until_now()) {
                        line class="mark" x1=(s.text(9)) x2=(s.text(9)) y1=(-high) y2=(-low) {}
                        path d=(s.line(11)) {}
                    }
                }
                span class="max" { (high) }
                span class="mid" { (low.midpoint(high)) }
                span class="min" { (low) }
            }
            div class="axis" { span { (s.text(10)) } span { (words.now) } }
            div class="last" {
                span { (words.age) " " time { (s.age(1)) } }
                span { (words.limits) " " span { (s.text(4)) } }
            }
        }
    }
}

/// All of it for a chart.
pub(super) fn part(chart: &Chart, now: Timestamp, epoch: Epoch, locale: Locale) -> Rendered {
    let span = Span::of(chart, now);
    let score = chart.news2(now);
    let mut slots = vec![
        Slot::part(score::part(SCORE, Some(score), locale)),
        Slot::text(score::response(Some(score), locale)),
        Slot::text(span.text()),
    ];
    for (sign, points) in PARAMETERS.into_iter().zip(score.parts) {
        let cell = cells::cell(chart, sign, now, locale);
        slots.push(Slot::part(parameter_part(
            sign, &cell, points, epoch, locale,
        )));
    }
    for (sign, range) in drawn() {
        let cell = cells::cell(chart, sign, now, locale);
        slots.push(Slot::part(trend_part(
            chart, sign, range, &cell, span, epoch,
        )));
    }
    Rendered::new(VITALS, slots)
}

fn moment(cell: &Cell, epoch: Epoch) -> String {
    cell.at
        .map_or_else(String::new, |at| epoch.seconds(at).to_string())
}

fn parameter_part(
    sign: VitalSign,
    cell: &Cell,
    points: Option<u8>,
    epoch: Epoch,
    locale: Locale,
) -> Rendered {
    let class = match points {
        Some(3..) => "number p3",
        _ => "number",
    };
    let points = points.map_or_else(|| "–".to_owned(), |points| points.to_string());
    let at = moment(cell, epoch);
    let texts = [
        cell.worth.class(),
        words::sign(sign, locale).name,
        &cell.value,
        cell.unit,
        cell.tag,
        &at,
        class,
        &points,
    ];
    Rendered::new(PARAMETER, texts.into_iter().map(Slot::text).collect())
}

fn trend_part(
    chart: &Chart,
    sign: VitalSign,
    range: (i32, i32),
    cell: &Cell,
    span: Span,
    epoch: Epoch,
) -> Rendered {
    let (top, height) = band(chart, sign, range);
    // The epoch itself lies more than a day back: out of every box.
    let artefact = chart.last_artefact(sign).map_or(0, |at| epoch.seconds(at));
    let class = format!("card trend {}", cell.worth.class());
    let texts = [
        cell.value.clone(),
        moment(cell, epoch),
        class,
        cell.tag.to_owned(),
        if cell.limits.is_empty() {
            "–".to_owned()
        } else {
            cell.limits.clone()
        },
        cell.unit.to_owned(),
        lines::view_box(span, range),
        top,
        height,
        artefact.to_string(),
        format!("−{}", span.text()),
    ];
    let mut slots: Vec<Slot> = texts.into_iter().map(Slot::text).collect();
    slots.push(Slot::Series(lines::trend(chart, sign, span, epoch)));
    Rendered::new(trend_id(sign), slots)
}

/// Where the band within the limits stands: its top, negated as all of a drawing, and its height.
/// A limit that there is not is the edge; without any there is no band.
fn band(chart: &Chart, sign: VitalSign, (low, high): (i32, i32)) -> (String, String) {
    let limits = chart.limits(sign);
    if limits.low.is_none() && limits.high.is_none() {
        return ("0".to_owned(), "0".to_owned());
    }
    let (low, high) = (f64::from(low), f64::from(high));
    let bottom = limits.low.unwrap_or(low).clamp(low, high);
    let top = limits.high.unwrap_or(high).clamp(low, high);
    ((-top).to_string(), (top - bottom).max(0.0).to_string())
}
