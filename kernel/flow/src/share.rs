//! Whose turn it is when what is new and what waited want the same capacity.
//!
//! A stride scheduler over two lanes: each turn costs its rows divided by the lane's share, and the cheaper lane goes next. A lane
//! that had nothing to send earns no credit by it. Pure.

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What comes in now.
    Live,
    /// What waited.
    Backlog,
}

/// The turns of two lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    live_percent: u64,
    /// What each lane has spent, in rows times the other lane's share.
    live_cost: u64,
    backlog_cost: u64,
}

impl Share {
    /// `live_percent` of what is sent while both lanes have something is live; kept between 1 and 99, so that neither starves.
    pub fn new(live_percent: u8) -> Share {
        Share { live_percent: u64::from(live_percent.clamp(1, 99)), live_cost: 0, backlog_cost: 0 }
    }

    /// The lane to send from; `None` if neither has anything.
    pub fn turn(&mut self, live_ready: bool, backlog_ready: bool) -> Option<Lane> {
        match (live_ready, backlog_ready) {
            (true, true) if self.live_cost <= self.backlog_cost => Some(Lane::Live),
            (true, true) => Some(Lane::Backlog),
            (true, false) => Some(Lane::Live),
            (false, true) => Some(Lane::Backlog),
            (false, false) => None,
        }
    }

    /// So many rows of a lane were sent. With `alone` the other lane had nothing, and the capacity was nobody else's.
    pub fn spend(&mut self, lane: Lane, rows: u64, alone: bool) {
        if alone {
            return (self.live_cost, self.backlog_cost) = (0, 0);
        }
        match lane {
            Lane::Live => self.live_cost += rows * (100 - self.live_percent),
            Lane::Backlog => self.backlog_cost += rows * self.live_percent,
        }
        let least = self.live_cost.min(self.backlog_cost);
        self.live_cost -= least;
        self.backlog_cost -= least;
    }
}
