//! The native client: what stands in for {{Provider}} until it is called. Replace it by one method per operation of the service.

{{client_modules}}

use circle_core_common::Result;

use crate::config::{{Provider}}Config;

{{#models}}
/// The most words of a request; a model refuses what is longer, and cuts nothing.
pub(crate) const WORDS_MAX: u32 = 8192;

{{/models}}
#[derive(Debug)]
pub(crate) struct Client {
{{client_fields}}
}

impl Client {
    pub(crate) fn new(config: &{{Provider}}Config) -> Result<Self> {
        Ok(Self { {{client_values}} })
    }
}
