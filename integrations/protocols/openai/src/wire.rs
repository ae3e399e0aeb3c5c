//! What comes over the wire: tolerant readers that borrow from what they read.
//!
//! A whole answer and a chunk of a stream have one shape; only `message` and `delta` differ.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use circle_core_common::interfaces::chat_model::Usage;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An answer, or a piece of one.
#[derive(serde::Deserialize)]
pub(crate) struct Completion<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) model: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) choices: List<Choice<'a>>,
    #[serde(default)]
    pub(crate) usage: Option<WireUsage>,
    /// Where Groq told the usage of streams before it knew `stream_options`.
    #[serde(default)]
    pub(crate) x_groq: Option<GroqExtra>,
    #[serde(borrow, default)]
    pub(crate) service_tier: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) system_fingerprint: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
pub(crate) struct GroqExtra {
    #[serde(default)]
    pub(crate) usage: Option<WireUsage>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    pub(crate) index: Count,
    #[serde(borrow, default)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(crate) message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(crate) finish_reason: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Default, serde::Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, default)]
    pub(crate) content: Content<'a>,
    #[serde(borrow, default)]
    pub(crate) refusal: Text<'a>,
    /// DeepSeek, vLLM, llama.cpp.
    #[serde(borrow, default)]
    pub(crate) reasoning_content: Text<'a>,
    /// Groq, OpenRouter, Ollama, newer vLLM.
    #[serde(borrow, default)]
    pub(crate) reasoning: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) tool_calls: List<CallDelta<'a>>,
    #[serde(borrow, default)]
    pub(crate) annotations: List<Annotation<'a>>,
}

#[derive(serde::Deserialize)]
pub(crate) struct CallDelta<'a> {
    #[serde(default)]
    pub(crate) index: Count,
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) function: Option<Function<'a>>,
}

#[derive(Default, serde::Deserialize)]
pub(crate) struct Function<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    /// A text; from some servers an object.
    #[serde(borrow, default)]
    pub(crate) arguments: Option<&'a RawValue>,
}

impl<'a> Function<'a> {
    pub(crate) fn arguments(&self) -> Cow<'a, str> {
        let Some(raw) = self.arguments else { return Cow::Borrowed("") };
        let text = raw.get();
        if !text.starts_with('"') {
            return Cow::Borrowed(text);
        }
        // It was parsed once already.
        serde_json::from_str::<Text<'a>>(text).ok().and_then(|text| text.0).unwrap_or_default()
    }
}

#[derive(serde::Deserialize)]
pub(crate) struct Annotation<'a> {
    #[serde(borrow, default)]
    pub(crate) url_citation: Option<UrlCitation<'a>>,
}

#[derive(serde::Deserialize)]
pub(crate) struct UrlCitation<'a> {
    #[serde(borrow, default)]
    pub(crate) url: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) title: Text<'a>,
}

#[derive(Clone, Copy, serde::Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek.
    #[serde(default)]
    prompt_cache_hit_tokens: Count,
}

#[derive(Clone, Copy, serde::Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
}

#[derive(Clone, Copy, serde::Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}

impl WireUsage {
    /// `prompt_tokens` includes what was read from the cache, `completion_tokens` the reasoning.
    pub(crate) fn usage(&self) -> Usage {
        let details = self.prompt_tokens_details;
        let read = details.and_then(|details| details.cached_tokens.0).or(self.prompt_cache_hit_tokens.0);
        // Who tells what was read and not what was written does not bill writing.
        let written = details.and_then(|details| details.cache_write_tokens.0).or(read.map(|_| 0));
        let reasoning = self.completion_tokens_details.and_then(|details| details.reasoning_tokens.0);
        Usage::inclusive(self.prompt_tokens.0, read, written).output(self.completion_tokens.0).reasoning(reasoning)
    }

    pub(crate) fn prompt_tokens(&self) -> Option<u64> {
        self.prompt_tokens.0
    }
}

/// A text; null, a blank list and everything else that is none are no text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) fn filled(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    pub(crate) fn owned(&self) -> Option<String> {
        self.filled().map(str::to_owned)
    }
}

/// A count that is not negative; everything else is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count(pub(crate) Option<u64>);

