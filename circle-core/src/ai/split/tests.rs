use super::markdown::heading_of;
use super::pieces::lines;
use super::*;

fn split(max_bytes: usize, document: &str) -> Vec<(String, String)> {
    let chunks = MarkdownSplitter::new().max_bytes(max_bytes).split(document);
    for chunk in &chunks {
        assert_eq!(chunk.text, document[chunk.range.clone()]);
        assert!(chunk.text.len() <= max_bytes.max(4), "{chunk:?}");
    }
    chunks.into_iter().map(|chunk| (chunk.headings.join("/"), chunk.text)).collect()
}

fn pairs(chunks: &[(String, String)]) -> Vec<(&str, &str)> {
    chunks.iter().map(|(headings, text)| (headings.as_str(), text.as_str())).collect()
}

#[test]
fn pieces_stand_under_their_headings() {
    let document = "before\n# A\na\n### C ###\nc\n## B\nb\n# D\n\n## E\ne";
    let chunks = split(100, document);
    assert_eq!(pairs(&chunks), [("", "before"), ("A", "a"), ("A/C", "c"), ("A/B", "b"), ("D/E", "e")]);
}

#[test]
fn code_has_no_headings_and_no_paragraphs() {
    let code = "# A\n\n````sh\n# no heading\n\n```\n# nor this\n````\n\n#hashtag\n\n~~~\n## x\n";
    let chunks = split(1000, code);
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].0, "A");
    assert!(chunks[0].1.starts_with("````sh") && chunks[0].1.ends_with("## x"));
    let apart = split(45, code);
    assert_eq!(apart[0].1, "````sh\n# no heading\n\n```\n# nor this\n````");
}

#[test]
fn long_sections_are_cut_between_paragraphs_then_lines_then_words_then_characters() {
    let chunks = split(12, "# A\none two\n\nthree\n\nfour five six\nseven eight nine\n\nabcdefghijklmnop\n\nžžžžžžžž");
    let texts: Vec<&str> = chunks.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["one two", "three", "four five", "six", "seven eight", "nine", "abcdefghijkl", "mnop", "žžžžžž", "žž"]);
}

#[test]
fn nothing_is_lost() {
    let document = include_str!("../../../../README.md");
    for max_bytes in [4, 50, 500, 5000] {
        let chunks = MarkdownSplitter::new().max_bytes(max_bytes).split(document);
        let mut covered = vec![false; document.len()];
        for chunk in &chunks {
            assert!(chunk.range.clone().all(|at| !std::mem::replace(&mut covered[at], true)), "no byte twice");
        }
        let missed: String = lines(document)
            .filter(|line| heading_of(&document[line.clone()]).is_none() || document[..line.start].ends_with("toml\n"))
            .flat_map(|line| line.filter(|at| !covered[*at]))
            .map(|at| document.as_bytes()[at] as char)
            .collect();
        assert!(missed.trim().is_empty(), "{missed:?}");
    }
}

#[test]
fn a_place_is_source_and_headings() {
    let chunks = MarkdownSplitter::new().split("x\n# A\n## B\nb");
    assert_eq!((chunks[1].heading(), chunks[1].place("a.md").as_str()), (Some("B"), "a.md > A > B"));
    assert_eq!((chunks[0].heading(), chunks[0].place("a.md").as_str()), (None, "a.md"));
}

#[test]
fn plain_text_has_no_headings_and_nothing_of_it_is_lost() {
    let text = "# a comment\nfirst line\n\n```\nsecond\n\nthird paragraph";
    let chunks = TextSplitter::new().split(text);
    assert_eq!(chunks, [Chunk::of(text, 0..text.len())]);
    let chunks = TextSplitter::new().max_bytes(24).split(text);
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(texts, ["# a comment\nfirst line", "```\nsecond", "third paragraph"]);
    assert!(TextSplitter::new().split(" \n\n").is_empty());
}

#[test]
fn a_name_says_how_a_document_is_split_and_settings_say_when_it_would_be_otherwise() {
    let splitter = SplitterByName::new();
    for (name, heading) in [("a.md", true), ("a.MARKDOWN", true), ("a.md.txt", false), ("md", false), ("LICENSE", false)] {
        assert_eq!(splitter.split(name, "# A\nb")[0].heading().is_some(), heading, "{name}");
    }
    assert_eq!(splitter.settings(), SplitterByName::new().settings());
    assert_ne!(splitter.settings(), SplitterByName::new().max_bytes(600).settings());
}
