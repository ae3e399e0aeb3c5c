//! Blocks, as Slack's reference shows them.

use super::*;

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn elements(block: &Block) -> Value {
    kit(std::slice::from_ref(block), &Mentioned::new()).remove(0)["elements"].clone()
}

#[test]
fn headings_are_headers_where_they_can_be() {
    let header = json!({ "type": "header", "text": { "type": "plain_text", "text": "Deploy *42*", "emoji": false } });
    assert_eq!(kit(&[Block::heading(1, "Deploy *42*")], &Mentioned::new()), [header]);
    let bold = json!([section(vec![json!({ "type": "text", "text": "a & b", "style": { "bold": true } })])]);
    assert_eq!(elements(&Block::heading(1, "a & b")), bold);
    assert_eq!(elements(&Block::heading(3, "Low"))[0]["elements"][0]["style"]["bold"], true);
    assert_eq!(elements(&Block::heading(1, "x".repeat(151)))[0]["type"], "rich_text_section");
}

#[test]
fn a_paragraph_keeps_its_styles() {
    let block = Block::paragraph([
        Inline::text("by "),
        Inline::Strong(vec![Inline::emphasis("both"), Inline::code("c")]),
        Inline::Break,
        Inline::Link { url: "https://a.example".into(), text: vec![Inline::strong("all"), "!".into()] },
        Inline::link("", "https://b.example"),
        Inline::user("U1"),
        Mention::Channel("C1".into()).into(),
        Mention::Channel("#unknown".into()).into(),
        Mention::Everyone.into(),
    ]);
    let mentioned = Mentioned::from([("C1".to_owned(), "C1".into())]);
    let kit = kit(&[block], &mentioned);
    assert_eq!(
        kit[0]["elements"][0]["elements"],
        json!([
            text("by "),
            { "type": "text", "text": "both", "style": { "bold": true, "italic": true } },
            { "type": "text", "text": "c", "style": { "bold": true, "code": true } },
            text("\n"),
            { "type": "link", "url": "https://a.example", "text": "all!" },
            { "type": "link", "url": "https://b.example" },
            { "type": "user", "user_id": "U1" },
            { "type": "channel", "channel_id": "C1" },
            text("#unknown"),
            { "type": "broadcast", "range": "channel" },
        ])
    );
}

#[test]
fn nested_lists_are_lists_further_in() {
    let block = Block::List {
        start: Some(3),
        items: vec![
            vec![Block::paragraph(["outer"]), Block::bullets(["inner"]), Block::paragraph(["after"])],
            vec![Block::paragraph(["next"]), Block::code("c")],
        ],
    };
    assert_eq!(
        elements(&block),
        json!([
            { "type": "rich_text_list", "style": "ordered", "offset": 2, "elements": [section(vec![text("outer")])] },
            { "type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [section(vec![text("inner")])] },
            section(vec![text("after")]),
            {
                "type": "rich_text_list", "style": "ordered", "offset": 3,
                "elements": [section(vec![text("next"), text("\n"), json!({ "type": "text", "text": "c", "style": { "code": true } })])],
            },
        ])
    );
}

#[test]
fn quotes_hold_lines_lists_and_code() {
    let block = Block::Quote(vec![
        Block::paragraph(["one"]),
        Block::paragraph(["two"]),
        Block::bullets(["item"]),
        Block::code("let a;\n"),
    ]);
    assert_eq!(
        elements(&block),
        json!([
            { "type": "rich_text_quote", "elements": [text("one"), text("\n"), text("two")] },
            { "type": "rich_text_list", "style": "bullet", "border": 1, "elements": [section(vec![text("item")])] },
            { "type": "rich_text_preformatted", "border": 1, "elements": [text("let a;")] },
        ])
    );
}

#[test]
fn nothing_is_empty_and_nothing_commands_a_terminal() {
    for block in [Block::Paragraph(vec![]), Block::Quote(vec![]), Block::code(""), Block::paragraph(["", "\u{1b}"])] {
        assert_eq!(elements(&block)[0]["elements"], json!([text(" ")]), "{block:?}");
    }
    assert_eq!(literal("a\u{1b}[2J*b*")["elements"][0]["elements"], json!([text("a[2J*b*")]));
}
