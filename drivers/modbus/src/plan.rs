//! Tags to few requests: what stands side by side, or nearly so, is read at once. Pure.

use crate::address::{Address, Table};

/// Coils or registers that nobody asked for, and which are read all the same rather than ask twice.
pub(crate) const GAP_MAX: u32 = 8;

/// How a group is read.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order they were asked for.
    pub(crate) addresses: Vec<Address>,
    /// Their places in `addresses`, in the order of the device.
    order: Vec<usize>,
    /// What is read at once, as a range of `order`.
    blocks: Vec<Block>,
}

/// A range of what is in the order of the device. Ranges are halved where a device refuses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// What is asked for in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) table: Table,
    pub(crate) start: u16,
    pub(crate) len: u16,
}

impl Plan {
    pub(crate) fn new(addresses: &[Address]) -> Plan {
        let mut order: Vec<usize> = (0..addresses.len()).collect();
        order.sort_by_key(|at| (addresses[*at].table, addresses[*at].start));
        let mut plan = Plan { addresses: addresses.to_vec(), order, blocks: Vec::new() };
        for at in 0..plan.order.len() {
            match plan.blocks.last().copied() {
                Some(block) if plan.joins(block, at) => {
                    plan.blocks.pop();
                    plan.blocks.push(Block { to: at + 1, ..block });
                }
                _ => plan.blocks.push(Block { from: at, to: at + 1 }),
            }
        }
        plan
    }

    fn joins(&self, block: Block, at: usize) -> bool {
        let (span, address) = (self.span(block), &self.addresses[self.order[at]]);
        let end = span.end().max(address.end());
        address.table == span.table
            && u32::from(address.start) <= span.end() + GAP_MAX
            && end - u32::from(span.start) <= span.table.len_max()
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The addresses in a block, by their places in what was asked for.
    pub(crate) fn places(&self, block: Block) -> &[usize] {
        &self.order[block.from..block.to]
    }

    /// Everything from the first to the last of a block.
    pub(crate) fn span(&self, block: Block) -> Span {
        let within = || self.places(block).iter().map(|at| &self.addresses[*at]);
        let first = within().next().expect("a block has an address");
        let end = within().map(Address::end).max().unwrap_or_default();
        let len = (end - u32::from(first.start)) as u16;
        Span { table: first.table, start: first.start, len }
    }
}

impl Block {
    /// Both halves; nothing of a single address.
    pub(crate) fn halves(self) -> Option<[Block; 2]> {
        let middle = self.from.midpoint(self.to);
        (middle > self.from).then_some([Block { to: middle, ..self }, Block { from: middle, ..self }])
    }
}

impl Span {
    /// As people write where it begins and ends.
    pub(crate) fn reference(&self) -> String {
        format!("{} to {}", self.table.reference(self.start.into()), self.table.reference(self.end() - 1))
    }

    fn end(&self) -> u32 {
        u32::from(self.start) + u32::from(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(texts: &[&str]) -> Vec<(u16, u16)> {
        let addresses: Vec<_> = texts.iter().map(|text| Address::parse(text).unwrap().0).collect();
        let plan = Plan::new(&addresses);
        plan.blocks().iter().map(|block| plan.span(*block)).map(|span| (span.start, span.len)).collect()
    }

    #[test]
    fn neighbours_are_read_at_once_and_a_wide_gap_is_not_read() {
        assert_eq!(spans(&["40003:FLOAT", "40001:FLOAT", "40005"]), [(0, 5)]);
        assert_eq!(spans(&["40001", "40010"]), [(0, 10)], "eight that nobody asked for");
        assert_eq!(spans(&["40001", "40011"]), [(0, 1), (10, 1)]);
        assert_eq!(spans(&["40001", "30001", "00001", "10001"]), [(0, 1); 4], "each table by itself");
        assert_eq!(spans(&["40001:DOUBLE", "40002.1", "40001:STRING40"]), [(0, 20)], "they may overlap");
    }

    #[test]
    fn no_request_asks_for_more_than_the_protocol_allows() {
        let texts: Vec<String> = (0..200).map(|at| format!("4{:04}:UINT16", at + 1)).collect();
        assert_eq!(spans(&texts.iter().map(String::as_str).collect::<Vec<_>>()), [(0, 125), (125, 75)]);
    }

    fn addresses() -> impl Strategy<Value = Vec<Address>> {
        let form = prop::sample::select(&["", ":FLOAT", ":DOUBLE", ":STRING60", ".3"][..]);
        let register = (prop::sample::select(&["3", "4"][..]), 1..600_u32, form);
        let flag = (prop::sample::select(&["0", "1"][..]), 1..9000_u32, Just(""));
        let one = prop_oneof![register, flag]
            .prop_map(|(table, at, form)| Address::parse(&format!("{table}{at:05}{form}")).unwrap().0);
        prop::collection::vec(one, 1..80)
    }

    proptest! {
        #[test]
        fn every_tag_is_in_exactly_one_request_that_covers_it(addresses in addresses()) {
            let plan = Plan::new(&addresses);
            let mut seen = vec![0; addresses.len()];
            for block in plan.blocks() {
                let span = plan.span(*block);
                prop_assert!(span.len > 0 && u32::from(span.len) <= span.table.len_max());
                for at in plan.places(*block) {
                    let address = &plan.addresses[*at];
                    prop_assert!(address.table == span.table && address.start >= span.start);
                    prop_assert!(address.end() <= span.end());
                    seen[*at] += 1;
                }
            }
            prop_assert!(seen.iter().all(|seen| *seen == 1));
        }

        #[test]
        fn halves_come_down_to_single_tags(addresses in addresses()) {
            let plan = Plan::new(&addresses);
            let mut open = plan.blocks().to_vec();
            let mut singles = 0;
            while let Some(block) = open.pop() {
                match block.halves() {
                    Some(halves) => open.extend(halves),
                    None => singles += plan.places(block).len(),
                }
            }
            prop_assert_eq!(singles, addresses.len());
        }
    }
}
