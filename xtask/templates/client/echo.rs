//! What stands in for the service: a model that says what it was told.

use super::WORDS_MAX;
use crate::{config::{{Provider}}Config, error::{{Provider}}Error};

#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) model: String,
}

/// What the service answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Echoed {
    pub(crate) text: String,
    pub(crate) words_in: u64,
    pub(crate) words_out: u64,
    /// Whether there was more to say than allowed.
    pub(crate) cut: bool,
}

impl Echo {
    pub(crate) fn new(config: &{{Provider}}Config) -> Self {
        Self { model: config.model.clone() }
    }

    pub(crate) fn answer(&self, told: &str, words_max: Option<u32>) -> Result<Echoed, {{Provider}}Error> {
        let words = told.split_whitespace().count();
        if words > WORDS_MAX as usize {
            return Err({{Provider}}Error::TooLong { words });
        }
        let answer = format!("You said: {told}");
        let said: Vec<&str> = answer.split_whitespace().collect();
        let allowed = words_max.map_or(said.len(), |most| said.len().min(most as usize));
        let cut = allowed < said.len();
        let text = if cut { said[..allowed].join(" ") } else { answer.clone() };
        Ok(Echoed { text, words_in: words as u64, words_out: allowed as u64, cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_as_much_as_it_may_of_what_it_was_told() {
        let echo = Echo::new(&{{Provider}}Config::new());
        let answer = |most| echo.answer("one two", most).map(|echoed| (echoed.text, echoed.words_out, echoed.cut));
        assert_eq!(answer(None), Ok(("You said: one two".to_owned(), 4, false)));
        assert_eq!(answer(Some(4)), answer(None));
        assert_eq!(answer(Some(3)), Ok(("You said: one".to_owned(), 3, true)));
        let words = WORDS_MAX as usize + 1;
        assert_eq!(echo.answer(&"a ".repeat(words), None), Err({{Provider}}Error::TooLong { words }));
    }
}
