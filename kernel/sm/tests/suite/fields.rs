//! Fields: bound to their place, under keys with versions; what is wrong with one has a code and gives nothing away.

use proptest::prelude::*;
use std::collections::BTreeSet;
use tidegate_kernel_sm::SmError;
use tidegate_kernel_sm::field::{BlindIndex, FIELD_BYTES_MAX, Keyring, Place, Raised, key_of, normalised};

const PLACE: Place = Place { table: "people", column: "phone", row: "17" };

fn ring(names: &[&str]) -> Keyring {
    let ring = Keyring::default();
    names.iter().for_each(|name| ring.create(name).unwrap());
    ring
}

fn seal(ring: &Keyring, name: &str) -> String {
    ring.writer(name).unwrap().seal(PLACE, b"13800138000").unwrap()
}

fn code(result: Result<impl Sized, SmError>) -> &'static str {
    result.err().expect("it is refused").code()
}

#[test]
fn a_field_opens_at_its_place_and_nowhere_else() {
    let ring = ring(&["k"]);
    let text = seal(&ring, "k");
    assert_eq!(ring.open(&text, PLACE).unwrap().as_slice(), b"13800138000");
    let elsewhere = [
        Place { table: "other", ..PLACE },
        Place { column: "name", ..PLACE },
        Place { row: "18", ..PLACE },
        Place { table: "peoplep", column: "hone", ..PLACE },
    ];
    for place in elsewhere {
        assert_eq!(code(ring.open(&text, place)), "TG-SM-003");
    }
    assert_ne!(text, seal(&ring, "k"), "a nonce is never used twice");
}

#[test]
fn any_changed_character_is_refused_and_no_error_shows_the_field() {
    let ring = ring(&["k"]);
    let text = seal(&ring, "k");
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let error = ring.open(std::str::from_utf8(&changed).unwrap(), PLACE).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("1380013"), "{error}");
    }
    for wrong in ["", "sm4g", "sm4g:v1", "sm4g:v1:k", "sm4g:v1:k:", "sm4g:v1:k:AAAA", "sm4g:v1::AAAA", "x"] {
        assert_eq!(code(ring.open(wrong, PLACE)), "TG-SM-001", "{wrong}");
    }
    assert_eq!(code(ring.open(&"A".repeat(4 << 20), PLACE)), "TG-SM-001");
}

#[test]
fn unknown_keys_and_versions_have_a_code_and_a_key_is_named_once() {
    let ring = ring(&["k"]);
    let text = seal(&ring, "k");
    assert_eq!(code(ring.open(&text.replace(":k:", ":other:"), PLACE)), "TG-SM-002");
    assert_eq!(code(ring.open(&text.replace(":v1:", ":v2:"), PLACE)), "TG-SM-002");
    assert_eq!(code(ring.writer("other")), "TG-SM-002");
    assert_eq!(code(ring.create("k")), "TG-SM-008");
    for name in ["", "a b", "a:b", &"a".repeat(65)] {
        assert_eq!(code(ring.create(name)), "TG-SM-008");
    }
    let writer = ring.writer("k").unwrap();
    assert_eq!(code(writer.seal(PLACE, &vec![0; FIELD_BYTES_MAX + 1])), "TG-SM-008");
    let longest = writer.seal(PLACE, &vec![7; FIELD_BYTES_MAX]).unwrap();
    assert_eq!(ring.open(&longest, PLACE).unwrap().len(), FIELD_BYTES_MAX);
}

#[test]
fn the_minimum_is_raised_when_a_scan_saw_nothing_old_and_nobody_writes_it() {
    let ring = ring(&["k"]);
    let (old, late) = (seal(&ring, "k"), ring.writer("k").unwrap());
    assert_eq!(ring.rotate("k"), Ok(2));
    assert_eq!(code(ring.scan("k")), "TG-SM-007", "a writer may still store a field of version 1");
    drop(late);
    let mut scan = ring.scan("k").unwrap();
    scan.see(&old).unwrap();
    assert_eq!(code(scan.finish(&ring)), "TG-SM-007", "a field of version 1 is there");
    let writer = ring.writer("k").unwrap();
    let new = ring.rewrap(&writer, &old, PLACE).unwrap().unwrap();
    assert!(new.starts_with("sm4g:v2:k:"));
    assert_eq!(ring.rewrap(&writer, &new, PLACE), Ok(None));
    let mut scan = ring.scan("k").unwrap();
    scan.see(&new).unwrap();
    assert_eq!(scan.finish(&ring), Ok(Raised { minimum: 2, seen: 1 }));
    assert_eq!(ring.open(&new, PLACE).unwrap().as_slice(), b"13800138000");
    assert_eq!(code(ring.open(&old, PLACE)), "TG-SM-005");
}

