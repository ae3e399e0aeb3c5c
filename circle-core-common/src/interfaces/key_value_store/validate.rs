//! What is checked before anything is sent: names, limits, capabilities.

use std::time::Duration;

use super::{Action, Caps, Consistency, GetOptions, Key, KeyValueStore, Precondition, Write};
use crate::error::{Error, ErrorKind, Limit, Reason, Result};

impl KeyValueStore {
    pub(super) fn check_key(&self, key: &Key) -> Result<()> {
        let max = self.capabilities().key_max.as_u64();
        match key.as_str().len() as u64 {
            0 => Err(Error::new(ErrorKind::InvalidInput, "the key is empty").with_reason(Reason::NameInvalid)),
            length if length > max => Err(Error::outside_limit(Limit::at_most("key_max", max, "bytes"), length)),
            _ => Ok(()),
        }
    }

    pub(super) fn check_read(&self, options: &GetOptions) -> Result<()> {
        if options.consistency == Consistency::Strong {
            Caps::STRONG_READ.check(self.capabilities())?;
        }
        options.extensions.check(self.core.provider())
    }

    pub(super) fn check_write(&self, write: &Write) -> Result<()> {
        let capabilities = self.capabilities();
        self.check_key(&write.key)?;
        if write.precondition != Precondition::None {
            Caps::CAS.check(capabilities)?;
        }
        if write.fence.is_some() {
            Caps::FENCE.check(capabilities)?;
        }
        match &write.action {
            Action::Put { value, ttl } => {
                let max = capabilities.value_max.as_u64();
                if value.len() as u64 > max {
                    return Err(Error::outside_limit(Limit::at_most("value_max", max, "bytes"), value.len()));
                }
                ttl.map_or(Ok(()), |ttl| self.check_ttl(ttl))
            }
            Action::Delete if write.precondition == Precondition::IfAbsent => {
                Err(Error::new(ErrorKind::InvalidInput, "a delete on the condition that the key is absent can do nothing"))
            }
            Action::Delete => Ok(()),
            Action::Touch { .. } if write.precondition == Precondition::IfAbsent => {
                Err(Error::new(ErrorKind::InvalidInput, "a touch on the condition that the key is absent can do nothing"))
            }
            Action::Touch { ttl } => {
                Caps::PERSIST.check(capabilities)?;
                ttl.map_or(Ok(()), |ttl| self.check_ttl(ttl))
            }
        }
    }

    /// A life below the minimum is refused, never rounded.
    fn check_ttl(&self, ttl: Duration) -> Result<()> {
        let capabilities = self.capabilities();
        Caps::TTL.check(capabilities)?;
        let min = capabilities.ttl_min.max(Duration::from_nanos(1));
        if ttl >= min {
            return Ok(());
        }
        let millis = u64::try_from(min.as_millis()).unwrap_or(u64::MAX).max(1);
        Err(Error::outside_limit(Limit::at_least("ttl_min", millis, "ms"), format_args!("{ttl:?}")))
    }

    /// For what no store knows by an id.
    pub(super) fn check_no_idempotency_key(&self) -> Result<()> {
        if self.core.options().is_none_or(|options| options.idempotency_key.is_none()) {
            return Ok(());
        }
        let text = "an increment has no idempotency key: repeated, it would be added again; read the value, and decide";
        Err(Error::new(ErrorKind::Unsupported, text))
    }

    pub(super) fn check_transaction(&self, writes: &[Write]) -> Result<()> {
        let capabilities = self.capabilities();
        Caps::TRANSACTION.check(capabilities)?;
        let max = capabilities.transaction_max;
        if writes.len() > max as usize {
            return Err(Error::outside_limit(Limit::at_most("transaction_max", max.into(), "writes"), writes.len()));
        }
        for write in writes {
            if write.precondition != Precondition::None {
                Caps::TRANSACTION_CAS.check(capabilities)?;
            }
            self.check_write(write).map_err(|error| error.with_resource(write.key.shared()))?;
        }
        Ok(())
    }
}
