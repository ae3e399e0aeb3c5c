//! Every request that is made of the service.

use circle_core_common::resilience::RemoteOperation;

use crate::{batches, client, files, images, models, moderation, responses, speech, transcriptions, uploads};

/// Every request that is made of the service, for [`Integration::OPERATIONS`](circle_core_common::Integration::OPERATIONS).
pub const OPERATIONS: &[&RemoteOperation] = &[
    &batches::CREATE,
    &batches::LIST,
    &batches::RETRIEVE,
    &batches::CANCEL,
    &client::CHAT,
    &client::EMBED,
    &client::LIST_MODELS,
    &client::RETRIEVE_MODEL,
    &files::CREATE,
    &files::LIST,
    &files::RETRIEVE,
    &files::DELETE,
    &files::DOWNLOAD,
    &images::GENERATE,
    &images::EDIT,
    &images::VARY,
    &models::DELETE,
    &moderation::MODERATE,
    &responses::RESPOND,
    &responses::COUNT,
    &speech::SPEAK,
    &transcriptions::TRANSCRIBE,
    &transcriptions::TRANSLATE,
    &uploads::CREATE,
    &uploads::ADD_PART,
    &uploads::COMPLETE,
    &uploads::CANCEL,
];
