//! Markdown as far as the checks need it: links, places that links lead to, and fenced blocks, each with its line.

use std::collections::BTreeMap;

/// What a document holds.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) links: Vec<Link>,
    /// What `#…` of a link may name.
    pub(crate) anchors: Vec<String>,
    pub(crate) blocks: Vec<Block>,
    /// What stands in backticks within a line.
    pub(crate) code: Vec<(usize, String)>,
    /// What of it is called a feature.
    pub(crate) features: Vec<(usize, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) target: String,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of the fence that opens it.
    pub(crate) line: usize,
    /// The first word of what stands behind the fence: `rust,no_run`.
    pub(crate) info: String,
    pub(crate) text: String,
}

impl Block {
    pub(crate) fn is(&self, language: &str) -> bool {
        self.info.split(',').next() == Some(language)
    }

    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.info.split(',').skip(1).any(|other| other.trim() == attribute)
    }
}

pub(crate) fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut titles: BTreeMap<String, usize> = BTreeMap::new();
    let mut open: Option<(&str, Block)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let fence = fence(line);
        match (&mut open, fence) {
            // A fence ends with at least as many of its own characters and nothing behind them.
            (Some((mark, _)), Some((close, ""))) if close.starts_with(*mark) => {
                document.blocks.extend(open.take().map(|(_, block)| block));
            }
            (Some((_, block)), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some((mark, info))) => {
                let info = info.split_whitespace().next().unwrap_or_default().to_owned();
                open = Some((mark, Block { line: number, info, text: String::new() }));
            }
            (None, None) => {
                let (plain, code) = split_code(line);
                let features = code.iter().filter(|(before, _)| ["feature", "features"].contains(before));
                document.features.extend(features.map(|(_, code)| (number, (*code).to_owned())));
                document.code.extend(code.iter().map(|(_, code)| (number, (*code).to_owned())));
                document.links.extend(targets(&plain).map(|target| Link { line: number, target: target.to_owned() }));
                document.anchors.extend(named_places(&plain).map(str::to_owned));
                if let Some(title) = title(line) {
                    let slug = slug(title);
                    let seen = titles.entry(slug.clone()).or_default();
                    document.anchors.push(if *seen == 0 { slug } else { format!("{slug}-{seen}") });
                    *seen += 1;
                }
            }
        }
    }
    // One that nobody closes reaches to the end.
    document.blocks.extend(open.map(|(_, block)| block));
    document
}

/// The marks of a fence, and what stands behind them.
fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    ['`', '~'].iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(*mark).len();
        let (marks, info) = line.split_at(length);
        (length >= 3 && !info.contains('`')).then(|| (marks, info.trim()))
    })
}

/// A line with its code blanked, because what looks like a link in there is none; and the code, each with the word before it.
fn split_code(line: &str) -> (String, Vec<(&str, &str)>) {
    let (mut plain, mut code) = (String::with_capacity(line.len()), Vec::new());
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let marks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let (mark, behind) = (&rest[start..start + marks], &rest[start + marks..]);
        plain.push_str(&rest[..start]);
        match behind.find(mark) {
            Some(end) => {
                code.push((rest[..start].split_whitespace().last().unwrap_or_default(), &behind[..end]));
                plain.push(' ');
                rest = &behind[end + marks..];
            }
            None => {
                plain.push_str(mark);
                rest = behind;
            }
        }
    }
    (plain + rest, code)
}

/// Where links and images of a line lead, and what `[name]: target` names.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.match_indices("](").filter_map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        let end = rest.find(')')?;
        // A title may stand behind the target.
        rest[..end].split_whitespace().next().map(|target| target.trim_matches(['<', '>']))
    });
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| {
        let (_, target) = rest.split_once("]: ")?;
        target.split_whitespace().next()
    });
    inline.chain(definition)
}

/// The values of `id` and `name` of HTML anchors.
fn named_places(line: &str) -> impl Iterator<Item = &str> {
    ["<a id=\"", "<a name=\""]
        .into_iter()
        .flat_map(move |mark| line.match_indices(mark).filter_map(move |(at, _)| line[at + mark.len()..].split('"').next()))
}

fn title(line: &str) -> Option<&str> {
    let level = line.len() - line.trim_start_matches('#').len();
    let title = line[level..].strip_prefix([' ', '\t'])?;
    (1..=6).contains(&level).then(|| title.trim().trim_end_matches('#').trim_end())
}

/// What a heading is called in links, as GitHub makes it: small letters, digits, `_` and `-`, and `-` for a blank.
pub(crate) fn slug(title: &str) -> String {
    let mut shown = String::with_capacity(title.len());
    let mut rest = title;
    // Of a link its text counts.
    while let Some((before, behind)) = rest.split_once("](") {
        shown.push_str(before);
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    shown.push_str(rest);
    shown
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_every_form_are_found_and_code_is_none() {
        let text = "See [a](b.md) and ![c](d.png \"title\"), `[e](f.md)`, ``g ` [h](i.md)``.\n[j]: k.md\n\n```\n[l](m.md)\n```\n[n](<o.md>)";
        let links: Vec<_> = read(text).links.into_iter().map(|link| (link.line, link.target)).collect();
        let expected = [(1, "b.md"), (1, "d.png"), (2, "k.md"), (7, "o.md")];
        assert_eq!(links, expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn headings_are_called_as_github_calls_them() {
        let text = "# What happens when …\n## 7. The `suites` (of _x_)\n## Retry or not\n## Retry or not\n```\n# no heading\n```\n\
                    ## With [a link](x.md)\n<a id=\"here\"></a>\n#no heading\n";
        let anchors = ["what-happens-when-", "7-the-suites-of-_x_", "retry-or-not", "retry-or-not-1", "with-a-link", "here"];
        assert_eq!(read(text).anchors, anchors);
    }

    #[test]
    fn code_within_lines_is_kept_and_what_of_it_is_a_feature() {
        let document = read("Run `cargo test` with the feature `ai`, ``a ` b``.\n```\n`no`\n```\n");
        let code = ["cargo test", "ai", "a ` b"].map(|code| (1, code.to_owned()));
        assert_eq!((document.code.as_slice(), document.features), (&code[..], vec![(1, "ai".to_owned())]));
    }

    #[test]
    fn blocks_have_their_language_and_attributes() {
        let blocks = read("```rust,no_run\na\n```\n\n~~~~toml\n~~~\n~~~~\n```text more\n").blocks;
        assert_eq!(blocks[0], Block { line: 1, info: "rust,no_run".to_owned(), text: "a\n".to_owned() });
        assert!(blocks[0].is("rust") && blocks[0].has("no_run") && !blocks[0].has("ignore"));
        assert_eq!((blocks[1].info.as_str(), blocks[1].text.as_str()), ("toml", "~~~\n"));
        assert_eq!((blocks[2].info.as_str(), blocks.len()), ("text", 3));
    }
}
