//! Both suites over the console.

use circle_core_console::{Console, ConsoleConfig, ConsoleOutput, RecipientState};
use circle_core_testkit::{Addresses, Conformance};

fn main() {
    let addresses = Addresses::new()
        .channels(["#general", "#random"], "#no-such-channel")
        .recipients(["ana", "ben"], "nobody")
        .opted_out("cleo")
        .expired("old-phone");
    Conformance::<Console>::of(env!("CARGO_MANIFEST_DIR"), |_| {
        let recipients = [
            ("ana", RecipientState::Reachable),
            ("ben", RecipientState::Reachable),
            ("cleo", RecipientState::OptedOut),
            ("old-phone", RecipientState::Expired),
        ];
        let config = ConsoleConfig::new().output(ConsoleOutput::Memory).channels(["#general", "#random"]);
        Ok(config.recipients(recipients))
    })
    .native::<Console>()
    .addresses(addresses)
    .main();
}
