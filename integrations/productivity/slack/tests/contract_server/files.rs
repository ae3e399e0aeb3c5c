//! Files by the external upload.

use circle_core_testkit::{Received, Reply};
use serde_json::{Value, json};

use super::{Answer, Arguments, State};

/// A file that is there, or is to come.
pub(super) struct Uploaded {
    name: String,
    length: u64,
    received: Option<u64>,
    is_complete: bool,
}

fn shown(id: &str, file: &Uploaded) -> Value {
    json!({
        "id": id, "name": file.name, "title": file.name, "size": file.length, "mimetype": "",
        "permalink": permalink(id, &file.name),
    })
}

fn permalink(id: &str, name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("https://example.slack.com/files/U0BOT/{id}/{name}?origin=app&pub=0")
}

/// The host that content goes to knows no token.
pub(super) fn receive(state: &mut State, request: &Received) -> Reply {
    let id = request.path().trim_start_matches("/upload/v1/");
    match state.files.get_mut(id) {
        Some(_) if request.header("authorization").is_some() => Reply::status(400).body("a token came along"),
        Some(file) => {
            file.received = Some(request.body.len() as u64);
            Reply::ok(format!("OK - {}", request.body.len()))
        }
        None => Reply::status(404),
    }
}

impl State {
    pub(super) fn upload_url(&mut self, arguments: &Arguments, origin: &str) -> Answer {
        let (Some(name), Some(length)) = (arguments.text("filename"), arguments.number("length")) else {
            return Err("invalid_arguments");
        };
        let id = format!("F{:08X}", self.moment() & 0xffff_ffff);
        let url = format!("{origin}/upload/v1/{id}?signature=x");
        self.files.insert(id.clone(), Uploaded { name: name.to_owned(), length, received: None, is_complete: false });
        Ok(json!({ "upload_url": url, "file_id": id }))
    }

    /// As Slack documents it, the answer has no more than ids and titles.
    pub(super) fn complete_upload(&mut self, arguments: &Arguments) -> Answer {
        let list: Vec<Value> =
            serde_json::from_str(arguments.text("files").ok_or("invalid_arguments")?).map_err(|_| "invalid_arguments")?;
        for file in &list {
            let known = self.files.get_mut(file["id"].as_str().unwrap_or_default()).ok_or("file_not_found")?;
            if known.received != Some(known.length) {
                return Err("file_update_failed");
            }
            known.is_complete = true;
        }
        Ok(json!({ "files": list }))
    }

    pub(super) fn file(&mut self, arguments: &Arguments) -> Answer {
        let id = arguments.text("file").unwrap_or_default();
        let file = self.files.get(id).filter(|file| file.is_complete).ok_or("file_not_found")?;
        Ok(json!({ "file": shown(id, file) }))
    }

    /// The files that a text links, in its order.
    pub(super) fn linked(&self, text: &str) -> Vec<Value> {
        let place = |id: &str, file: &Uploaded| text.find(&permalink(id, &file.name).replace('&', "&amp;"));
        let mut found: Vec<(usize, Value)> = self
            .files
            .iter()
            .filter(|(_, file)| file.is_complete)
            .filter_map(|(id, file)| Some((place(id, file)?, shown(id, file))))
            .collect();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, file)| file).collect()
    }
}
