//! What the handle of an embedding model does about answers that are not what was announced.

use circle_core_common::interfaces::embedding_model::{
    EmbedOptions, EmbedUsage, Embedded, EmbeddingModel, EmbeddingModelCapabilities, Embeddings, MockEmbeddingModelProvider,
};
use circle_core_common::{Environment, ErrorKind, ProviderInfo};

/// A model that announces a width and gives embeddings of these widths, one call after the other.
fn model(announced: u32, batch_max: u32, widths: &'static [u32]) -> EmbeddingModel {
    let mut capabilities = EmbeddingModelCapabilities::all();
    (capabilities.dimensions, capabilities.batch_max) = (announced, batch_max);
    let mut mock = MockEmbeddingModelProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(capabilities);
    let mut calls = 0;
    mock.expect_embed().returning(move |_, request| {
        let width = widths[calls % widths.len()];
        calls += 1;
        let rows = vec![vec![1.0; width as usize]; request.inputs.len()];
        Ok(Embedded::new(Embeddings::of_rows(rows)?, "m").usage(EmbedUsage::tokens(7)))
    });
    EmbeddingModel::new(mock)
}

#[tokio::test]
async fn an_unannounced_width_is_decode() {
    assert_eq!(model(4, 9, &[4]).embed("a").await.unwrap().dimensions(), 4);
    let error = model(4, 9, &[3]).embed("a").await.unwrap_err();
    assert!(error.is(ErrorKind::Decode) && error.message().contains("3 numbers where 4"), "{error}");
    let error = model(4, 9, &[4]).embed_with("a", EmbedOptions::new().dimensions(2)).await.unwrap_err();
    assert!(error.is(ErrorKind::Decode), "{error}");
    assert_eq!(model(4, 9, &[2]).embed_with("a", EmbedOptions::new().dimensions(2)).await.unwrap().dimensions(), 2);
}

#[tokio::test]
async fn where_no_width_is_announced_the_first_answer_is_the_measure() {
    let results = model(0, 1, &[3, 5, 3]).embed_many(["a", "b", "c"]).await.unwrap();
    let failed: Vec<_> = results.failures().map(|(at, error)| (at, error.kind())).collect();
    assert_eq!(failed, [(1, ErrorKind::Decode)]);
    let rows: Vec<_> = results.into_iter().filter_map(Result::ok).collect();
    assert_eq!((rows.len(), rows[0].block().len()), (2, 6), "those that are right are rows of one block");
    let error = model(0, 1, &[3, 5]).embed_all(["a", "b", "c"], EmbedOptions::new()).await.unwrap_err();
    assert!(error.is(ErrorKind::Decode), "{error}");
}

#[tokio::test]
async fn usage_is_that_of_all_calls_and_unknown_is_not_nothing() {
    let all = model(4, 2, &[4]).embed_all(["a", "b", "c"], EmbedOptions::new()).await.unwrap();
    assert_eq!((all.usage, all.embeddings.len(), &*all.model), (EmbedUsage::tokens(14), 3, "m"));
    assert_eq!(EmbedUsage::tokens(1).plus(EmbedUsage::default()).input_tokens, None);
}

#[tokio::test]
async fn too_few_embeddings_and_numbers_that_are_none_are_decode() {
    let mut short = MockEmbeddingModelProvider::ready();
    short.expect_embed().returning(|_, _| Ok(Embedded::new(Embeddings::new(vec![1.0; 4], 4)?, "m")));
    let error = EmbeddingModel::new(short).embed_many(["a", "b"]).await.unwrap().all().unwrap_err();
    assert!(error.is(ErrorKind::Decode) && error.message().contains("1 embeddings for 2 inputs"), "{error}");
    let mut mock = MockEmbeddingModelProvider::ready();
    mock.expect_embed().returning(|_, _| Ok(Embedded::new(Embeddings::new(vec![1.0, f32::NAN], 2)?, "m")));
    assert!(EmbeddingModel::new(mock).embed("a").await.unwrap_err().is(ErrorKind::Decode));
}
