//! What images are asked for with.

use std::collections::BTreeMap;

use circle_core_common::Result;
use circle_core_common::http::Multipart;
use serde::Serialize;
use serde_json::Value;

use crate::part::{Fields, FilePart};
use crate::words::words;

words! {
    /// How images come.
    pub enum ImageDelivery {
        /// In the answer.
        Base64 = "b64_json",
        /// At an address, for an hour.
        Url = "url",
    }
}

/// What every request for images can say. What is possible differs from model to model; what is not said is left to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ImageOptions {
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many images.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Their size: `1024x1024`, `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// How much work goes into them: `low`, `medium`, `high`, `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// What is behind them: `transparent`, `opaque`, `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// How they come, where the model lets one choose.
    #[serde(rename = "response_format", skip_serializing_if = "Option::is_none")]
    pub delivery: Option<ImageDelivery>,
    /// How they are written: `png`, `jpeg`, `webp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    /// How much of what is written is kept, in percent, of JPEG and WebP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_compression: Option<u8>,
    /// Who the end user is, hashed, for the service's own watch over abuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Any other field of the request, as the service documents it: `moderation`, `style`, `input_fidelity`.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Value>,
}

impl ImageOptions {
    fn form(&self, form: Multipart) -> Multipart {
        let form = form
            .text_opt("model", self.model.as_deref())
            .text_opt("n", self.count)
            .text_opt("size", self.size.as_deref())
            .text_opt("quality", self.quality.as_deref())
            .text_opt("background", self.background.as_deref())
            .text_opt("response_format", self.delivery.as_ref())
            .text_opt("output_format", self.output_format.as_deref())
            .text_opt("output_compression", self.output_compression)
            .text_opt("user", self.user.as_deref());
        self.fields.iter().fold(form, |form, (name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            form.text(name, &text)
        })
    }
}

/// The setters of [`ImageOptions`] on a request that has them.
macro_rules! image_options {
    () => {
        image_options! {
            /// Sets the model.
            model: String,
            /// Sets how many images.
            count: u32,
            /// Sets their size.
            size: String,
            /// Sets how much work goes into them.
            quality: String,
            /// Sets what is behind them.
            background: String,
            /// Sets how they come.
            delivery: ImageDelivery,
            /// Sets how they are written.
            output_format: String,
            /// Sets how much of what is written is kept.
            output_compression: u8,
            /// Sets who the end user is.
            user: String,
        }
    };
    ($($(#[$meta:meta])* $name:ident: $kind:ty,)*) => {
        $($(#[$meta])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<$kind>) -> Self {
            self.options.$name = Some($name.into());
            self
        })*

        /// Sets any other field of the request.
        #[must_use]
        pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
            self.options.fields.insert(name.into(), value.into());
            self
        }
    };
}

/// Images from words.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ImageRequest {
    /// What they show.
    pub prompt: String,
    /// How they are made.
    pub options: ImageOptions,
}

#[derive(Serialize)]
pub(super) struct Body<'a> {
    prompt: &'a str,
    #[serde(flatten)]
    options: &'a ImageOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_images: Option<u8>,
}

impl ImageRequest {
    /// An image of this.
    #[must_use]
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), options: ImageOptions::default() }
    }

    image_options!();

    /// The body; with a number of sketches it asks for a stream.
    pub(super) fn body(&self, partial: Option<u8>) -> Body<'_> {
        Body { prompt: &self.prompt, options: &self.options, stream: partial.map(|_| true), partial_images: partial }
    }
}

/// Images from images and words.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageEdit {
    /// What to make of them.
    pub prompt: String,
    /// The images.
    pub images: Vec<FilePart>,
    /// An image that is transparent where the first image is to change.
    pub mask: Option<FilePart>,
    /// How they are made.
    pub options: ImageOptions,
}

impl ImageEdit {
    /// An image made of this one.
    #[must_use]
    pub fn new(prompt: impl Into<String>, image: FilePart) -> Self {
        Self { prompt: prompt.into(), images: vec![image], mask: None, options: ImageOptions::default() }
    }

    /// Adds an image.
    #[must_use]
    pub fn image(mut self, image: FilePart) -> Self {
        self.images.push(image);
        self
    }

    /// Sets the image that is transparent where the first image is to change.
    #[must_use]
    pub fn mask(mut self, mask: FilePart) -> Self {
        self.mask = Some(mask);
        self
    }

    image_options!();

    /// The form; with a number of sketches it asks for a stream.
    pub(super) fn form(&self, form: Multipart, partial: Option<u8>) -> Result<Multipart> {
        let form = self.options.form(form.text("prompt", &self.prompt));
        let form = form.text_opt("stream", partial.map(|_| true)).text_opt("partial_images", partial);
        // As OpenAI's own clients do: several images are a list, one is none.
        let name = if self.images.len() == 1 { "image" } else { "image[]" };
        let form = self.images.iter().try_fold(form, |form, image| image.add(form, name))?;
        self.mask.iter().try_fold(form, |form, mask| mask.add(form, "mask"))
    }
}

/// Images like another one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageVariation {
    /// The image.
    pub image: FilePart,
    /// How they are made.
    pub options: ImageOptions,
}

impl ImageVariation {
    /// An image like this one.
    #[must_use]
    pub fn new(image: FilePart) -> Self {
        Self { image, options: ImageOptions::default() }
    }

    image_options! {
        /// Sets the model.
        model: String,
        /// Sets how many images.
        count: u32,
        /// Sets their size.
        size: String,
        /// Sets how they come.
        delivery: ImageDelivery,
        /// Sets who the end user is.
        user: String,
    }

    pub(super) fn form(&self, form: Multipart) -> Result<Multipart> {
        self.image.add(self.options.form(form), "image")
    }
}
