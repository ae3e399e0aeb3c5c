//! The lock-free parts of the resilience, each in every order in which threads can run it: `cargo xtask loom`.
//!
//! The files are those of the common crate, built with the atomics of loom in place of the standard library's: no runtime, no
//! HTTP, and nothing of that which would have to be built with `--cfg loom` too.

#[cfg(loom)]
mod resilience;

#[cfg(loom)]
#[allow(clippy::print_stdout, reason = "a command-line tool speaks through its output")]
fn main() {
    for (name, model) in resilience::endpoint::models::MODELS {
        let mut orders = loom::model::Builder::new();
        // So often a thread is stopped that could have gone on: nearly all bugs show with two, and each more costs a multiple.
        orders.preemption_bound.get_or_insert(2);
        let began = std::time::Instant::now();
        orders.check(model);
        println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    }
}

#[cfg(not(loom))]
fn main() {}
