//! What a value of a rule must be like.

/// `*` stands for any text, `/` included.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Exact(String),
    /// What is before the only `*`, at the end: the usual pattern, and the cheaper one.
    Prefix(String),
    Glob(String),
}

impl From<String> for Pattern {
    fn from(mut text: String) -> Self {
        match text.find('*') {
            None => Self::Exact(text),
            Some(at) if at + 1 == text.len() => {
                text.truncate(at);
                Self::Prefix(text)
            }
            Some(_) => Self::Glob(text),
        }
    }
}

impl Pattern {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Exact(text) => text == value,
            Self::Prefix(text) => value.starts_with(text.as_str()),
            Self::Glob(pattern) => glob(pattern.as_bytes(), value.as_bytes()),
        }
    }
}

/// Patterns of which a value must fit one; with none of them anything fits, and no value too.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns(Vec<Pattern>);

impl Patterns {
    pub(super) const NONE: Self = Self(Vec::new());

    pub(super) fn add(&mut self, pattern: impl Into<String>) {
        self.0.push(pattern.into().into());
    }

    pub(super) fn fit(&self, value: Option<&str>) -> bool {
        self.0.is_empty() || value.is_some_and(|value| self.0.iter().any(|pattern| pattern.fits(value)))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text. Linear in `text` for each `*`, without recursion.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            last_star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = last_star {
            // The star takes one byte more.
            last_star = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*.md", "x.md", true),
            ("*.md", "x.md5", false),
            ("a*b*c", "a__b__bc", true),
            ("a*b*c", "a__b__", false),
            ("a", "", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
            assert_eq!(Pattern::from(pattern.to_owned()).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_fits_anything_and_a_star_only_what_is_there() {
        let mut some = Patterns::NONE;
        assert!(some.fit(None) && some.fit(Some("a")));
        some.add("*");
        assert!(!some.fit(None) && some.fit(Some("")));
        some.add("b");
        assert!(some.fit(Some("a")));
    }
}
