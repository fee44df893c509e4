//! The tags rules may name: those of the model with the kinds it gives them, and those that only the configuration names. Pure.

use tidegate_engine_rules::{Catalog, Kind};
use tidegate_engine_tags::{Model, Type};
use tidegate_kernel_plug::config::{Fault, Faults, Values};

/// The lists of `[ingest.rule_tags]`.
const LISTS: [(&str, Kind); 3] = [("number", Kind::Number), ("boolean", Kind::Boolean), ("text", Kind::Text)];

/// Every tag of every device, and any topic. Of devices behind a `+` each may have its template's tags, whatever its name.
pub(crate) fn of_model(model: &Model) -> Catalog {
    let mut catalog = Catalog::of_topics();
    for (device, plan) in model.devices() {
        let tags = plan.tags().iter().filter_map(|tag| Some((&*tag.name, kind_of(tag.of)?)));
        match device {
            Some(device) => tags.for_each(|(tag, kind)| catalog.insert(format!("{device}.{tag}"), kind)),
            None => tags.for_each(|(tag, kind)| catalog.insert_open(tag, kind)),
        }
    }
    catalog
}

/// A window of samples is no value; what is made of it, such as its RMS, is a tag of its own.
fn kind_of(of: Type) -> Option<Kind> {
    match of {
        Type::Real | Type::Integer => Some(Kind::Number),
        Type::Boolean => Some(Kind::Boolean),
        Type::Text => Some(Kind::Text),
        Type::Reals => None,
    }
}

/// Adds the tags that `[ingest.rule_tags]` names. One that is of another kind in the model, or in another list, is a fault.
pub(crate) fn add_named(catalog: &mut Catalog, values: &Values, faults: &mut Faults) {
    for (list, kind) in LISTS {
        for (at, name) in values.get::<Vec<String>>(list).into_iter().enumerate() {
            match catalog.kind(&name).filter(|known| *known != kind) {
                Some(known) => faults.push(contradiction(values, (list, at), &name, known)),
                None => catalog.insert(name, kind),
            }
        }
    }
}

fn contradiction(values: &Values, (list, at): (&str, usize), name: &str, known: Kind) -> Fault {
    let message = format!("{name} is a {known}, by the model or by another list");
    let hint = "take it out of here: a tag of the model needs no mention";
    Fault { code: "TG-RU-017", ..values.fault_in(list, at, message, hint) }
}
