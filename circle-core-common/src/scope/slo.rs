//! Service level objectives: what is promised of the calls of a service, and how they stand against it.

mod meter;

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

pub(super) use self::meter::Meter;

/// How long calls are looked back on where nothing is said.
const WINDOW: Duration = Duration::from_secs(3600);

/// What is promised of the calls of a service.
///
/// In a config file it is the table `slo` of a service:
///
/// ```toml
/// [services.documents]
/// slo = { p99 = "300ms", success = 0.999 }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Slo {
    /// The share of calls that succeed, above 0 and below 1. A call fails when the service is at fault: what the caller could
    /// have avoided, such as a missing key, is no failure.
    pub success: Option<f64>,
    /// What half of the successful calls do not exceed.
    #[cfg_attr(feature = "config", serde(with = "crate::config::duration::option"))]
    #[cfg_attr(feature = "config", schemars(schema_with = "crate::config::duration::option::schema"))]
    pub p50: Option<Duration>,
    /// What 90 of 100 successful calls do not exceed.
    #[cfg_attr(feature = "config", serde(with = "crate::config::duration::option"))]
    #[cfg_attr(feature = "config", schemars(schema_with = "crate::config::duration::option::schema"))]
    pub p90: Option<Duration>,
    /// What 95 of 100 successful calls do not exceed.
    #[cfg_attr(feature = "config", serde(with = "crate::config::duration::option"))]
    #[cfg_attr(feature = "config", schemars(schema_with = "crate::config::duration::option::schema"))]
    pub p95: Option<Duration>,
    /// What 99 of 100 successful calls do not exceed.
    #[cfg_attr(feature = "config", serde(with = "crate::config::duration::option"))]
    #[cfg_attr(feature = "config", schemars(schema_with = "crate::config::duration::option::schema"))]
    pub p99: Option<Duration>,
    /// How long calls are looked back on; an hour where nothing is said.
    #[cfg_attr(feature = "config", serde(with = "crate::config::duration::option"))]
    #[cfg_attr(feature = "config", schemars(schema_with = "crate::config::duration::option::schema"))]
    pub window: Option<Duration>,
}

/// A setting that makes no sense: its key, empty for the table, and what it must be.
#[cfg_attr(not(any(feature = "config", test)), allow(dead_code, reason = "only a config file has somebody to tell"))]
pub(crate) type Mistake = (&'static str, &'static str);

impl Slo {
    /// Nothing promised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Promises that this share of calls succeeds.
    #[must_use]
    pub fn success(mut self, share: f64) -> Self {
        self.success = Some(share);
        self
    }

    /// Promises what 99 of 100 successful calls do not exceed.
    #[must_use]
    pub fn p99(mut self, within: Duration) -> Self {
        self.p99 = Some(within);
        self
    }

    /// Sets how long calls are looked back on.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// The promises, one by one.
    #[must_use]
    pub fn objectives(&self) -> Vec<Objective> {
        let success = self.success.map(|share| Objective::Success { share });
        success.into_iter().chain(self.latencies().map(|(percent, within)| Objective::Latency { percent, within })).collect()
    }

    fn latencies(&self) -> impl Iterator<Item = (u8, Duration)> {
        let all = [(50, self.p50), (90, self.p90), (95, self.p95), (99, self.p99)];
        all.into_iter().filter_map(|(percent, within)| Some((percent, within?)))
    }

    /// What makes no sense.
    #[cfg_attr(not(any(feature = "config", test)), allow(dead_code, reason = "only a config file has somebody to tell"))]
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        if self.objectives().is_empty() {
            found.push(("", "expected an objective: `success = 0.999`, or `p99 = \"300ms\"`"));
        }
        if self.success.is_some_and(|share| !(share > 0.0 && share < 1.0)) {
            found.push(("success", "expected a number above 0 and below 1: at 1 there is no budget for errors"));
        }
        let mut before = Duration::ZERO;
        for (percent, within) in self.latencies() {
            let key = ["p50", "p90", "p95", "p99"][[50, 90, 95, 99].iter().position(|one| *one == percent).unwrap_or(0)];
            if within.is_zero() {
                found.push((key, "expected more than nothing: no call takes no time"));
            } else if within < before {
                found.push((key, "expected at least what fewer calls may take"));
            }
            before = within;
        }
        let (least, most) = (Duration::from_secs(60), Duration::from_secs(30 * 24 * 3600));
        if self.window.is_some_and(|window| !(least..=most).contains(&window)) {
            found.push(("window", "expected `1m` to `30d`"));
        }
        found
    }
}

