//! Messages and notifications on the terminal, or captured in memory: the default of development, and the fake of tests.
//!
//! ```
//! use circle_core_common::interfaces::messenger::Messenger;
//! use circle_core_common::interfaces::notifier::{Notification, Notifier, Severity};
//! use circle_core_console::Console;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let console = Console::captured(); // `Console::new()` writes to standard output
//! let team = Messenger::new(console.clone());
//! let sent = team.send("#finance", "Q3 is out").await?;
//! team.reply(&sent, "Details follow\ntomorrow").await?;
//! let notifier = Notifier::new(console.clone());
//! notifier.notify(Notification::new("Disk 95 %").severity(Severity::Critical).to(["ana"])).await?.all()?;
//!
//! assert_eq!(console.messages()[0].text, "Q3 is out");
//! assert_eq!(
//!     console.output(),
//!     "#finance 1 | Q3 is out\n\
//!      #finance 2 > 1 | Details follow\n\
//!      \x20              | tomorrow\n\
//!      ana ! critical | Disk 95 %\n"
//! );
//! # Ok(())
//! # }
//! ```

mod channels;
mod config;
mod files;
mod messenger;
mod notices;
mod notifier;
mod output;
mod paint;
mod provider;
mod sanitize;

pub use config::{ConsoleColor, ConsoleConfig, ConsoleOutput, RecipientState};
pub use notices::Notified;
pub use provider::Console;
