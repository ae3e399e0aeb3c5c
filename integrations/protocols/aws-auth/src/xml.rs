//! XML in the small, for the protocols of AWS: a tolerant pull reader, and text for the few documents that are sent.

use std::ops::Deref;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Why a document cannot be read. It quotes nothing of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// It is not well-formed, from this byte on.
    #[error("it is not well-formed XML at byte {0}")]
    Malformed(u64),
    /// It ends in the middle.
    #[error("it ends in the middle")]
    Truncated,
    /// An element is missing, or its text is not what it must be.
    #[error("`{0}` is missing or has no such value")]
    Field(&'static str),
}

type Result<T> = std::result::Result<T, XmlError>;

/// The name of an element, without a namespace's prefix.
pub struct Name<'a>(BytesStart<'a>);

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.local_name().into_inner()
    }
}

/// Reads a document from outside in: whoever is told of an element reads its text, its children, or skips it.
pub struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    /// An element that ended as it began, `<a/>`.
    empty: bool,
}

impl<'a> Xml<'a> {
    /// The document and the name of its root, within which it stands then.
    pub fn open(document: &'a [u8]) -> Result<(Self, Name<'a>)> {
        let text = std::str::from_utf8(document).map_err(|error| XmlError::Malformed(error.valid_up_to() as u64))?;
        let mut xml = Self { reader: Reader::from_str(text), empty: false };
        match xml.child()? {
            Some(root) => Ok((xml, root)),
            None => Err(XmlError::Truncated),
        }
    }

    /// The name of the next child of the element it stands in, within which it stands then; `None` at the element's end.
    pub fn child(&mut self) -> Result<Option<Name<'a>>> {
        if std::mem::take(&mut self.empty) {
            return Ok(None);
        }
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Some(Name(start))),
                Event::Empty(start) => {
                    self.empty = true;
                    return Ok(Some(Name(start)));
                }
                Event::End(_) => return Ok(None),
                Event::Eof => return Err(XmlError::Truncated),
                _ => {}
            }
        }
    }

    /// The text of the element it stands in, to its end; that of its children is not part of it.
    pub fn text(&mut self) -> Result<String> {
        let mut text = String::new();
        if std::mem::take(&mut self.empty) {
            return Ok(text);
        }
        let mut depth = 0_u32;
        loop {
            let at = self.reader.buffer_position();
            match self.event()? {
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => return Ok(text),
                Event::End(_) => depth -= 1,
                Event::Text(part) if depth == 0 => text.push_str(&part.xml10_content()),
                Event::CData(part) if depth == 0 => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) if depth == 0 => {
                    let character = match reference.resolve_char_ref() {
                        Ok(Some(character)) => Some(character),
                        _ => named(&reference.into_inner()),
                    };
                    text.push(character.ok_or(XmlError::Malformed(at))?);
                }
                Event::Eof => return Err(XmlError::Truncated),
                _ => {}
            }
        }
    }

    /// The text, read as a value.
    pub fn parse<T: std::str::FromStr>(&mut self, field: &'static str) -> Result<T> {
        self.text()?.trim().parse().map_err(|_| XmlError::Field(field))
    }

    /// Leaves the element it stands in.
    pub fn skip(&mut self) -> Result<()> {
        self.text().map(drop)
    }

    fn event(&mut self) -> Result<Event<'a>> {
        let at = self.reader.buffer_position();
        self.reader.read_event().map_err(|_| XmlError::Malformed(at))
    }
}

fn named(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// Whether XML 1.0 can carry the text at all: most control characters have no form in it, not even as a reference.
pub fn carries(text: &str) -> bool {
    !text.contains(|c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// Appends an element with this text. White space is written as references, which no reader normalises.
pub fn push_element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_reads_from_outside_in() {
        let document = br#"<?xml version="1.0" encoding="UTF-8"?>
            <!-- a comment -->
            <s3:R xmlns:s3="http://example.org/"><Empty/><A at="1">x &amp; <![CDATA[<y>]]>&#10;</A><B><C>1</C><C>2</C></B></s3:R>"#;
        let (mut xml, root) = Xml::open(document).unwrap();
        assert_eq!(&*root, "R");
        assert_eq!(xml.child().unwrap().as_deref(), Some("Empty"));
        assert_eq!(xml.text().unwrap(), "");
        assert_eq!(xml.child().unwrap().as_deref(), Some("A"));
        assert_eq!(xml.text().unwrap(), "x & <y>\n");
        assert_eq!(xml.child().unwrap().as_deref(), Some("B"));
        let mut numbers = Vec::new();
        while xml.child().unwrap().is_some() {
            numbers.push(xml.parse::<u32>("C").unwrap());
        }
        assert_eq!(numbers, [1, 2]);
        assert!(xml.child().unwrap().is_none());
    }

    #[test]
    fn what_is_cut_or_no_xml_is_told() {
        let (mut xml, _) = Xml::open(b"<R><A>x</A>").unwrap();
        assert!(xml.child().unwrap().is_some());
        xml.skip().unwrap();
        assert_eq!(xml.child().err(), Some(XmlError::Truncated));
        let (mut xml, _) = Xml::open(b"<R><A>x</B></R>").unwrap();
        xml.child().unwrap();
        assert!(matches!(xml.skip(), Err(XmlError::Malformed(_))));
        assert!(Xml::open(b"").is_err() && Xml::open(b"not XML").is_err() && Xml::open(b"{\"a\":1}").is_err());
    }

    proptest! {
        #[test]
        fn text_comes_back(text in any::<String>().prop_filter("XML can carry it", |text| carries(text))) {
            let mut document = String::from("<R>");
            push_element(&mut document, "Key", &text);
            document.push_str("</R>");
            let (mut xml, _) = Xml::open(document.as_bytes()).unwrap();
            xml.child().unwrap();
            prop_assert_eq!(xml.text().unwrap(), text);
        }
    }
}
