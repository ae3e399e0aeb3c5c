//! Which events the application has, so that none is given twice and none is lost.

use std::collections::{HashMap, VecDeque};

/// How many events that were taken are remembered. Slack repeats one for about five minutes, or for a day with its delayed events, and
/// gives an app at most 30,000 per workspace and hour (<https://docs.slack.dev/apis/events-api#responding>).
const REMEMBERED: usize = 10_000;

/// The events of one stream.
#[derive(Default)]
pub(super) struct Seen {
    events: HashMap<String, State>,
    /// Those that were taken, the oldest first.
    taken: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The application has it and has not said what becomes of it.
    Given,
    Taken,
}

/// What is to be done with an event that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Give,
    /// The application has taken it: Slack has missed the acknowledgement.
    Acknowledge,
    /// The application has it: where it does not take it, Slack sends it again.
    Pass,
}

impl Seen {
    pub(super) fn arrived(&mut self, id: &str) -> Verdict {
        match self.events.get(id) {
            Some(State::Taken) => Verdict::Acknowledge,
            Some(State::Given) => Verdict::Pass,
            None => {
                self.events.insert(id.to_owned(), State::Given);
                Verdict::Give
            }
        }
    }

    pub(super) fn taken(&mut self, id: &str) {
        if self.events.insert(id.to_owned(), State::Taken) == Some(State::Taken) {
            return;
        }
        self.taken.push_back(id.to_owned());
        if self.taken.len() > REMEMBERED {
            self.taken.pop_front().map(|oldest| self.events.remove(&oldest));
        }
    }

    /// The application gave it up: the next time, it is new.
    pub(super) fn given_up(&mut self, id: &str) {
        if self.events.get(id) == Some(&State::Given) {
            self.events.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_given_until_it_is_taken() {
        let mut seen = Seen::default();
        assert_eq!(seen.arrived("a"), Verdict::Give);
        assert_eq!(seen.arrived("a"), Verdict::Pass);
        seen.given_up("a");
        assert_eq!(seen.arrived("a"), Verdict::Give);
        seen.taken("a");
        seen.given_up("a");
        assert_eq!(seen.arrived("a"), Verdict::Acknowledge);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..REMEMBERED + 5 {
            let id = number.to_string();
            assert_eq!(seen.arrived(&id), Verdict::Give);
            seen.taken(&id);
            seen.taken(&id);
        }
        assert_eq!((seen.events.len(), seen.taken.len()), (REMEMBERED, REMEMBERED));
        assert_eq!(seen.arrived("4"), Verdict::Give);
        assert_eq!(seen.arrived("5"), Verdict::Acknowledge);
    }
}
