//! How many viewers each principal has at once: one person's forgotten tabs must not take the room
//! of a ward.

use dashmap::DashMap;
use plantao_schema::id::{PrincipalId, Tenant};
use std::sync::Arc;

/// The places of all principals. Clones share them.
#[derive(Clone)]
pub struct Places {
    taken: Arc<DashMap<(Tenant, PrincipalId), usize>>,
    each: usize,
}

/// One principal's place; dropped, it is free.
pub(super) struct Place {
    places: Places,
    whose: (Tenant, PrincipalId),
}

impl Places {
    /// So many for each.
    #[must_use]
    pub fn new(each: usize) -> Self {
        let taken = Arc::default();
        Self { taken, each }
    }

    /// Takes one, if the principal has one left.
    pub(super) fn take(&self, tenant: &Tenant, principal: &PrincipalId) -> Option<Place> {
        let whose = (tenant.clone(), principal.clone());
        let mut taken = self.taken.entry(whose.clone()).or_default();
        if *taken >= self.each {
            return None;
        }
        *taken = taken.saturating_add(1);
        Some(Place {
            places: self.clone(),
            whose,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let dashmap::Entry::Occupied(mut taken) = self.places.taken.entry(self.whose.clone()) {
            let left = taken.get().saturating_sub(1);
            if left == 0 {
                taken.remove();
            } else {
                taken.insert(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_has_so_many_places_and_no_more_until_one_is_given_back() {
        let places = Places::new(2);
        let tenant = Tenant::parse("demo").unwrap();
        let who = |name| PrincipalId::parse(name).unwrap();
        let first = places.take(&tenant, &who("medica"));
        let _second = places.take(&tenant, &who("medica")).unwrap();
        assert!(places.take(&tenant, &who("medica")).is_none());
        assert!(places.take(&tenant, &who("enfermeiro")).is_some());
        drop(first);
        assert!(places.take(&tenant, &who("medica")).is_some());
        assert_eq!(places.taken.len(), 1);
    }
}
