//! Decorated messengers.

use crate::interfaces::messenger::{
    ChannelInfo, ChannelsRequest, DeleteRequest, EditRequest, File, HistoryRequest, Messenger, MessengerCapabilities,
    MessengerProvider, Posted, ReactRequest, ResolveRequest, Resolved, SendRequest, Sent, UploadRequest,
};
use crate::listing::Page;

crate::suite::decorated! {
    Messenger over MessengerProvider with MessengerCapabilities as messenger {
        send(SendRequest) -> Sent;
        edit(EditRequest) -> Sent;
        delete(DeleteRequest) -> ();
        react(ReactRequest) -> ();
        upload(UploadRequest) -> File;
        history(HistoryRequest) -> Page<Posted>;
        channels(ChannelsRequest) -> Page<ChannelInfo>;
        resolve(ResolveRequest) -> Resolved;
    }
}
