//! A model that uses tools: the loop of asking, calling and answering, with limits, approval, and a state that can be stored
//! at every step.
//!
//! ```
//! # use circle_core_embedded::ScriptedModel;
//! use circle_core::ai::tools::{ToolLoop, tool};
//! use circle_core::chat_model::ToolCall;
//! use circle_core::prelude::*;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct City {
//!     name: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! # let call = ToolCall::new("1", "weather", serde_json::json!({ "name": "Riga" }));
//! # let model = ChatModel::new(ScriptedModel::new().reply(call).reply("It rains in Riga."));
//! let weather = tool("weather", "Tells the weather of a city.", |city: City| async move {
//!     Ok(format!("{}: rain, 9 °C", city.name))
//! });
//! let assistant = ToolLoop::new(model, [weather]);
//! let reply = assistant.run("How is it in Riga?").await?.answer()?;
//! assert_eq!(reply.text(), "It rains in Riga.");
//! # Ok(())
//! # }
//! ```
//!
//! - [`ToolRun`] is where a run stands: plain data, which survives as JSON. It does no I/O.
//! - [`ToolLoop`] drives it: asks the model, has calls approved, makes them, within [`ToolLimits`].
//! - A tool is a [`Tool`]; [`tool`] makes one of a closure.
//! - [`Checkpoints`] store a run before anything is done that must not be done twice.

mod approval;
mod arguments;
mod checkpoint;
mod drive;
mod execute;
mod function;
mod interrupted;
mod limits;
mod run;
mod running;
mod set;
mod stream;
mod tool;
mod tool_loop;

pub use approval::{Decision, ProposedCall};
pub use checkpoint::{Checkpoints, RunStore, Stored};
pub use function::{FunctionTool, NoArguments, ToolFailure, tool, tool_with_context};
pub use limits::{LimitReached, Spent, ToolLimits};
pub use run::{CallState, RunCall, Step, ToolRun};
pub use set::ToolSet;
pub use stream::{ToolEvent, ToolStream};
pub use tool::Tool;
pub use tool_loop::{RunEnd, ToolLoop, ToolOutcome};
