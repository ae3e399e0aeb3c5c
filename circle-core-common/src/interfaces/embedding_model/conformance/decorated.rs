//! Decorated embedding models.

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::CallContext;
use crate::error::Result;
use crate::interfaces::embedding_model::{
    EmbedRequest, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider,
};
use crate::suite::{Counted, Decorated, Decoration, Script, Subject, Traffic};

#[async_trait]
impl<P: EmbeddingModelProvider, D: Decoration> EmbeddingModelProvider for Decorated<P, D> {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        self.decoration.embedding_model(self.provider.capabilities())
    }

    async fn embed(&self, cx: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        let plan = self.before(cx, "embed").await?;
        plan.answer(self.provider.embed(cx, request).await)
    }
}

impl Subject<EmbeddingModel> {
    /// A subject over this provider: its calls are counted, and faults are injected in front of it.
    pub fn over(provider: Arc<dyn EmbeddingModelProvider>) -> Self {
        let (traffic, script) = (Traffic::new(), Script::new());
        let faulty = Decorated::new(provider, script.clone());
        let mut subject = Self::new(EmbeddingModel::new(Counted::over(faulty, &traffic)), traffic);
        subject.faults = Some(Arc::new(script));
        subject
    }
}