#[test]
fn a_scan_ends_at_what_it_does_not_know_and_passes_other_keys_over() {
    let ring = ring(&["k", "other"]);
    let mut scan = ring.scan("k").unwrap();
    scan.see(&seal(&ring, "other")).unwrap();
    assert_eq!(code(scan.see("13800138000")), "TG-SM-001");
    assert_eq!(scan.finish(&ring), Ok(Raised { minimum: 1, seen: 0 }));
}

#[test]
fn a_shredded_subject_is_gone_for_readers_writers_and_whoever_loads_the_keys() {
    let (kek, ring) = (ring(&["kek"]), ring(&["subject-1", "subject-2"]));
    let (one, other, writer) =
        (seal(&ring, "subject-1"), seal(&ring, "subject-2"), ring.writer("subject-1").unwrap());
    ring.shred("subject-1").unwrap();
    let stored = ring.store(&kek.writer("kek").unwrap()).unwrap();
    for ring in [&ring, &Keyring::load(&kek, &stored).unwrap()] {
        assert_eq!(code(ring.open(&one, PLACE)), "TG-SM-004");
        assert_eq!(code(ring.create("subject-1")), "TG-SM-004");
        assert_eq!(code(ring.shred("subject-1")), "TG-SM-004");
        assert!(ring.open(&other, PLACE).is_ok());
    }
    assert_eq!(code(writer.seal(PLACE, b"more")), "TG-SM-004");
}

#[test]
fn keys_come_back_from_their_text_also_after_the_key_over_them_was_rotated() {
    let (kek, ring) = (ring(&["kek"]), ring(&["a", "b"]));
    let text = seal(&ring, "a");
    ring.rotate("a").unwrap();
    let first = ring.store(&kek.writer("kek").unwrap()).unwrap();
    kek.rotate("kek").unwrap();
    let second = ring.store(&kek.writer("kek").unwrap()).unwrap();
    assert!(second.contains(" sm4g:v2:kek:") && !second.contains(" sm4g:v1:kek:"));
    for stored in [&first, &second] {
        let loaded = Keyring::load(&kek, stored).unwrap();
        assert_eq!(loaded.open(&text, PLACE).unwrap().as_slice(), b"13800138000");
        assert!(seal(&loaded, "a").starts_with("sm4g:v2:a:"));
    }
}

#[test]
fn keys_that_were_written_over_are_refused() {
    let (kek, keys) = (ring(&["kek"]), ring(&["a", "b"]));
    let stored = keys.store(&kek.writer("kek").unwrap()).unwrap();
    let load = |text: &str| code(Keyring::load(&kek, text));
    assert_eq!(load(&stored.replace("key a 1 1", "key a 2 1")), "TG-SM-003");
    assert_eq!(load(&stored.replace("key a 1 1", "key a 1 0")), "TG-SM-003");
    assert_eq!(load(&stored.replace("key a 1", "key c 1")), "TG-SM-003");
    assert_eq!(load(&stored.replace("keys 1\n", "keys 2\n")), "TG-SM-009");
    assert_eq!(load(&format!("{stored}shredded a\n")), "TG-SM-009");
    assert_eq!(load(&format!("{stored}{}", stored.lines().nth(1).unwrap())), "TG-SM-009");
    assert_eq!(load(&format!("{stored}what is this\n")), "TG-SM-009");
    assert_eq!(code(Keyring::load(&ring(&["kek"]), &stored)), "TG-SM-003");
}

