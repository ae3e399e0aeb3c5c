//! Embeddings of several services that must compare.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use circle_core_common::interfaces::embedding_model::{EmbedRequest, Embedded, EmbeddingModel};
use circle_core_common::{CallContext, Error, ErrorKind, Result};

use super::leg::Leg;
use super::legs::LegCall;

/// What the embeddings of all legs have in common.
#[derive(Debug, Default)]
pub(super) struct VectorSpace {
    /// Whether the application says that it is one, whatever the models are called.
    declared: bool,
    /// The model that answered first, as its service calls it.
    answered: OnceLock<Arc<str>>,
}

/// One call of an embedding model.
pub(super) struct Embed<'a> {
    pub(super) request: &'a EmbedRequest,
    pub(super) space: &'a VectorSpace,
}

impl VectorSpace {
    pub(super) fn declared() -> Self {
        Self { declared: true, answered: OnceLock::new() }
    }

    /// Whether the legs that have started are said to be of one model and width.
    pub(super) fn check(&self, legs: &[Leg<EmbeddingModel>]) -> Result<()> {
        let (mut width, mut model) = (None, None);
        for leg in legs {
            let Ok(provider) = leg.handle.provider() else { continue };
            let own = provider.capabilities().dimensions;
            let first = if own > 0 { *width.get_or_insert(own) } else { own };
            if own != first {
                return Err(mixed(format!("`{}` gives {own} numbers where another leg gives {first}", leg.label())));
            }
            for id in provider.models().into_iter().filter(|_| !self.declared) {
                let first = model.get_or_insert_with(|| id.model.clone());
                if *first != id.model {
                    let text = format!("`{}` is the model `{}` where another leg is `{first}`", leg.label(), id.model);
                    return Err(mixed(format!("{text}; where they are the same, say so with `one_space`")));
                }
            }
        }
        Ok(())
    }

    /// Whether an answer is of the model that answered before.
    fn admit(&self, embedded: Embedded) -> Result<Embedded> {
        let first = self.answered.get_or_init(|| Arc::clone(&embedded.model));
        if self.declared || *first == embedded.model {
            return Ok(embedded);
        }
        let text = format!("the model `{}` answered where `{first}` did before", embedded.model);
        Err(mixed(format!("{text}; where they are the same, say so with `one_space`")))
    }
}

fn mixed(why: String) -> Error {
    Error::new(ErrorKind::ConfigInvalid, format!("embeddings of different models do not compare: {why}"))
}

#[async_trait]
impl LegCall<EmbeddingModel> for Embed<'_> {
    type Answer = Embedded;

    async fn make(&self, leg: &Leg<EmbeddingModel>, cx: &CallContext) -> Result<Embedded> {
        let embedded = leg.handle.provider()?.embed(cx, self.request.clone()).await?;
        self.space.admit(embedded)
    }
}
