//! Many runs at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use circle_core::ai::tools::{ToolLoop, tool};
use circle_core::prelude::*;
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Numbered, call};

const RUNS: usize = 10_000;

/// The most that one waiting run may hold, of which the model's call and the tools' are the most.
const BYTES: usize = 32 << 10;

/// What the process holds; nothing where the system does not say.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
}

#[tokio::test]
async fn ten_thousand_runs_wait_in_little_memory() {
    let (gate, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let at_gate = (Arc::clone(&gate), Arc::clone(&waiting));
    let wait = tool("wait", "Waits.", move |_: Numbered| {
        let (gate, waiting) = at_gate.clone();
        async move {
            waiting.fetch_add(1, Ordering::SeqCst);
            let permit = gate.acquire().await?;
            permit.forget();
            Ok("went through")
        }
    });
    // All runs call once, all of them wait there, and only then the model is asked again.
    let script = ScriptedModel::new();
    let script = (0..RUNS).fold(script, |script, _| script.reply(call("c", "wait", 1)));
    let assistant = ToolLoop::new(ChatModel::new(script.always(ScriptedReply::from("done"))), [wait]);
    let before = resident();
    let mut runs = JoinSet::new();
    for _ in 0..RUNS {
        let assistant = assistant.clone();
        runs.spawn(async move { assistant.run("go").await?.answer() });
    }
    while waiting.load(Ordering::SeqCst) < RUNS {
        tokio::task::yield_now().await;
    }
    if let (Some(before), Some(now)) = (before, resident()) {
        let each = now.saturating_sub(before) / RUNS;
        assert!(each < BYTES, "a waiting run holds {each} bytes");
    }
    gate.add_permits(RUNS);
    let mut answers = 0;
    while let Some(answer) = runs.join_next().await {
        assert_eq!(answer.unwrap().unwrap().text(), "done");
        answers += 1;
    }
    assert_eq!(answers, RUNS);
}
