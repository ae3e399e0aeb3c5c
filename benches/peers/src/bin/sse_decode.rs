//! Streaming answers of a chat model: from the bytes of their events to the events of an application.
//!
//! Run it pinned to one core: `taskset -c 1 cargo run --release --features models --bin sse_decode`.
//!
//! The streams have the shape in which OpenAI's API sends them, 20,000 events each. From memory come Circle Core (the whole
//! call: handle, policies, classification, event stream, decoder, the events and the answer that is put together of them),
//! what most clients are built on (eventsource-stream with structs that own their fields, nothing around it), and
//! async-openai, whose client can be answered through a service of one's own. genai has no such seam, so that all are
//! compared again over the loopback interface, where server and client share the core. async-openai knows no reasoning: it
//! passes over those events. genai is told to put tool calls together, which the others do, and nothing else.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_benches::chat_streams::{Recorded, ask, canned, model};
use circle_core_common::Environment;
use circle_core_peers::event_streams::{ask_async_openai, ask_genai, async_openai, async_openai_canned, genai, owned, serve};
use circle_core_peers::{Contest, Contestant};
use tokio::runtime::Runtime;

const EVENTS: usize = 20_000;
const ARGUMENT: usize = 64 << 10;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let streams = [
        ("text", Recorded::text(EVENTS)),
        ("text, every event padded", Recorded::padded(EVENTS)),
        ("reasoning", Recorded::reasoning(EVENTS)),
        ("four tool calls at once", Recorded::tools(EVENTS)),
        ("a tool argument of 64 KiB, 4 bytes at a time", Recorded::long_argument(ARGUMENT)),
    ];
    let only = std::env::args().nth(1);
    for (name, recorded) in streams.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| name.contains(only))) {
        for (size, read) in [(256, "256 B"), (1400, "1400 B"), (16 << 10, "16 KiB")] {
            from_memory(&runtime, &format!("{name}, reads of {read}"), recorded, &recorded.reads(size));
        }
    }
    for (name, recorded) in streams.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| name.contains(only))) {
        over_loopback(&runtime, &format!("{name}, over the loopback interface"), recorded);
    }
}

fn from_memory(runtime: &Runtime, title: &str, recorded: &Recorded, reads: &Arc<[Bytes]>) {
    let (model, peer) = (canned(reads), async_openai_canned(reads));
    let contestants = vec![
        Contestant::each("eventsource-stream 0.2.3, owned structs", || {
            assert_eq!(black_box(runtime.block_on(owned(reads))), recorded.said);
        }),
        Contestant::each("Circle Core", || {
            assert_eq!(black_box(runtime.block_on(ask(&model)).expect("an answer")), recorded.said);
        }),
        Contestant::each("async-openai 0.43", || {
            assert!(black_box(runtime.block_on(ask_async_openai(&peer))).pieces <= recorded.said.pieces);
        }),
    ];
    Contest { title, rounds: 21, calls: 1 }.run_events(recorded.events, contestants);
}

fn over_loopback(runtime: &Runtime, title: &str, recorded: &Recorded) {
    let endpoint = format!("http://{}", serve(recorded.reads(1400)));
    let model = model(Environment::default(), &endpoint);
    let (async_openai, genai) = (async_openai(&endpoint), genai(&endpoint));
    let contestants = vec![
        Contestant::each("async-openai 0.43", || {
            assert!(black_box(runtime.block_on(ask_async_openai(&async_openai))).pieces <= recorded.said.pieces);
        }),
        Contestant::each("Circle Core", || {
            assert_eq!(black_box(runtime.block_on(ask(&model)).expect("an answer")), recorded.said);
        }),
        Contestant::each("genai 0.7", || {
            assert_eq!(black_box(runtime.block_on(ask_genai(&genai))), recorded.said.pieces);
        }),
    ];
    Contest { title, rounds: 11, calls: 1 }.run_events(recorded.events, contestants);
}
