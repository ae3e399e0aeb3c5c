//! Embeddings: one contiguous block out of what comes over the wire.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::interfaces::embedding_model::{EmbedInput, EmbedUsage, Embedded, Embeddings};
use circle_core_common::{Error, ErrorKind, Result, Sent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{Count, Text, WireUsage};

/// The body of a request.
#[derive(Serialize)]
pub(crate) struct EmbeddingsRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) input: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding_format: Option<&'static str>,
}

/// The texts of inputs.
pub(crate) fn texts(inputs: &[EmbedInput]) -> Result<Vec<&str>> {
    let image = || Error::new(ErrorKind::Unsupported, "the service embeds texts, and no images");
    inputs.iter().map(|input| input.as_text().ok_or_else(image)).collect()
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Row<'a>>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(default)]
    index: Count,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

/// Reads an answer into one block, in the order of the inputs, from Base64 or from decimal numbers.
pub(crate) fn read(body: &[u8], model: &str) -> Result<Embedded> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| {
        undecodable(format_args!("the answer holds no list of embeddings (line {}, column {})", error.line(), error.column()))
    })?;
    let rows = in_order(answer.data)?;
    let (mut block, mut width, mut bytes) = (Vec::new(), 0, Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let start = block.len();
        numbers(row.get(), &mut block, &mut bytes).map_err(|()| undecodable(format_args!("embedding {at} cannot be read")))?;
        let found = block.len() - start;
        if at == 0 {
            width = found;
            block.reserve_exact(width.saturating_mul(rows.len() - 1));
        }
        if found != width || found == 0 {
            return Err(undecodable(format_args!("embedding {at} has {found} numbers where the first has {width}")));
        }
    }
    let embeddings =
        Embeddings::new(block, u32::try_from(width).unwrap_or(u32::MAX)).map_err(|error| error.with_sent(Sent::Yes))?;
    let model: Arc<str> = answer.model.filled().unwrap_or(model).into();
    let tokens = answer.usage.and_then(|usage| usage.prompt_tokens());
    Ok(Embedded::new(embeddings, model).usage(tokens.map_or_else(EmbedUsage::default, EmbedUsage::tokens)))
}

/// The rows by their index; those that tell none are in order already.
fn in_order(rows: Vec<Row<'_>>) -> Result<Vec<&RawValue>> {
    let count = rows.len();
    let mut ordered = vec![None; count];
    for (at, row) in rows.into_iter().enumerate() {
        let index = row.index.0.map_or(Some(at), |index| usize::try_from(index).ok());
        match index.and_then(|index| ordered.get_mut(index)) {
            Some(place) if place.is_none() => *place = Some(row.embedding),
            _ => return Err(undecodable(format_args!("the index of embedding {at} is taken, or beyond the last"))),
        }
    }
    Ok(ordered.into_iter().flatten().collect())
}

fn numbers(raw: &str, block: &mut Vec<f32>, bytes: &mut Vec<u8>) -> std::result::Result<(), ()> {
    if !raw.starts_with('"') {
        let row: Vec<f32> = serde_json::from_str(raw).map_err(drop)?;
        block.extend_from_slice(&row);
        return Ok(());
    }
    // Some encoders escape the slashes of Base64.
    let text: Text<'_> = serde_json::from_str(raw).map_err(drop)?;
    bytes.clear();
    STANDARD.decode_vec(text.filled().unwrap_or_default(), bytes).map_err(drop)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    block.extend(numbers.iter().map(|number| f32::from_le_bytes(*number)));
    if rest.is_empty() { Ok(()) } else { Err(()) }
}

fn undecodable(what: std::fmt::Arguments<'_>) -> Error {
    Error::new(ErrorKind::Decode, what.to_string()).with_sent(Sent::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: &str, numbers: &[f32]) -> String {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        format!(r#"{{"object":"embedding",{index}"embedding":"{}"}}"#, STANDARD.encode(bytes).replace('/', "\\/"))
    }

    fn answer(rows: &[String]) -> String {
        format!(r#"{{"object":"list","data":[{}],"model":"m","usage":{{"prompt_tokens":5,"total_tokens":5}}}}"#, rows.join(","))
    }

    #[test]
    fn base64_and_decimal_numbers_are_one_block_in_order() {
        let rows = [row("\"index\":1,", &[0.5, -1.25]), r#"{"index":0,"embedding":[1, 2.5]}"#.to_owned()];
        let read = read(answer(&rows).as_bytes(), "asked").unwrap();
        assert_eq!(&**read.embeddings.block(), [1.0, 2.5, 0.5, -1.25]);
        assert_eq!((read.embeddings.dimensions(), read.usage, &*read.model), (2, EmbedUsage::tokens(5), "m"));
    }

    #[test]
    fn rows_without_an_index_are_in_order() {
        let rows = [row("", &[1.0]), row("", &[2.0])];
        assert_eq!(&**read(answer(&rows).as_bytes(), "m").unwrap().embeddings.block(), [1.0, 2.0]);
    }

    #[test]
    fn what_is_no_list_of_rows_of_one_width_is_undecodable() {
        for rows in [
            vec![row("", &[1.0]), row("", &[1.0, 2.0])],
            vec![row("\"index\":0,", &[1.0]), row("\"index\":0,", &[1.0])],
            vec![row("\"index\":7,", &[1.0])],
            vec![row("", &[])],
            vec![row("", &[f32::NAN])],
            vec![r#"{"embedding":"AAA="}"#.to_owned()],
            vec![r#"{"embedding":"?"}"#.to_owned()],
            vec![r#"{"embedding":null}"#.to_owned()],
        ] {
            let error = read(answer(&rows).as_bytes(), "m").unwrap_err();
            assert!(error.is(ErrorKind::Decode), "{rows:?}: {error}");
        }
        assert!(read(b"{}", "m").unwrap_err().is(ErrorKind::Decode));
    }
}