/// A list, of which the first entry costs no allocation; null is an empty one.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub(crate) first: Option<T>,
    pub(crate) rest: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> List<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }
}

/// The content of a message: a text, or Mistral's list of texts and thoughts.
#[derive(Default)]
pub(crate) enum Content<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(serde::Deserialize)]
pub(crate) struct ContentPart<'a> {
    #[serde(borrow, default)]
    pub(crate) text: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) thinking: Content<'a>,
}

macro_rules! ignore {
    ($value:expr; $($method:ident($kind:ty)),* $(,)?) => {
        $(fn $method<E>(self, _: $kind) -> Result<Self::Value, E> {
            Ok($value)
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

fn drain<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Texts<'a> {
            type Value = Text<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'a>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'a>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'a>, E> {
                Ok(Text(Some(Cow::Owned(text))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text<'a>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text<'a>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Text<'a>, A::Error> {
                drain(list).map(|()| Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text<'a>, A::Error> {
                drain_map(map).map(|()| Text(None))
            }

            ignore!(Text(None); visit_bool(bool), visit_f64(f64));
        }
        deserializer.deserialize_any(Texts(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;
        impl<'de> Visitor<'de> for Counts {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
                Ok(Count(Some(number)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(number).ok()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Count, E> {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are looked at")]
                Ok(Count((0.0..9e15).contains(&number).then_some(number as u64)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Count, A::Error> {
                drain(list).map(|()| Count(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Count, A::Error> {
                drain_map(map).map(|()| Count(None))
            }

            ignore!(Count(None); visit_bool(bool), visit_str(&str));
        }
        deserializer.deserialize_any(Counts)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Lists<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut read = List { first: list.next_element()?, rest: Vec::new() };
                while let Some(next) = list.next_element()? {
                    read.rest.push(next);
                }
                Ok(read)
            }

            ignore!(List::default(););
        }
        deserializer.deserialize_any(Lists(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Contents<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Contents<'a> {
            type Value = Content<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'a>, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Content<'a>, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Content<'a>, E> {
                Ok(Content::Text(Cow::Owned(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content<'a>, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = list.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content<'a>, A::Error> {
                drain_map(map).map(|()| Content::None)
            }

            ignore!(Content::None; visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64));
        }
        deserializer.deserialize_any(Contents(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_another_type_is_as_if_it_were_not_there() {
        let json = r#"{"id":7,"model":null,"choices":null,"usage":{"prompt_tokens":-1,"completion_tokens":3.0,
            "prompt_tokens_details":{"cached_tokens":"x"}},"service_tier":["x"],"new":{"deep":[1]}}"#;
        let read: Completion<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((read.id.filled(), read.model.filled(), read.service_tier.filled()), (Some("7"), None, None));
        assert!(read.choices.first.is_none());
        assert_eq!(read.usage.unwrap().usage(), Usage::unknown().output(Some(3)));
    }

    #[test]
    fn usage_counts_the_cache_in() {
        let usage = |json: &str| serde_json::from_str::<WireUsage>(json).unwrap().usage();
        let told = usage(
            r#"{"prompt_tokens":12,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":4},
            "completion_tokens_details":{"reasoning_tokens":5}}"#,
        );
        assert_eq!(told, Usage::inclusive(Some(12), Some(4), Some(0)).output(Some(9)).reasoning(Some(5)));
        let deepseek = usage(r#"{"prompt_tokens":12,"completion_tokens":1,"prompt_cache_hit_tokens":12}"#);
        assert_eq!(deepseek.input_uncached(), Some(0));
        assert_eq!(usage(r#"{"prompt_tokens":12}"#).cache_read(), None);
    }

    #[test]
    fn arguments_are_a_text_or_an_object() {
        let read = |json: &str| serde_json::from_str::<Function<'_>>(json).unwrap().arguments().into_owned();
        assert_eq!(read(r#"{"arguments":"{\"a\":1}"}"#), r#"{"a":1}"#);
        assert_eq!(read(r#"{"arguments":{"a": 1}}"#), r#"{"a": 1}"#);
        assert_eq!((read(r#"{"arguments":null}"#), read("{}")), (String::new(), String::new()));
    }
}
