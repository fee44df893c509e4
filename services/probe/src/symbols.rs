//! From addresses to the names of functions, by the symbol tables of the files they are in.
//!
//! Reads files, and holds a symbol table in memory while it is asked. A file without symbols leaves its addresses without names: the
//! profile then has address, file and build id, from which `go tool pprof` finds the names where it has the same file with symbols.

use crate::mapping::Mapping;
use object::read::ReadCache;
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};

/// The program that runs, even where its file has been replaced.
const SELF: &str = "/proc/self/exe";

/// What a file says of itself and of addresses in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// In hexadecimal digits; empty where it has none.
    pub(crate) build_id: String,
    /// By address: the function as the linker knows it.
    pub(crate) functions: BTreeMap<usize, String>,
}

/// Looks up addresses of one mapping. Nothing is named where the file cannot be read.
pub(crate) fn named(mapping: &Mapping, addresses: &[usize]) -> Named {
    open(&mapping.file).ok().and_then(|file| look_up(file, mapping, addresses)).unwrap_or_default()
}

fn open(path: &str) -> io::Result<File> {
    let is_own = fs::read_link(SELF).is_ok_and(|own| own.to_str() == Some(path));
    File::open(if is_own { SELF } else { path })
}

fn look_up(file: File, mapping: &Mapping, addresses: &[usize]) -> Option<Named> {
    let cache = ReadCache::new(BufReader::new(file));
    let object = object::File::parse(&cache).ok()?;
    let id = object.build_id().ok().flatten().unwrap_or_default();
    let build_id = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let place = |address: &usize| Some((linked_at(&object, mapping.file_offset(*address))?, *address));
    let mut places: Vec<_> = addresses.iter().filter_map(place).collect();
    places.sort_unstable();
    let mut functions = BTreeMap::new();
    for symbol in object.symbols().chain(object.dynamic_symbols()) {
        if symbol.kind() != SymbolKind::Text {
            continue;
        }
        let (begin, end) = (symbol.address(), symbol.address().saturating_add(symbol.size()));
        let first = places.partition_point(|(at, _)| *at < begin);
        for (_, address) in places[first..].iter().take_while(|(at, _)| *at < end) {
            functions.entry(*address).or_insert_with(|| symbol.name().unwrap_or_default().to_owned());
        }
    }
    Some(Named { build_id, functions })
}

/// The address that the linker gave to this place in the file.
fn linked_at<'d>(object: &impl object::Object<'d>, offset: u64) -> Option<u64> {
    let segment = |(begin, bytes, address): (u64, u64, u64)| {
        let within = offset.checked_sub(begin).filter(|within| *within < bytes)?;
        Some(address + within)
    };
    object.segments().find_map(|found| {
        let (begin, bytes) = found.file_range();
        segment((begin, bytes, found.address()))
    })
}

/// For people: as in the source, without the hash the compiler puts behind it.
pub(crate) fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_this_program_has_its_name_and_an_address_that_is_none_has_no_name() {
        let here = named as *const () as usize + 1;
        let mapping = Mapping::all().into_iter().find(|mapping| mapping.contains(here)).unwrap();
        let found = named(&mapping, &[here, mapping.start]);
        let name = readable(&found.functions[&here]);
        assert!(name.ends_with("symbols::named"), "{name}");
        assert!(!found.functions.contains_key(&mapping.start), "{found:?}");
        let gone = Mapping { file: "/nowhere".to_owned(), ..mapping };
        assert_eq!(named(&gone, &[here]), Named::default());
    }
}