/// One promise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Objective {
    /// So many calls succeed.
    Success {
        /// The share, 0 to 1.
        share: f64,
    },
    /// So many successful calls do not take longer.
    Latency {
        /// How many of 100.
        percent: u8,
        /// Than this.
        within: Duration,
    },
}

impl Objective {
    /// Its key in a config file: `success`, `p99`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Success { .. } => "success",
            Self::Latency { percent: 50, .. } => "p50",
            Self::Latency { percent: 90, .. } => "p90",
            Self::Latency { percent: 95, .. } => "p95",
            Self::Latency { .. } => "p99",
        }
    }

    /// The share of calls that must be good, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        match self {
            Self::Success { share } => *share,
            Self::Latency { percent, .. } => f64::from(*percent) / 100.0,
        }
    }
}

/// How calls stand against what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SloState {
    /// Fewer than twenty calls in the window: nothing can be said.
    Unmeasured,
    /// The promise is kept.
    Met,
    /// It is kept, but less than a quarter of the error budget is left, or the budget is being used more than twice as fast as
    /// it lasts.
    AtRisk,
    /// It is not kept: the error budget of the window is used up.
    Broken,
}

impl SloState {
    /// The name: `at risk`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unmeasured => "unmeasured",
            Self::Met => "met",
            Self::AtRisk => "at risk",
            Self::Broken => "broken",
        }
    }

    /// The value of the gauge; none is set where nothing can be said.
    fn gauge(self) -> Option<f64> {
        match self {
            Self::Unmeasured => None,
            Self::Met => Some(0.0),
            Self::AtRisk => Some(1.0),
            Self::Broken => Some(2.0),
        }
    }
}

impl fmt::Display for SloState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

/// How the calls of a service stand against its objectives; `Display` is one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SloReport {
    /// The worst of the objectives.
    pub state: SloState,
    /// How long is looked back on.
    #[serde(rename = "window_seconds", serialize_with = "seconds")]
    pub window: Duration,
    /// Each objective.
    pub objectives: Vec<ObjectiveReport>,
}

/// How calls stand against one objective.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ObjectiveReport {
    /// What is promised.
    pub objective: Objective,
    /// How it stands.
    pub state: SloState,
    /// The calls of the window that it speaks of.
    pub calls: u64,
    /// Those that were not as promised: failed, or too slow. Counted, not estimated.
    pub bad: u64,
    /// What was measured; `None` without a call.
    pub measured: Option<Measured>,
    /// The share of the error budget that is left, at most 1: the budget is the calls that may be bad. Below 0 it is
    /// overdrawn.
    pub budget_left: f64,
    /// How fast the budget was used in the last tenth of the window: at 1 it lasts as long as the window, at 10 for a tenth.
    pub burn_rate: f64,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Measured {
    /// The share of calls that succeeded, 0 to 1.
    Share(f64),
    /// What as many successful calls as the objective names did not exceed; up to an eighth too high.
    Within(Duration),
}

impl fmt::Display for SloReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slo {}", self.state)?;
        for one in self.objectives.iter().filter(|one| one.state > SloState::Met) {
            write!(f, ", {} ", one.objective.name())?;
            match (one.objective, one.measured) {
                (Objective::Latency { within, .. }, Some(Measured::Within(measured))) => {
                    write!(f, "{:.1} ms of {:.1} ms", millis(measured), millis(within))?;
                }
                (objective, Some(Measured::Share(share))) => {
                    write!(f, "{:.3} % of {} %", share * 100.0, objective.share() * 100.0)?
                }
                _ => f.write_str(one.state.title())?,
            }
            write!(f, ", budget {:.0} %, burning at {:.1}", one.budget_left * 100.0, one.burn_rate)?;
        }
        Ok(())
    }
}

impl Serialize for ObjectiveReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut json = serializer.serialize_struct("ObjectiveReport", 9)?;
        json.serialize_field("objective", self.objective.name())?;
        json.serialize_field("state", &self.state)?;
        json.serialize_field("target_share", &self.objective.share())?;
        match self.objective {
            Objective::Latency { within, .. } => json.serialize_field("target_ms", &millis(within))?,
            Objective::Success { .. } => json.skip_field("target_ms")?,
        }
        match self.measured {
            Some(Measured::Share(share)) => json.serialize_field("measured_share", &share)?,
            Some(Measured::Within(within)) => json.serialize_field("measured_ms", &millis(within))?,
            None => {}
        }
        json.serialize_field("calls", &self.calls)?;
        json.serialize_field("bad", &self.bad)?;
        json.serialize_field("budget_left", &self.budget_left)?;
        json.serialize_field("burn_rate", &self.burn_rate)?;
        json.end()
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
