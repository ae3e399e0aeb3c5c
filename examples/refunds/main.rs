//! Asks for a refund, and lets a person decide about it in another process; the run between them is a file.
//!
//! ```console
//! $ cargo run -p circle-core-examples --example refunds -- ask t1 "Order 7 came broken."
//! waits for a person: refund {"number":7}
//! $ cargo run -p circle-core-examples --example refunds -- approve t1
//! I have looked after order 7.
//! ```

use std::io::{self, Write as _};

use circle_core::Environment;
use circle_core::ai::tools::Decision;
use circle_core::filesystem::{Filesystem, FilesystemConfig};
use circle_core::prelude::*;
use circle_core_examples::refunds::{ask, decide};

const HELP: &str = "usage: refunds ask TICKET QUESTION | approve TICKET | deny TICKET REASON";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let store = ObjectStore::new(Filesystem::new(FilesystemConfig::new(".circle/refunds"), &Environment::default())?);
    let said = match arguments[..] {
        ["ask", ticket, question] => ask(store, ticket, question).await?,
        ["approve", ticket] => decide(store, ticket, Decision::Approve).await?,
        ["deny", ticket, reason] => decide(store, ticket, Decision::deny(reason)).await?,
        _ => HELP.to_owned(),
    };
    writeln!(io::stdout(), "{said}")?;
    Ok(())
}
