//! Who has used how much in which window.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use circle_core_common::{CallContext, Detail, Error, ErrorKind, Reason, Result, Timestamp};

use crate::orchestration::price::NanoUsd;

/// From so many accounts on, those of past windows are forgotten when a new one is opened.
const ACCOUNTS_SWEPT_FROM: usize = 1024;

/// Who has an account of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Per {
    /// Nobody: all calls draw on one account.
    #[default]
    Everyone,
    /// Every tenant; calls without one share an account.
    Tenant,
    /// Every principal; calls without one share an account.
    Principal,
    /// Every service that is decorated with this budget.
    Service,
}

/// So many tokens, or so much money, per window of time. Clones are the same budget.
///
/// Windows begin at multiples of their length since 1970 in UTC: a day at midnight. What is not used is lost.
#[derive(Clone)]
pub struct Budget {
    name: Arc<str>,
    per: Per,
    window: Duration,
    tokens: Option<u64>,
    money: Option<NanoUsd>,
    books: Arc<Mutex<HashMap<Arc<str>, Book>>>,
}

/// An account as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The tokens used in this window.
    pub tokens_used: u64,
    /// Those reserved by calls that run.
    pub tokens_reserved: u64,
    /// The money spent in this window.
    pub money_used: NanoUsd,
    /// That reserved by calls that run.
    pub money_reserved: NanoUsd,
    /// How many calls of this window were booked by an estimate.
    pub estimated_calls: u64,
    /// When the window ends.
    pub refills_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Book {
    window: i64,
    tokens: Amounts<u64>,
    money: Amounts<NanoUsd>,
    estimated_calls: u64,
}

impl Book {
    /// Whether it is the book of this window, or of the next: another call was faster over the edge, or the clock was set back
    /// a little. Begun anew for the earlier window, what is in it would be forgotten.
    fn counts_in(&self, window: i64) -> bool {
        (0..=1).contains(&self.window.saturating_sub(window))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Amounts<T> {
    used: T,
    reserved: T,
}

/// What a call is taken to need, or has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) tokens: u64,
    pub(super) money: NanoUsd,
}

impl Budget {
    /// A budget of this name, without a limit yet, for everyone and a day.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let window = Duration::from_secs(86_400);
        Self { name: name.into(), per: Per::Everyone, window, tokens: None, money: None, books: Arc::default() }
    }

    /// Sets who has an account of their own.
    #[must_use]
    pub fn per(mut self, per: Per) -> Self {
        self.per = per;
        self
    }

