//! Socket Mode in bad weather: connections that are cut, announced to end and replaced, acknowledgements that are lost, events that
//! are repeated, in an order that a seed decides. Every event is taken once.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core_common::{Environment, Random, RandomSource};
use circle_core_slack::{SlackDelivery, SlackEvent};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::slack_sockets::{Peer, Server, event, heard, hello, soon, text};

const EVENTS: usize = 120;
const SEEDS: Range<u64> = 1..5;

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>): all that happens in a storm is drawn from its seed; when, the sockets decide.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn moment(&mut self) -> Duration {
        Duration::from_micros(self.below(2000))
    }
}

/// No jitter: a connection that was lost is opened again at once.
struct Calm;

impl RandomSource for Calm {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// What Slack knows of its events: how often each was sent, and whether it was acknowledged.
#[derive(Default)]
struct Workspace {
    sent: Vec<u32>,
    acknowledged: BTreeSet<usize>,
    cuts: usize,
    lost: usize,
}

impl Workspace {
    /// An event that is new or was not acknowledged, at times in an envelope that was sent before.
    fn next(&mut self, dice: &mut Dice) -> Option<Value> {
        let open: Vec<usize> = (0..self.sent.len()).filter(|number| !self.acknowledged.contains(number)).collect();
        let number = if self.sent.len() < EVENTS && (open.is_empty() || dice.below(3) == 0) {
            self.sent.push(0);
            self.sent.len() - 1
        } else if open.is_empty() {
            return None;
        } else {
            open[dice.below(open.len() as u64) as usize]
        };
        let attempt = self.sent[number];
        self.sent[number] += 1;
        let envelope = if dice.below(4) == 0 { attempt.saturating_sub(1) } else { attempt };
        Some(event(&format!("{number}/{envelope}"), &format!("Ev{number}"), attempt))
    }

    fn acknowledge(&mut self, content: &[u8], dice: &mut Dice) {
        let said: Value = serde_json::from_slice(content).unwrap();
        let envelope = said["envelope_id"].as_str().unwrap();
        let number: usize = envelope.split('/').next().unwrap().parse().unwrap();
        if dice.below(4) == 0 {
            self.lost += 1;
        } else {
            self.acknowledged.insert(number);
        }
    }
}

/// One connection, until it is cut.
async fn connection(peer: Peer, workspace: Arc<Mutex<Workspace>>, mut dice: Dice) {
    let (mut read, mut write) = peer.0.into_split();
    let (give, mut frames) = mpsc::channel(8);
    let reader = tokio::spawn(async move {
        while let Ok(frame) = heard(&mut read).await {
            if give.send(frame).await.is_err() {
                return;
            }
        }
    });
    let mut greeted = write.write_all(&text(&hello())).await;
    while greeted.is_ok() {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some((0x1, content)) => workspace.lock().unwrap().acknowledge(&content, &mut dice),
                Some((0x9, content)) => greeted = write.write_all(&[&[0x8a, content.len() as u8], &*content].concat()).await,
                _ => break,
            },
            () = tokio::time::sleep(dice.moment()) => {
                let frame = match dice.below(100) {
                    0..4 => break,
                    4..7 => {
                        // Cut within a frame: the event in it was sent, and did not arrive.
                        let next = workspace.lock().unwrap().next(&mut dice);
                        let frame = next.map(|event| text(&event)).unwrap_or_default();
                        let _ = write.write_all(&frame[..frame.len() / 2]).await;
                        break;
                    }
                    7..9 => vec![0x88, 2, 0x03, 0xe8],
                    9..12 => text(&json!({"type": "disconnect", "reason": "warning", "debug_info": {}})),
                    12..15 => text(&json!({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})),
                    _ => workspace.lock().unwrap().next(&mut dice).map(|event| text(&event)).unwrap_or_default(),
                };
                greeted = write.write_all(&frame).await;
            }
        }
    }
    workspace.lock().unwrap().cuts += 1;
    reader.abort();
}

fn number(delivery: &SlackDelivery) -> usize {
    match delivery.event() {
        SlackEvent::Event { id, .. } => id.strip_prefix("Ev").unwrap().parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn storm(seed: u64) {
    let mut server = Server::start(None).await;
    let environment = Environment::builder().random(Random::from_source(Calm)).build();
    let mut events = server.events_in(environment);
    let workspace = Arc::new(Mutex::new(Workspace::default()));
    let known = Arc::clone(&workspace);
    let slack = tokio::spawn(async move {
        let mut seeds = Dice(seed);
        while let Some(peer) = server.sockets.recv().await {
            tokio::spawn(connection(peer, Arc::clone(&known), Dice(seeds.below(u64::MAX))));
        }
    });

    let mut dice = Dice(!seed);
    let (mut taken, mut held) = (BTreeSet::new(), Vec::<SlackDelivery>::new());
    while workspace.lock().unwrap().acknowledged.len() < EVENTS {
        // A call that is dropped loses nothing.
        if let Ok(next) = tokio::time::timeout(dice.moment(), events.next()).await {
            let delivery = next.unwrap().unwrap();
            let number = number(&delivery);
            assert!(!taken.contains(&number), "seed {seed}: {delivery:?} was taken before");
            assert!(!held.iter().any(|other| other.event() == delivery.event()), "seed {seed}: {delivery:?} is given twice");
            held.push(delivery);
        }
        if !held.is_empty() && dice.below(3) > 0 {
            let delivery = held.swap_remove(dice.below(held.len() as u64) as usize);
            if dice.below(4) > 0 {
                taken.insert(number(&delivery));
                delivery.acknowledge().await.unwrap();
            }
        }
    }
    assert_eq!(taken.len(), EVENTS, "seed {seed}: Slack was told of what was not taken");
    let Workspace { sent, cuts, lost, .. } = &*workspace.lock().unwrap();
    let repeated = sent.iter().filter(|sent| **sent > 1).count();
    assert!(
        *cuts > 5 && *lost > 5 && repeated > EVENTS / 4,
        "seed {seed}: no storm: {cuts} cuts, {lost} lost, {repeated} repeated"
    );
    slack.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_taken_once_in_any_weather() {
    for storm in SEEDS.map(|seed| tokio::spawn(storm(seed))).collect::<Vec<_>>() {
        soon(storm).await.unwrap();
    }
}
