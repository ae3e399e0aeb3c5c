//! Files, by the external upload (<https://docs.slack.dev/messaging/working-with-files#uploading_files>): an address is asked for, the
//! content goes there, and the upload is ended. Shared with no channel, a file is seen by the app alone, until a message links it.

use circle_core_common::interfaces::messenger::{Attachment, AttachmentSource, File, FileId};
use circle_core_common::{Body, ByteSize, CallContext, Error, ErrorKind, Result, Sent};

use crate::client::{NewFile, SlackClient};
use crate::wire::FileOf;

/// The largest file (<https://slack.com/help/articles/201330736>).
pub(crate) const FILE_MAX: ByteSize = ByteSize::gib(1);
/// The largest content of a length that nobody knows beforehand: Slack wants to be told, so it is read into memory.
const UNKNOWN_MAX: ByteSize = ByteSize::mib(64);

/// Brings content to Slack.
pub(crate) async fn upload(client: &SlackClient, cx: &CallContext, attachments: Vec<Attachment>) -> Result<Vec<File>> {
    let mut uploaded = Vec::with_capacity(attachments.len());
    let mut known = Vec::with_capacity(attachments.len());
    for attachment in attachments {
        let AttachmentSource::Content(body) = attachment.source else {
            return Err(Error::new(ErrorKind::Unsupported, "the file is at Slack already, or comes from where Slack takes none"));
        };
        let (body, length) = measured(body).await?;
        let name = attachment.name;
        let file = NewFile { filename: &name, length, alt_txt: attachment.description.as_deref() };
        let place = client.upload_url(cx, &file).await?;
        client.upload(cx, &place.upload_url, body).await?;
        uploaded.push((place.file_id, name));
        known.push((length, attachment.content_type));
    }
    let ended = client.complete_upload(cx, &uploaded).await?;
    let mut files = Vec::with_capacity(uploaded.len());
    for ((id, name), (length, content_type)) in uploaded.into_iter().zip(known) {
        let told = ended.iter().find(|file| file.id == id).cloned().unwrap_or_default();
        let permalink = match told.permalink {
            Some(permalink) => Some(permalink),
            None => {
                // The file is there by now: an error of this look does not say that it is not.
                client.file(cx, &id).await.map_err(|error| error.with_sent(Sent::Maybe))?.permalink
            }
        };
        let mut file = File::new(FileId::new(id), name);
        file.size = Some(ByteSize::bytes(length));
        file.content_type = told.mimetype.filter(|media_type| !media_type.is_empty()).or(content_type);
        file.permalink = permalink;
        files.push(file);
    }
    Ok(files)
}

/// The files of a message, as address and name, in their order.
pub(crate) async fn linked(
    client: &SlackClient,
    cx: &CallContext,
    attachments: Vec<Attachment>,
) -> Result<Vec<(String, String)>> {
    let mut links: Vec<Option<(String, String)>> = Vec::with_capacity(attachments.len());
    let mut fresh = Vec::new();
    for attachment in attachments {
        match &attachment.source {
            AttachmentSource::Uploaded(id) => {
                let file = client.file(cx, id.as_str()).await?;
                links.push(Some((address(file.permalink)?, attachment.name)));
            }
            _ => {
                links.push(None);
                fresh.push(attachment);
            }
        }
    }
    if fresh.is_empty() {
        return Ok(links.into_iter().flatten().collect());
    }
    let mut uploaded = upload(client, cx, fresh).await?.into_iter();
    let mut all = Vec::with_capacity(links.len());
    for link in links {
        match link {
            Some(link) => all.push(link),
            None => {
                let Some(file) = uploaded.next() else { break };
                all.push((address(file.permalink)?, file.name));
            }
        }
    }
    Ok(all)
}

fn address(permalink: Option<String>) -> Result<String> {
    let missing = || Error::new(ErrorKind::Decode, "Slack gives the file no address, so no message can show it");
    permalink.ok_or_else(|| missing().with_sent(Sent::Yes))
}

async fn measured(body: Body) -> Result<(Body, u64)> {
    if let Some(length) = body.length().await? {
        return Ok((body, length));
    }
    let content = body.open().await?.collect(Some(UNKNOWN_MAX)).await.map_err(|error| match error.limit() {
        Some(_) => error.context("the length of a larger file must be known beforehand"),
        None => error,
    })?;
    let length = content.len() as u64;
    Ok((content.into(), length))
}

/// A file of a message.
pub(crate) fn of(file: FileOf) -> File {
    let name = file.name.or(file.title).unwrap_or_default();
    let mut known = File::new(FileId::new(file.id), name);
    known.size = file.size.map(ByteSize::bytes);
    known.content_type = file.mimetype.filter(|media_type| !media_type.is_empty());
    known.permalink = file.permalink;
    known
}
