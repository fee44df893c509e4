//! Connections at once, in all and per address. One lock, held for a look.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The seats of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Seats {
    all_max: usize,
    each_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: BTreeMap<IpAddr, usize>,
}

/// A seat, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Seats {
    pub(crate) fn new(all_max: usize, each_max: usize) -> Seats {
        Seats { all_max, each_max, taken: Arc::default() }
    }

    /// A seat for somebody at `address`, or why there is none.
    pub(crate) fn take(&self, address: IpAddr) -> Result<Seat, &'static str> {
        let mut taken = self.taken();
        if taken.all >= self.all_max {
            return Err("too many connections are open");
        }
        let each = taken.each.entry(address).or_default();
        if *each >= self.each_max {
            return Err("too many connections are open from this address");
        }
        *each += 1;
        taken.all += 1;
        Ok(Seat { seats: self.clone(), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.all -= 1;
        if let Some(each) = taken.each.get_mut(&self.address) {
            *each -= 1;
            if *each == 0 {
                taken.each.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_in_all_and_per_address_and_come_back() {
        let seats = Seats::new(3, 2);
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let first = [seats.take(address(1)).unwrap(), seats.take(address(1)).unwrap()];
        assert!(seats.take(address(1)).is_err_and(|why| why.contains("this address")));
        let third = seats.take(address(2)).unwrap();
        assert!(seats.take(address(3)).is_err());
        drop((first, third));
        assert!(seats.take(address(1)).is_ok() && seats.taken().each.is_empty());
    }
}
