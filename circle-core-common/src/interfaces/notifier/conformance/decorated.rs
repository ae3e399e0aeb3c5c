//! Decorated notifiers.

use crate::bulk::Bulk;
use crate::interfaces::notifier::{
    ClearRequest, DeliveryStatus, Notifier, NotifierCapabilities, NotifierProvider, NotifyRequest, Receipt, StatusRequest,
};
use crate::listing::Page;

crate::suite::decorated! {
    Notifier over NotifierProvider with NotifierCapabilities as notifier {
        notify(NotifyRequest) -> Bulk<Receipt>;
        clear(ClearRequest) -> ();
        status(StatusRequest) -> Page<DeliveryStatus>;
    }
}