    /// Sets how long a window is; whole seconds, at least one.
    #[must_use]
    pub fn every(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets how many tokens an account has in each window, of requests and answers together.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Sets how much money an account has in each window.
    #[must_use]
    pub fn money(mut self, money: NanoUsd) -> Self {
        self.money = Some(money);
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An account as it is now: of a tenant, a principal or a service by its name, of everyone by an empty one.
    #[must_use]
    pub fn account(&self, of: &str, now: Timestamp) -> Account {
        let window = self.window_of(now);
        let book = self.lock().get(of).copied().filter(|book| book.counts_in(window));
        let book = book.unwrap_or_else(|| Book { window, ..Book::default() });
        Account {
            tokens_used: book.tokens.used,
            tokens_reserved: book.tokens.reserved,
            money_used: book.money.used,
            money_reserved: book.money.reserved,
            estimated_calls: book.estimated_calls,
            refills_at: self.end_of(book.window),
        }
    }

    pub(in crate::orchestration) fn has_the_limits_of(&self, other: &Self) -> bool {
        let limits = |of: &Self| (of.per, of.window, of.tokens, of.money);
        limits(self) == limits(other)
    }

    pub(super) fn counts_money(&self) -> bool {
        self.money.is_some()
    }

    pub(super) fn account_of(&self, cx: &CallContext, service: &str) -> Arc<str> {
        let of = match self.per {
            Per::Everyone => None,
            Per::Tenant => cx.tenant().cloned(),
            Per::Principal => cx.principal().cloned(),
            Per::Service => Some(service.into()),
        };
        of.unwrap_or_default()
    }

    /// Takes what a call is taken to need.
    ///
    /// # Errors
    /// `QuotaExceeded`, reason `BudgetExhausted`.
    pub(super) fn reserve(&self, account: &Arc<str>, need: Amount, now: Timestamp) -> Result<Hold> {
        let window = self.window_of(now);
        let mut books = self.lock();
        if books.len() >= ACCOUNTS_SWEPT_FROM && !books.contains_key(account) {
            books.retain(|_, book| book.counts_in(window));
        }
        let book = books.entry(Arc::clone(account)).or_insert_with(|| Book { window, ..Book::default() });
        if !book.counts_in(window) {
            // What runs on from an earlier window was that one's.
            *book = Book { window, ..Book::default() };
        }
        let window = book.window;
        let tokens = book.tokens.used.saturating_add(book.tokens.reserved);
        let money = book.money.used.saturating_add(book.money.reserved);
        let short = match (self.tokens, self.money) {
            (Some(limit), _) if tokens.saturating_add(need.tokens) > limit => {
                Some(format!("{limit} tokens, of which {tokens} are used or reserved, and this call may need {}", need.tokens))
            }
            (_, Some(limit)) if money.saturating_add(need.money) > limit => {
                Some(format!("{limit}, of which {money} are spent or reserved, and this call may cost {}", need.money))
            }
            _ => None,
        };
        if let Some(short) = short {
            drop(books);
            return Err(self.exhausted(account, &short, window, now));
        }
        book.tokens.reserved = book.tokens.reserved.saturating_add(need.tokens);
        book.money.reserved = book.money.reserved.saturating_add(need.money);
        Ok(Hold { budget: self.clone(), account: Arc::clone(account), window, need })
    }

    fn exhausted(&self, account: &str, short: &str, window: i64, now: Timestamp) -> Error {
        let whose = match self.per {
            Per::Everyone => String::new(),
            _ if account.is_empty() => " of calls that do not say whose they are".to_owned(),
            Per::Tenant => format!(" of the tenant `{account}`"),
            Per::Principal => format!(" of the principal `{account}`"),
            Per::Service => format!(" of the service `{account}`"),
        };
        let refills = self.end_of(window);
        let mut detail = Detail::new();
        detail.retry_after = Some(refills.since(now));
        let text = format!("the budget `{}`{whose} has {short}; it refills at {refills}", self.name);
        Error::new(ErrorKind::QuotaExceeded, text).with_reason(Reason::BudgetExhausted).with_detail(detail)
    }

    fn seconds(&self) -> i64 {
        i64::try_from(self.window.as_secs()).unwrap_or(i64::MAX).max(1)
    }

    fn window_of(&self, now: Timestamp) -> i64 {
        now.unix_seconds().div_euclid(self.seconds())
    }

    fn end_of(&self, window: i64) -> Timestamp {
        Timestamp::from_unix(window.saturating_add(1).saturating_mul(self.seconds()), 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Book>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} per {:?} every {:?}", self.name, self.per, self.window)?;
        if let Some(tokens) = self.tokens {
            write!(f, ", {tokens} tokens")?;
        }
        if let Some(money) = self.money {
            write!(f, ", {money}")?;
        }
        f.write_str(")")
    }
}

/// What one call has reserved in one account. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Hold {
    budget: Budget,
    account: Arc<str>,
    window: i64,
    need: Amount,
}

impl Hold {
    /// Books what was used in place of what was reserved.
    pub(super) fn settle(self, used: Amount, estimated: bool) {
        self.update(|book| {
            book.tokens.used = book.tokens.used.saturating_add(used.tokens);
            book.money.used = book.money.used.saturating_add(used.money);
            book.estimated_calls += u64::from(estimated);
        });
    }

    fn update(&self, update: impl FnOnce(&mut Book)) {
        if let Some(book) = self.budget.lock().get_mut(&self.account).filter(|book| book.window == self.window) {
            update(book);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let need = self.need;
        self.update(|book| {
            book.tokens.reserved = book.tokens.reserved.saturating_sub(need.tokens);
            book.money.reserved = book.money.reserved.saturating_sub(need.money);
        });
    }
}
