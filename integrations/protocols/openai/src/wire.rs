//! What comes over the wire: tolerant readers that borrow from what they read.
//!
//! A whole answer and a chunk of a stream have one shape; only `message` and `delta` differ.

mod usage;
mod words;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use usage::{GroqExtra, ResponseUsage, WireUsage};
pub(crate) use words::{Words, unescaped};

/// An answer, or a piece of one. What few pieces have is in a box: a piece is moved several times while it is read.
#[derive(Default, serde::Deserialize)]
pub(crate) struct Completion<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) model: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) choices: List<Choice<'a>>,
    #[serde(default)]
    pub(crate) usage: Object<Box<WireUsage>>,
    /// Where Groq told the usage of streams before it knew `stream_options`.
    #[serde(default)]
    pub(crate) x_groq: Object<Box<GroqExtra>>,
    #[serde(borrow, default)]
    pub(crate) service_tier: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) system_fingerprint: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    pub(crate) index: Count,
    #[serde(borrow, default)]
    pub(crate) delta: Object<Delta<'a>>,
    #[serde(borrow, default)]
    pub(crate) message: Object<Box<Delta<'a>>>,
    #[serde(borrow, default)]
    pub(crate) finish_reason: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

impl<'a> Completion<'a> {
    /// The text between its quotes, escapes and all, of a chunk that says one text and nothing else.
    pub(crate) fn only_text(&self) -> Option<&'a str> {
        let choice = self.choices.first.as_ref().filter(|choice| choice.finish_reason.filled().is_none())?;
        let delta = choice.said()?;
        let call = delta.tool_calls.first.as_ref();
        // An id may move what the calls' numbers stand for, and so may a name.
        let named = |call: &CallDelta<'_>| call.function.0.as_ref().is_some_and(|function| function.name.filled().is_some());
        if !delta.tool_calls.rest.is_empty() || call.is_some_and(|call| call.id.filled().is_some() || named(call)) {
            return None;
        }
        let arguments = call.and_then(|call| call.function.0.as_ref()).map(|function| function.arguments).unwrap_or_default();
        let all = [delta.content, delta.reasoning_content, delta.reasoning, delta.refusal, arguments];
        let mut texts = all.into_iter().filter(|words| words.says_something());
        texts.next().filter(|_| texts.next().is_none())?.literal()
    }
}

impl<'a> Choice<'a> {
    /// What a chunk says: `message` where a server sends the end of a stream as a whole answer.
    pub(crate) fn said(&self) -> Option<&Delta<'a>> {
        self.delta.0.as_ref().or(self.message.0.as_deref())
    }
}

#[derive(Default, serde::Deserialize)]
pub(crate) struct Delta<'a> {
    /// A text, or Mistral's list of texts and thoughts.
    #[serde(borrow, default)]
    pub(crate) content: Words<'a>,
    #[serde(borrow, default)]
    pub(crate) refusal: Words<'a>,
    /// DeepSeek, vLLM, llama.cpp.
    #[serde(borrow, default)]
    pub(crate) reasoning_content: Words<'a>,
    /// Groq, OpenRouter, Ollama, newer vLLM.
    #[serde(borrow, default)]
    pub(crate) reasoning: Words<'a>,
    #[serde(borrow, default)]
    pub(crate) tool_calls: List<CallDelta<'a>>,
    #[serde(borrow, default)]
    pub(crate) annotations: List<Box<Annotation<'a>>>,
}

#[derive(serde::Deserialize)]
pub(crate) struct CallDelta<'a> {
    #[serde(default)]
    pub(crate) index: Count,
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) function: Object<Function<'a>>,
}

impl CallDelta<'_> {
    /// Whether it belongs to a call of another type: one that was not asked for, or that a newer server knows.
    pub(crate) fn is_foreign(&self) -> bool {
        let other = self.kind.filled().is_some_and(|kind| kind != "function");
        self.function.0.is_none() && (other || self.kind.filled().is_none() && self.id.filled().is_none())
    }
}

#[derive(Default, serde::Deserialize)]
pub(crate) struct Function<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    /// A text; from some servers an object.
    #[serde(borrow, default)]
    pub(crate) arguments: Words<'a>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Annotation<'a> {
    #[serde(borrow, default)]
    pub(crate) url_citation: Object<UrlCitation<'a>>,
}

#[derive(serde::Deserialize)]
pub(crate) struct UrlCitation<'a> {
    #[serde(borrow, default)]
    pub(crate) url: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) title: Text<'a>,
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

/// An object; null and everything else that is none is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// The objects of a list, of which the first costs no allocation; null is an empty one.
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

/// A piece of Mistral's content.
#[derive(serde::Deserialize)]
pub(crate) struct ContentPart<'a> {
    #[serde(borrow, default)]
    pub(crate) text: Words<'a>,
    #[serde(borrow, default)]
    pub(crate) thinking: Words<'a>,
}

/// The pieces of a content that is a list.
pub(crate) fn content_parts(content: Words<'_>) -> List<ContentPart<'_>> {
    content.list().and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
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
                let mut read = List::default();
                while let Some(Object(next)) = list.next_element()? {
                    match read.first {
                        None => read.first = next,
                        Some(_) => read.rest.extend(next),
                    }
                }
                Ok(read)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
                drain_map(map).map(|()| List::default())
            }

            ignore!(List::default(); visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_str(&str));
        }
        deserializer.deserialize_any(Lists(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Objects<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Objects<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|read| Object(Some(read)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Object<T>, A::Error> {
                drain(list).map(|()| Object(None))
            }

            ignore!(Object(None); visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_str(&str));
        }
        deserializer.deserialize_any(Objects(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::interfaces::chat_model::Usage;

    use super::*;

    #[test]
    fn what_is_of_another_type_is_as_if_it_were_not_there() {
        let json = r#"{"id":7,"model":null,"choices":null,"usage":{"prompt_tokens":-1,"completion_tokens":3.0,
            "prompt_tokens_details":{"cached_tokens":"x"}},"service_tier":["x"],"new":{"deep":[1]}}"#;
        let read: Completion<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((read.id.filled(), read.model.filled(), read.service_tier.filled()), (Some("7"), None, None));
        assert!(read.choices.first.is_none());
        assert_eq!(read.usage.0.unwrap().usage(), Usage::unknown().output(Some(3)));
        let json = r#"{"choices":[null,7,"x",[1],{"delta":"x","message":[],"finish_reason":{}},{}],"usage":[],"x_groq":true,"error":null}"#;
        let read: Completion<'_> = serde_json::from_str(json).unwrap();
        assert!(read.usage.0.is_none() && read.x_groq.0.is_none() && read.error.is_none());
        assert!(read.choices.first.is_some_and(|choice| choice.delta.0.is_none() && choice.message.0.is_none()));
        assert_eq!(read.choices.rest.len(), 1);
    }
}
