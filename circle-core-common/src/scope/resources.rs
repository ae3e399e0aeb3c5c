//! What a call is about.

use std::sync::Arc;

use crate::operation::Class;

/// The things that a call names.
#[derive(Clone, Copy)]
pub enum Resources<'a> {
    /// None.
    None,
    /// One.
    One(&'a Arc<str>),
    /// Several; each is asked for.
    Many(&'a [Arc<str>]),
    /// The first is read, the second gets the operation's class: a copy.
    Pair(&'a Arc<str>, &'a Arc<str>),
}

impl<'a> Resources<'a> {
    pub(super) fn first(self) -> Option<&'a Arc<str>> {
        match self {
            Self::None => None,
            Self::One(one) | Self::Pair(_, one) => Some(one),
            Self::Many(many) => many.first(),
        }
    }

    /// What is only read on the way: the source of a copy.
    pub(super) fn source(self) -> Option<&'a Arc<str>> {
        match self {
            Self::Pair(source, _) => Some(source),
            _ => None,
        }
    }

    /// Each with the class that is asked for.
    pub(super) fn classed(self, class: Class) -> impl Iterator<Item = (Class, &'a str)> {
        type Two<'a> = [Option<(Class, &'a str)>; 2];
        let (head, tail): (Two<'a>, &'a [Arc<str>]) = match self {
            Self::None => ([Some((class, "")), None], &[]),
            Self::One(one) => ([Some((class, &**one)), None], &[]),
            Self::Many(many) => ([None, None], many),
            Self::Pair(source, target) => ([Some((Class::Read, &**source)), Some((class, &**target))], &[]),
        };
        head.into_iter().flatten().chain(tail.iter().map(move |one| (class, &**one)))
    }

    pub(super) fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
            Self::Pair(..) => 2,
        }
    }
}
