//! What a server has: a walk from its root along a glob, for people who make tags of it. Bounded in nodes, depth and answers.

use crate::error;
use crate::session::Session;
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResult, Error, NodeClass, NodeId, ReadValueId,
    ReferenceDescription, ReferenceTypeId, Variant, VariantScalarTypeId,
};
use std::collections::BTreeSet;
use tidegate_service_plant::{Limit, Trouble, Type};

/// Nodes asked about in one request.
const AT_ONCE: usize = 50;
/// Nodes looked at in one walk.
const VISITED_MAX: usize = 20_000;
const DEPTH_MAX: usize = 32;
/// Parts of any depth in one glob: each of them multiplies the ways in which a path may be meant.
const DEEP_MAX: usize = 3;
/// The depth of a server's own objects.
const BELOW_OBJECTS: usize = 2;
/// References in one answer, for each node.
const REFERENCES_MAX: u32 = 1000;
const OBJECTS_AND_VARIABLES: u32 = NodeClass::Object as u32 | NodeClass::Variable as u32;
/// Class, browse name: what is looked at.
const ALL_RESULTS: u32 = 63;

/// A variable that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Browse names from the root, `Objects/Line/Temp`.
    pub path: String,
    /// As a tag's address has it, its type included where it is no real.
    pub address: String,
    /// What a tag's `type` would be; nothing where it cannot be read as a tag.
    pub of: Option<Type>,
}

/// What came of a walk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Browsed {
    pub leaves: Vec<Leaf>,
    /// There is more than was asked for, or than is looked at.
    pub is_cut: bool,
}

/// Parts of a path: `*` is anything within a part, `**` any number of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<String>);

/// A node on the way.
struct Stop {
    node: NodeId,
    names: Vec<String>,
}

impl Glob {
    /// Nothing where it has more parts of any depth than are tried.
    pub fn new(text: &str) -> Option<Glob> {
        let mut parts: Vec<String> =
            text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        parts.dedup_by(|one, other| one == "**" && other == "**");
        let deep = parts.iter().filter(|part| *part == "**").count();
        (deep <= DEEP_MAX).then_some(Glob(parts))
    }

    /// Whether its part at this depth is no name but takes any.
    fn is_open_at(&self, depth: usize) -> bool {
        self.0.get(depth).or(self.0.last()).is_some_and(|part| part.contains('*'))
    }

    /// Whether a path is meant, and whether one below it may be.
    fn fits(&self, names: &[String]) -> (bool, bool) {
        fits(&self.0, names)
    }
}

fn fits(parts: &[String], names: &[String]) -> (bool, bool) {
    match (parts.split_first(), names.split_first()) {
        (None, None) => (true, false),
        (None, Some(_)) => (false, false),
        (Some(_), None) => (parts.iter().all(|part| part == "**"), true),
        (Some((part, rest)), Some((_, behind))) if part == "**" => {
            let (here, further) = (fits(rest, names), fits(parts, behind));
            (here.0 || further.0, here.1 || further.1)
        }
        (Some((part, rest)), Some((name, behind))) if like(part.as_bytes(), name.as_bytes()) => {
            fits(rest, behind)
        }
        _ => (false, false),
    }
}

/// Greedy, from star to star; no part is looked at twice as often as it is long.
fn like(part: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < name.len() {
        if part.get(at) == Some(&b'*') {
            star = Some((at, of));
            at += 1;
        } else if part.get(at).is_some_and(|byte| *byte == name[of]) {
            (at, of) = (at + 1, of + 1);
        } else if let Some((star_at, star_of)) = star {
            star = Some((star_at, star_of + 1));
            (at, of) = (star_at + 1, star_of + 1);
        } else {
            return false;
        }
    }
    part[at..].iter().all(|byte| *byte == b'*')
}

/// A walk under way: level by level, so that what is near comes first.
struct Walk<'g> {
    glob: &'g Glob,
    many: usize,
    seen: BTreeSet<String>,
    found: Vec<Stop>,
    next: Vec<Stop>,
}

impl Walk<'_> {
    fn is_over(&self) -> bool {
        self.found.len() > self.many || self.seen.len() > VISITED_MAX
    }

    fn meet(&mut self, names: &[String], child: ReferenceDescription) {
        let node = child.node_id.node_id;
        if !self.seen.insert(node.to_string()) {
            return;
        }
        let names = [names, &[child.browse_name.name.as_ref().to_owned()]].concat();
        // What every server has beside what it is for is shown to those who name it.
        if node.namespace == 0 && names.len() == BELOW_OBJECTS && self.glob.is_open_at(BELOW_OBJECTS - 1) {
            return;
        }
        let (is_meant, goes_on) = self.glob.fits(&names);
        if is_meant && child.node_class == NodeClass::Variable {
            self.found.push(Stop { node: node.clone(), names: names.clone() });
        }
        if goes_on && names.len() < DEPTH_MAX {
            self.next.push(Stop { node, names });
        }
    }
}

impl Session {
    /// Variables that the glob means, at most so many.
    pub(crate) async fn browse(
        &mut self,
        glob: &Glob,
        many: usize,
        limit: Limit,
    ) -> Result<Browsed, Trouble> {
        let (seen, root) = (BTreeSet::new(), NodeId::root_folder_id());
        let mut walk =
            Walk { glob, many, seen, found: Vec::new(), next: vec![Stop { node: root, names: Vec::new() }] };
        while !walk.next.is_empty() && !walk.is_over() {
            let level = std::mem::take(&mut walk.next);
            for stops in level.chunks(AT_ONCE) {
                let children = limit.on(self.children(stops)).await?;
                for (stop, children) in stops.iter().zip(children) {
                    children.into_iter().for_each(|child| walk.meet(&stop.names, child));
                }
            }
        }
        let is_cut = walk.is_over();
        walk.found.truncate(many);
        Ok(Browsed { leaves: self.leaves(&walk.found, limit).await?, is_cut })
    }

