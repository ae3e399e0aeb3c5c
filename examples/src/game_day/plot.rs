//! How it went, drawn: an SVG file with the answers and the requests of each second.

use std::fmt::Write;

use super::crowd::{Outcome, PER_SECOND, SECONDS};
use super::scenario::Scenario;

const WIDTH: u32 = 720;
const HEIGHT: u32 = 180;
const MARGIN: u32 = 48;
const COLOURS: [&str; 4] = ["#9aa0a6", "#d9822b", "#137cbd", "#0f9960"];

/// The drawing of a scenario.
#[must_use]
pub fn svg(scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let height = 3 * MARGIN + 2 * HEIGHT + 20 * scenario.contestants.len() as u32;
    let width = WIDTH + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<text x=\"{MARGIN}\" y=\"24\" font-size=\"16\">{}: {}</text>\n",
        scenario.name, scenario.what
    );
    let answered: Vec<&[u32]> = outcomes.iter().map(|outcome| &*outcome.answered).collect();
    let requests: Vec<&[u32]> = outcomes.iter().map(|outcome| &*outcome.requests).collect();
    chart(&mut svg, scenario, MARGIN, "answered callers per second", &answered);
    chart(&mut svg, scenario, 2 * MARGIN + HEIGHT, "requests per second", &requests);
    for (number, contestant) in scenario.contestants.iter().enumerate() {
        let y = 2 * MARGIN + 2 * HEIGHT + 24 + 20 * number as u32;
        let (colour, name) = (COLOURS[number % COLOURS.len()], escape(contestant.name));
        let _ = writeln!(svg, "<rect x=\"{MARGIN}\" y=\"{}\" width=\"20\" height=\"4\" fill=\"{colour}\"/>", y - 6);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{y}\">{name}</text>", MARGIN + 28);
    }
    svg + "</svg>\n"
}

/// One chart: a line for each contestant over the minute, and the trouble behind them.
fn chart(svg: &mut String, scenario: &Scenario, top: u32, title: &str, lines: &[&[u32]]) {
    let most = lines.iter().flat_map(|line| line.iter()).copied().max().unwrap_or(0).max(PER_SECOND);
    let x = |second: f64| f64::from(MARGIN) + second / f64::from(SECONDS) * f64::from(WIDTH);
    let y = |value: u32| f64::from(top + HEIGHT) - f64::from(value) / f64::from(most) * f64::from(HEIGHT);
    let (from, until) = (x(scenario.trouble.from.as_secs_f64()), x(scenario.trouble.until.as_secs_f64()));
    let _ =
        writeln!(svg, "<rect x=\"{from:.0}\" y=\"{top}\" width=\"{:.0}\" height=\"{HEIGHT}\" fill=\"#fbeaea\"/>", until - from);
    let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{}\" fill=\"#555\">{title}, at most {most}</text>", top - 4);
    let _ =
        writeln!(svg, "<rect x=\"{MARGIN}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#ccc\"/>");
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let seconds = line.iter().take(SECONDS as usize).enumerate();
        let points: Vec<String> =
            seconds.map(|(second, value)| format!("{:.1},{:.1}", x(second as f64 + 0.5), y(*value))).collect();
        let _ =
            writeln!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>", points.join(" "));
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game_day::scenario;

    #[test]
    fn every_contestant_has_its_lines_and_its_name() {
        let scenario = scenario::all().remove(5);
        let count = scenario.contestants.len();
        let outcome = Outcome { answered: vec![PER_SECOND; 60], requests: vec![150; 70], waits: Vec::new() };
        let svg = svg(&scenario, &vec![outcome; count]);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("at most 150").count()), (2 * count, 1));
        assert!(svg.contains("hedge.enabled = true"), "{svg}");
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }
}
