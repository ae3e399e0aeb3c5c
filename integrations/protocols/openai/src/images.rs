//! Images from words, and from images and words.
//!
//! ```no_run
//! # use circle_core_protocol_openai::{FilePart, OpenAiClient};
//! # use circle_core_protocol_openai::images::{ImageContent, ImageEdit, ImageRequest};
//! # use circle_core_common::{Body, CallContext, Result};
//! # async fn example(client: &OpenAiClient, cx: &CallContext) -> Result<()> {
//! let request = ImageRequest::new("A lighthouse at dusk").model("gpt-image-1").size("1024x1024");
//! for image in client.generate_images(cx, &request).await?.images {
//!     if let ImageContent::Bytes(bytes) = image.content {
//!         println!("{} bytes", bytes.len());
//!     }
//! }
//! let photo = FilePart::new("photo.png", Body::from_path("photo.png"));
//! let edit = ImageEdit::new("Make it winter", photo).model("gpt-image-1");
//! println!("{}", client.edit_images(cx, &edit).await?.images.len());
//! # Ok(())
//! # }
//! ```

mod answer;
mod request;

use circle_core_common::http::{Multipart, Request, Response};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteSize, CallContext, Result};

pub use answer::{Image, ImageContent, ImageEvent, ImageUsage, Images};
pub use request::{ImageDelivery, ImageEdit, ImageOptions, ImageRequest, ImageVariation};

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint::{ImageEdits, ImageVariations, Images as Generations};
use crate::events::EventStream;

// They change nothing at the service: asked again they are only paid for again.
pub(crate) static GENERATE: RemoteOperation =
    RemoteOperation::new("openai.CreateImage", Idempotency::Idempotent, "/images/generations");
pub(crate) static EDIT: RemoteOperation =
    RemoteOperation::new("openai.CreateImageEdit", Idempotency::Idempotent, "/images/edits");
pub(crate) static VARY: RemoteOperation =
    RemoteOperation::new("openai.CreateImageVariation", Idempotency::Idempotent, "/images/variations");

/// Ten large images in Base64.
const ANSWER_MAX: ByteSize = ByteSize::mib(256);

/// # Images
impl OpenAiClient {
    /// Makes images from words. <https://platform.openai.com/docs/api-reference/images/create>
    ///
    /// # Errors
    /// `Unsupported` for a service without images; `ContentFiltered`; `Decode` for an answer without an image; what the service
    /// says.
    pub async fn generate_images(&self, cx: &CallContext, request: &ImageRequest) -> Result<Images> {
        let send = Request::post(self.at(Generations, "/images/generations")?).json(&request.body(None))?;
        self.images(cx, &GENERATE, send).await
    }

    /// Makes images from words, and shows up to `partial` sketches of each on the way, where the model does.
    ///
    /// # Errors
    /// As [`generate_images`](Self::generate_images): what the service refuses is refused here, and what breaks later is an
    /// error of the stream.
    pub async fn generate_images_stream(
        &self,
        cx: &CallContext,
        request: &ImageRequest,
        partial: u8,
    ) -> Result<EventStream<ImageEvent>> {
        let send = Request::post(self.at(Generations, "/images/generations")?).json(&request.body(Some(partial)))?;
        self.image_events(cx, &GENERATE, send, request.options.count).await
    }

    /// Makes images from images and words. <https://platform.openai.com/docs/api-reference/images/createEdit>
    ///
    /// # Errors
    /// As [`generate_images`](Self::generate_images).
    pub async fn edit_images(&self, cx: &CallContext, edit: &ImageEdit) -> Result<Images> {
        let form = edit.form(Multipart::new(cx.random())?, None)?;
        let send = Request::post(self.at(ImageEdits, "/images/edits")?).multipart(form);
        self.images(cx, &EDIT, send).await
    }

    /// Makes images from images and words, and shows up to `partial` sketches of each on the way, where the model does.
    ///
    /// # Errors
    /// As [`generate_images_stream`](Self::generate_images_stream).
    pub async fn edit_images_stream(&self, cx: &CallContext, edit: &ImageEdit, partial: u8) -> Result<EventStream<ImageEvent>> {
        let form = edit.form(Multipart::new(cx.random())?, Some(partial))?;
        let send = Request::post(self.at(ImageEdits, "/images/edits")?).multipart(form);
        self.image_events(cx, &EDIT, send, edit.options.count).await
    }

    /// Makes images like another one. <https://platform.openai.com/docs/api-reference/images/createVariation>
    ///
    /// # Errors
    /// As [`generate_images`](Self::generate_images).
    pub async fn vary_image(&self, cx: &CallContext, variation: &ImageVariation) -> Result<Images> {
        let form = variation.form(Multipart::new(cx.random())?)?;
        let send = Request::post(self.at(ImageVariations, "/images/variations")?).multipart(form);
        self.images(cx, &VARY, send).await
    }

    async fn images(&self, cx: &CallContext, operation: &'static RemoteOperation, send: Request) -> Result<Images> {
        let response: Response = self.http().send(cx, operation, send.body_limit(ANSWER_MAX)).await?;
        answer::read(&response)
    }

    async fn image_events(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        send: Request,
        count: Option<u32>,
    ) -> Result<EventStream<ImageEvent>> {
        let opened = self.http().open(cx, operation, send.header("accept", "text/event-stream")?).await?;
        Ok(EventStream::new(opened, count.unwrap_or(1).max(1), answer::event))
    }
}