    /// Of each node, those one step below it; of one that the server does not show, none.
    async fn children(&self, stops: &[Stop]) -> Result<Vec<Vec<ReferenceDescription>>, Trouble> {
        let asked: Vec<_> = stops.iter().map(|stop| below(&stop.node)).collect();
        let answers = self.client().browse(&asked, REFERENCES_MAX, None).await.map_err(refused)?;
        let mut all = Vec::with_capacity(stops.len());
        for answer in answers {
            all.push(self.whole(answer).await?);
        }
        Ok(all)
    }

    /// An answer that was cut is asked for its rest.
    async fn whole(&self, answer: BrowseResult) -> Result<Vec<ReferenceDescription>, Trouble> {
        let mut children = answer.references.unwrap_or_default();
        let mut rest = answer.continuation_point;
        while !rest.is_null_or_empty() && children.len() < VISITED_MAX {
            let more = self.client().browse_next(false, &[rest]).await.map_err(refused)?;
            let Some(more) = more.into_iter().next() else { break };
            children.extend(more.references.unwrap_or_default());
            rest = more.continuation_point;
        }
        Ok(children)
    }

    async fn leaves(&mut self, found: &[Stop], limit: Limit) -> Result<Vec<Leaf>, Trouble> {
        let mut leaves = Vec::with_capacity(found.len());
        for stops in found.chunks((self.reads_max() / 2).max(1)) {
            let value = |stop: &Stop| ReadValueId::from(stop.node.clone());
            let declared =
                |stop: &Stop| ReadValueId { attribute_id: AttributeId::DataType as u32, ..value(stop) };
            let asked: Vec<_> = stops.iter().flat_map(|stop| [value(stop), declared(stop)]).collect();
            let said = limit.on(self.values(&asked)).await?;
            for (stop, said) in stops.iter().zip(said.chunks(2)) {
                leaves.push(leaf(stop, said[0].value.as_ref(), said[1].value.as_ref()));
            }
        }
        Ok(leaves)
    }
}

fn below(node: &NodeId) -> BrowseDescription {
    BrowseDescription {
        node_id: node.clone(),
        browse_direction: BrowseDirection::Forward,
        reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
        include_subtypes: true,
        node_class_mask: OBJECTS_AND_VARIABLES,
        result_mask: ALL_RESULTS,
    }
}

fn leaf(stop: &Stop, value: Option<&Variant>, declared: Option<&Variant>) -> Leaf {
    let of = match value {
        Some(value) if value.is_array() => None,
        Some(value) if !value.is_empty() => value.scalar_type_id().and_then(type_of),
        _ => declared_type(declared).and_then(type_of),
    };
    let suffix = match of {
        Some(Type::Integer) => ":INTEGER",
        Some(Type::Boolean) => ":BOOLEAN",
        Some(Type::Text) => ":TEXT",
        _ => "",
    };
    Leaf { path: stop.names.join("/"), address: format!("{}{suffix}", stop.node), of }
}

fn declared_type(declared: Option<&Variant>) -> Option<VariantScalarTypeId> {
    match declared {
        Some(Variant::NodeId(node)) if node.namespace == 0 => node.as_u32()?.try_into().ok(),
        _ => None,
    }
}

fn type_of(scalar: VariantScalarTypeId) -> Option<Type> {
    use VariantScalarTypeId as Of;
    match scalar {
        Of::Boolean => Some(Type::Boolean),
        Of::SByte | Of::Byte | Of::Int16 | Of::UInt16 | Of::Int32 | Of::UInt32 | Of::Int64 | Of::UInt64 => {
            Some(Type::Integer)
        }
        Of::Float | Of::Double => Some(Type::Real),
        Of::String | Of::LocalizedText | Of::QualifiedName | Of::Guid | Of::NodeId | Of::DateTime => {
            Some(Type::Text)
        }
        _ => None,
    }
}

fn refused(error: Error) -> Trouble {
    error::refused("browse", error.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(glob: &str, path: &str) -> (bool, bool) {
        let names: Vec<String> = path.split('/').map(str::to_owned).collect();
        Glob::new(glob).expect("a glob").fits(&names)
    }

    #[test]
    fn a_star_is_within_a_part_and_two_are_any_number_of_parts() {
        assert_eq!(meant("Objects/Line*/Temp*", "Objects/Line-1/Temperature"), (true, false));
        assert_eq!(meant("Objects/Line*/Temp*", "Objects/Line-1"), (false, true));
        assert_eq!(meant("Objects/Line*/Temp*", "Objects/Press"), (false, false));
        assert_eq!(meant("Objects/**/Temp", "Objects/a/b/Temp"), (true, true));
        assert_eq!(meant("Objects/**", "Objects/a/b"), (true, true));
        assert_eq!(meant("*a*b*", "xxaxxbx"), (true, false));
        assert_eq!(meant("*a*b", "xxaxxbx"), (false, false));
        assert_eq!(meant("a", "a/b"), (false, false));
        assert_eq!((Glob::new("**/a/**/b/**/c/**"), Glob::new("**/**/**/**/a").is_some()), (None, true));
    }

    #[test]
    fn a_glob_of_many_stars_does_not_take_for_ever() {
        let name = "a".repeat(512);
        assert_eq!(meant(&"*a".repeat(40).replace("a*", "aa*"), &format!("{name}b")), (false, false));
    }
}
