//! Channels and users.

use serde_json::{Value, json};

use super::{ANA, Answer, Arguments, BEN, DEACTIVATED, GENERAL, HIDDEN, RANDOM, page};

/// The conversation that an id means; a direct one has the id of its user.
pub(super) fn conversation(id: Option<&str>) -> Result<String, &'static str> {
    let id = id.ok_or("invalid_arguments")?;
    let direct = id.strip_prefix('D').map(|user| format!("U{user}"));
    let is_known = [GENERAL, RANDOM].contains(&id) || direct.is_some_and(|user| [ANA, BEN].contains(&user.as_str()));
    is_known.then(|| id.to_owned()).ok_or("channel_not_found")
}

pub(super) fn channels(arguments: &Arguments) -> Answer {
    if arguments.text("types") != Some("public_channel,private_channel") {
        return Err("invalid_types");
    }
    let channel = |id: &str, name: &str, private: bool| {
        json!({
            "id": id, "name": name, "name_normalized": name, "is_channel": !private, "is_private": private, "is_im": false,
            "is_mpim": false, "is_archived": false, "is_member": true, "topic": { "value": "" },
        })
    };
    let all = [channel(GENERAL, "general", false), channel("C0OTHERS9", "others", false), channel(RANDOM, "random", true)];
    let (channels, cursor) = page(&all, arguments)?;
    Ok(json!({ "channels": channels, "response_metadata": { "next_cursor": cursor } }))
}

fn user(id: &str, name: &str) -> Value {
    json!({
        "id": id, "name": name, "deleted": id == DEACTIVATED, "is_bot": false,
        "profile": { "display_name": name, "real_name": name, "email": format!("{name}@example.org") },
    })
}

pub(super) fn users(arguments: &Arguments) -> Answer {
    let all = [user(DEACTIVATED, "gone"), user(ANA, "ana"), user(BEN, "ben")];
    let (members, cursor) = page(&all, arguments)?;
    Ok(json!({ "members": members, "response_metadata": { "next_cursor": cursor } }))
}

pub(super) fn by_email(arguments: &Arguments) -> Answer {
    match arguments.text("email") {
        Some("ben@example.org") => Ok(json!({ "user": user(BEN, "ben") })),
        _ => Err("users_not_found"),
    }
}

pub(super) fn open(arguments: &Arguments) -> Answer {
    match arguments.text("users").ok_or("users_list_not_supplied")? {
        DEACTIVATED => Err("user_disabled"),
        HIDDEN => Err("user_not_visible"),
        id if [ANA, BEN].contains(&id) => Ok(json!({ "channel": { "id": format!("D{}", &id[1..]) } })),
        _ => Err("user_not_found"),
    }
}
