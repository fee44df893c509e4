//! What tests of drivers share: programs on the other side, a plant above a driver, and a siege that every protocol has to stand.

pub(crate) mod counterpart;
pub(crate) mod rig;
pub(crate) mod siege;
