//! The configuration tree: every value with the place it came from, overlays, and decoding that reports all problems.
//!
//! A [`Tree`] is read from TOML or JSON, a profile and the environment are laid over it, [`Common`] takes the keys that
//! every service has out of a service's table, and [`decode`] turns the rest into the provider's typed struct:
//!
//! ```
//! use circle_core_common::config::{Common, KeyPath, Problems, Tree, decode};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Filesystem {
//!     root: String,
//! }
//!
//! let mut tree = Tree::from_toml(
//!     "version = 1\n[services.documents]\nprovider = \"filesystem\"\nroot = \"./data\"\n",
//!     "circle.toml",
//! )?;
//! tree.apply_environment("CIRCLE", [("CIRCLE__SERVICES__DOCUMENTS__ROOT", "/srv/data")])?;
//!
//! let path = KeyPath::service("documents");
//! let mut table = tree.service("documents").cloned().unwrap_or_default();
//! let mut problems = Problems::new();
//! let common = Common::take(&mut table, &path, &mut problems);
//! assert_eq!(common.map(|common| common.provider).as_deref(), Some("filesystem"));
//! assert_eq!(decode::<Filesystem>(&table, &path, Common::KEYS).value?.root, "/srv/data");
//! # Ok::<(), circle_core_common::config::Problems>(())
//! ```
//!
//! # What a config struct may use
//!
//! The struct is the only truth: parser, JSON Schema and documentation come from it. Unknown keys are always problems,
//! with or without `deny_unknown_fields`. Some serde attributes must not be used in it. The first three send the table
//! through serde's own buffer, where the list of valid keys, the lines and the field types are lost:
//!
//! - `flatten`: a mistyped key has no nearest key, and text from the environment fails for anything but a string;
//! - `untagged`: every mistake becomes "did not match any variant";
//! - `tag = "…"` (internally tagged): text from the environment fails for anything but a string;
//! - `alias`: the schema does not know it, so editors refuse the key and a required one is also reported as missing.
//!
//! Externally tagged enums (serde's default) are right: a unit variant is text (`mode = "fast"`), any other a table with
//! one key (`credentials = { profile = "audit" }`). Durations take [`duration`], sizes [`ByteSize`](crate::ByteSize). A
//! type that takes several forms (text or a table) implements `Deserialize` with `deserialize_any`. A type that takes text
//! only says in `Visitor::expecting` what a person should write, because that is the message.
//!
//! A newtype whose serde name is `$circle.service:<Interface>` ([`ServiceRef`](crate::ServiceRef)) is a reference to
//! another service, one named `$circle.secret` ([`SecretRef`](crate::SecretRef)) a reference to a secret; [`Decoded`] lists
//! where they are.
//!
//! # What is never printed
//!
//! Messages carry keys, never the value of a secret: a value is shown only when it is short and neither its type nor its
//! key says that it is a secret. `Debug` of a [`Node`] shows no text at all.

mod common;
mod decode;
pub mod duration;
mod json;
mod node;
mod origin;
mod overlay;
mod path;
mod problem;
mod schema;
mod suggest;
mod toml;
mod tree;

pub use self::common::Common;
pub use self::decode::{Decoded, Reference, SecretUse, decode};
pub use self::node::{Node, Table, Value};
pub use self::origin::Origin;
pub use self::path::{KeyPath, Segment};
pub use self::problem::{Problem, Problems};
pub use self::schema::{document_schema, schema_for_service, schema_of};
pub use self::suggest::nearest;
pub use self::tree::Tree;