#[test]
fn a_synthetic_nonce_comes_back_with_place_and_plaintext_and_with_nothing_else() {
    let ring = ring(&["k", "other"]);
    let seal = |name: &str, place: Place, plain: &[u8]| {
        ring.writer(name).unwrap().seal_synthetic(place, plain).unwrap()
    };
    let nonce = |text: &str| text.rsplit(':').next().unwrap()[..16].to_owned();
    let text = seal("k", PLACE, b"13800138000");
    assert_eq!(text, seal("k", PLACE, b"13800138000"));
    assert_eq!(ring.open(&text, PLACE).unwrap().as_slice(), b"13800138000");
    let others = [
        seal("k", PLACE, b"13800138001"),
        seal("k", Place { row: "18", ..PLACE }, b"13800138000"),
        seal("k", Place { row: "171", ..PLACE }, b"3800138000"),
        seal("other", PLACE, b"13800138000"),
    ];
    let nonces: BTreeSet<_> = others.iter().chain([&text]).map(|text| nonce(text)).collect();
    assert_eq!(nonces.len(), 5);
    ring.rotate("k").unwrap();
    assert_ne!(nonce(&text), nonce(&seal("k", PLACE, b"13800138000")), "each version has nonces of its own");
}

#[test]
fn one_key_is_stored_behind_those_that_are_there() {
    let (kek, keys) = (ring(&["kek"]), ring(&["a", "b", "c"]));
    let writer = kek.writer("kek").unwrap();
    let text = seal(&keys, "c");
    keys.rotate("c").unwrap();
    let more = keys.store_key("c", &writer).unwrap();
    let stored = ring(&["d"]).store(&writer).unwrap();
    let loaded = Keyring::load(&kek, &format!("{stored}{more}")).unwrap();
    assert_eq!(loaded.open(&text, PLACE).unwrap().as_slice(), b"13800138000");
    assert_eq!((more.lines().count(), code(loaded.writer("a"))), (2, "TG-SM-002"));
    keys.shred("c").unwrap();
    assert_eq!((code(keys.store_key("c", &writer)), key_of(&text)), ("TG-SM-004", Ok("c")));
}

#[test]
fn keys_are_taken_in_all_or_none_and_counted() {
    let (all, one) = (ring(&["a", "b"]), ring(&["c"]));
    let text = seal(&one, "c");
    all.shred("a").unwrap();
    all.adopt(one).unwrap();
    assert_eq!((all.counts(), all.open(&text, PLACE).unwrap().as_slice()), ((2, 1), &b"13800138000"[..]));
    assert_eq!((code(all.adopt(ring(&["d", "a"]))), all.counts()), ("TG-SM-008", (2, 1)));
}

#[test]
fn a_token_finds_the_same_value_in_its_column_alone() {
    let index = BlindIndex::generate().unwrap();
    let token = |value| index.token("people", "phone", value);
    assert_eq!(token("Ａ１３８ 001"), token("  a138\u{3000}001 "));
    assert_ne!(token("a138001"), token("a138 001"));
    assert_ne!(token("a138001"), index.token("people", "name", "a138001"));
    assert_ne!(token("a138001"), index.token("peoplep", "hone", "a138001"));
    let same = BlindIndex::from_bytes(index.as_bytes()).unwrap();
    assert_eq!(token("x"), same.token("people", "phone", "x"));
    assert_ne!(token("x"), BlindIndex::generate().unwrap().token("people", "phone", "x"));
    assert_eq!(code(BlindIndex::from_bytes(&[0; 31])), "TG-SM-010");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_at_any_place_come_back(plain in prop::collection::vec(any::<u8>(), 0..300), parts in any::<[String; 3]>()) {
        let ring = ring(&["k"]);
        let place = Place { table: &parts[0], column: &parts[1], row: &parts[2] };
        let text = ring.writer("k").unwrap().seal(place, &plain).unwrap();
        let opened = ring.open(&text, place).unwrap();
        prop_assert_eq!(opened.as_slice(), plain);
    }

    #[test]
    fn no_text_makes_opening_panic(text in "(sm4g:v[0-9]{1,3}:[a-z]{0,3}:)?[A-Za-z0-9+/:=]{0,80}") {
        prop_assert!(ring(&["k"]).open(&text, PLACE).is_err());
    }

    #[test]
    fn a_normalised_value_is_normalised(value in any::<String>()) {
        prop_assert_eq!(normalised(&normalised(&value)), normalised(&value));
    }
}
