//! What the configs of S3 services have in common.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the bucket stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Addressing {
    /// In the path: `https://host/bucket/key`.
    Path,
    /// In front of the host: `https://bucket.host/key`.
    Virtual,
}
