//! What a chat model can do.

crate::capabilities! {
    /// What a chat model can do. Answering text with text every model can.
    pub struct ChatModelCapabilities {
        flags {
            /// Answers piece by piece.
            stream = STREAM,
            /// Calls tools.
            tools = TOOLS,
            /// Calls several tools in one answer.
            parallel_tools = PARALLEL_TOOLS,
            /// Can be told whether, and which tool, to call.
            tool_choice = TOOL_CHOICE,
            /// Answers JSON of a schema. Emulated by a tool call.
            output_schema = OUTPUT_SCHEMA,
            /// Answers JSON of a schema also where it may call tools.
            output_schema_with_tools = OUTPUT_SCHEMA_WITH_TOOLS,
            /// Reads images.
            images = IMAGES,
            /// Hears audio.
            audio = AUDIO,
            /// Reads documents.
            documents = DOCUMENTS,
            /// Can be told how much to reason.
            reasoning = REASONING,
            /// Keeps the marked beginning of a request for later ones, or every beginning without being asked.
            prompt_cache = PROMPT_CACHE,
            /// Counts the tokens of a request. Emulated by an estimate.
            count_tokens = COUNT_TOKENS,
            /// Takes a seed.
            seed = SEED,
            /// Ends an answer at texts of the request.
            stop = STOP,
        }
        limits {
            /// The most tokens of a request and its answer together, where that is known.
            context_tokens: Option<u64> = None,
            /// The most tokens of an answer, where that is known.
            max_output_tokens: Option<u32> = None,
        }
    }
}
