//! Tools that belong together, and who must agree to their calls.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use circle_core_common::interfaces::chat_model::{self, ToolCall};
use circle_core_common::{Class, Result, config};
use serde_json::Value;

use super::approval::{Decision, Hook, ProposedCall, fits};
use super::{Tool, arguments};

/// The longest name of a tool that is said back to the model.
const NAME_SHOWN: usize = 64;

/// The tools of a loop, and who must agree to their calls. Cloning one copies no tool.
///
/// ```
/// # use circle_core::ai::tools::{Decision, NoArguments, ToolSet, tool};
/// # use circle_core::Class;
/// # let search = tool("search_web", "Searches.", |_: NoArguments| async { Ok("") }).class(Class::Read);
/// # let post = tool("post", "Posts.", |_: NoArguments| async { Ok("") });
/// let tools = ToolSet::new([search, post])
///     .allow(["search_*", "list_*"])
///     .approve(|call| async move {
///         let harmless = call.arguments.to_string().len() < 200;
///         Ok(if harmless { Decision::Approve } else { Decision::Suspend })
///     });
/// # let _ = tools;
/// ```
#[derive(Clone, Default)]
pub struct ToolSet {
    tools: Vec<Entry>,
    allowed: Vec<String>,
    approve: Option<Arc<Hook>>,
}

#[derive(Clone)]
struct Entry {
    tool: Arc<dyn Tool>,
    /// Read once.
    schema: Arc<Value>,
}

impl ToolSet {
    /// These tools. Those of one kind come as a list; others are added with [`tool`](Self::tool).
    #[must_use]
    pub fn new<T: Tool>(tools: impl IntoIterator<Item = T>) -> Self {
        tools.into_iter().fold(Self::default(), Self::tool)
    }

    /// Adds a tool.
    #[must_use]
    pub fn tool(mut self, tool: impl Tool) -> Self {
        let schema = Arc::new(tool.definition().input.to_value());
        self.tools.push(Entry { tool: Arc::new(tool), schema });
        self
    }

    /// Sets whom to ask before a call is made that does more than read. Without such a hook all calls are made.
    ///
    /// It is asked one call after the other, and not at all about calls that could not be made. An error of it ends the run,
    /// which is in the error.
    #[must_use]
    pub fn approve<F, R>(mut self, hook: F) -> Self
    where
        F: Fn(ProposedCall) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Decision>> + Send + 'static,
    {
        self.approve = Some(Arc::new(move |call| Box::pin(hook(call))));
        self
    }

    /// Lets calls of tools with these names be made without asking; `*` stands for any letters.
    #[must_use]
    pub fn allow<P: Into<String>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.allowed.extend(names.into_iter().map(Into::into));
        self
    }

    /// What the model is told of them.
    pub(super) fn definitions(&self) -> Vec<chat_model::Tool> {
        self.tools.iter().map(|entry| entry.tool.definition().clone()).collect()
    }

    /// Whom to ask about a call of this tool, if anybody.
    pub(super) fn approver(&self, tool: &dyn Tool) -> Option<Arc<Hook>> {
        let name = tool.definition().name.as_str();
        let free = tool.class() == Class::Read || self.allowed.iter().any(|pattern| fits(pattern, name));
        if free { None } else { self.approve.clone() }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.entry(name).map(|entry| &entry.tool)
    }

    /// The tool of a call, and its arguments.
    ///
    /// # Errors
    /// Why it cannot be made, in words for the model.
    pub(super) fn prepare(&self, call: &ToolCall, most_bytes: usize) -> Result<(&Arc<dyn Tool>, Value), String> {
        let entry = self.entry(&call.name).ok_or_else(|| self.unknown(&call.name))?;
        Ok((&entry.tool, arguments::read(&call.arguments, &entry.schema, most_bytes)?))
    }

    /// Whether arguments that were decided on fit the tool.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn check(&self, name: &str, edited: &Value) -> Result<(), String> {
        self.entry(name).map_or(Ok(()), |entry| arguments::check(edited, &entry.schema))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.tools.iter().find(|entry| entry.tool.definition().name == name)
    }

    fn unknown(&self, name: &str) -> String {
        let names = || self.tools.iter().map(|entry| entry.tool.definition().name.as_str());
        let shown: String = name.chars().take(NAME_SHOWN).collect();
        let shown = shown.escape_debug();
        match config::nearest(name, names()) {
            Some(near) => format!("there is no tool `{shown}`; the nearest is `{near}`"),
            None => format!("there is no tool `{shown}`; there are: {}", names().collect::<Vec<_>>().join(", ")),
        }
    }
}

impl fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.tools.iter().map(|entry| &entry.tool.definition().name)).finish()
    }
}

impl<T: Tool> From<Vec<T>> for ToolSet {
    fn from(tools: Vec<T>) -> Self {
        Self::new(tools)
    }
}

impl<T: Tool, const N: usize> From<[T; N]> for ToolSet {
    fn from(tools: [T; N]) -> Self {
        Self::new(tools)
    }
}
