//! The files that keys of memos are in: cut off anywhere, put back too old, written over, in nobody else's hands.

use crate::asks::{order, transfer};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;
use tidegate_kernel_plug::{Capability, Readiness};
use tidegate_service_ledger::{MemoError, Memos, NamedOrder, Note, Noted, Setback, Subject, Told};

const OUTER: &str = "outer.key";
const SUBJECTS: &str = "subjects.keys";

struct Drawer(TempDir);

impl Drawer {
    fn new() -> Drawer {
        Drawer(TempDir::new().unwrap())
    }

    fn open(&self) -> Memos {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Memos, MemoError> {
        Memos::open(self.0.path(), 8)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join("memos").join(file)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn both(&self) -> [String; 2] {
        [OUTER, SUBJECTS].map(|file| self.text(file))
    }

    fn put(&self, [outer, subjects]: &[String; 2]) {
        fs::write(self.path(OUTER), outer).unwrap();
        fs::write(self.path(SUBJECTS), subjects).unwrap();
    }
}

fn seal(memos: &Memos, subject: &str) -> Result<NamedOrder, Setback> {
    let note = Note::new(Some(subject.to_owned()), format!("for {subject}"));
    memos.seal("main", vec![Noted { order: order(transfer("source", "a", 1)), note }]).remove(0)
}

fn read(memos: &Memos, order: &NamedOrder) -> Told {
    memos.read("main", order.id, &order.memo)
}

fn open(subject: &str) -> Told {
    Told::Open { subject: subject.to_owned(), text: format!("for {subject}") }
}

fn code(result: Result<impl Sized, MemoError>) -> &'static str {
    result.err().expect("it is refused").code()
}

#[test]
fn nothing_is_made_before_there_is_a_memo_and_then_for_nobody_else() {
    let drawer = Drawer::new();
    let memos = drawer.open();
    assert!(
        memos.seal("main", vec![Noted { order: order(transfer("source", "a", 1)), note: None }])[0].is_ok()
    );
    assert_eq!(code(memos.shred("c-1")), "TG-SM-002");
    assert!(!drawer.path("").exists());
    seal(&memos, "c-1").unwrap();
    let mode = |file: &str| fs::metadata(drawer.path(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode(OUTER), mode(SUBJECTS)], [0o700, 0o600, 0o600]);
}

#[test]
fn a_memo_opens_in_its_book_and_at_its_order_alone() {
    let drawer = Drawer::new();
    let memos = drawer.open();
    let [one, other] = ["c-1", "c-1"].map(|subject| seal(&memos, subject).unwrap());
    assert_eq!(read(&memos, &one), open("c-1"));
    let closed = |told: Told| matches!(told, Told::Closed { why, .. } if why.code() == "TG-SM-003");
    assert!(
        closed(memos.read("other", one.id, &one.memo)) && closed(memos.read("main", other.id, &one.memo))
    );
}

#[test]
fn a_line_that_a_crash_cut_off_is_no_key_and_the_next_one_is_whole() {
    let drawer = Drawer::new();
    let kept = seal(&drawer.open(), "c-1").unwrap();
    let whole = drawer.text(SUBJECTS);
    seal(&drawer.open(), "c-2").unwrap();
    let more = fs::read(drawer.path(SUBJECTS)).unwrap();
    for end in whole.len()..more.len() {
        fs::write(drawer.path(SUBJECTS), [&more[..end], &[0xff, 0][..(end % 2) * 2]].concat()).unwrap();
        let memos = drawer.open();
        assert_eq!((read(&memos, &kept), code(memos.subject("c-2"))), (open("c-1"), "TG-SM-002"));
        let again = seal(&memos, "c-2").unwrap();
        assert_eq!(read(&drawer.open(), &again), open("c-2"));
    }
}

#[test]
fn a_rotation_that_was_cut_off_anywhere_is_brought_to_its_end_by_the_next_start() {
    let drawer = Drawer::new();
    let memos = drawer.open();
    let order = seal(&memos, "c-1").unwrap();
    memos.shred("c-1").unwrap();
    let order = seal(&memos, "c-2").map(|other| [order, other]).unwrap();
    let [outer, subjects] = drawer.both();
    assert_eq!(memos.rotate(), Ok(2));
    let [next_outer, next_subjects] = drawer.both();
    let both = format!("{outer}{}\n", next_outer.lines().last().unwrap());
    for state in [[&both, &subjects], [&both, &next_subjects], [&next_outer, &next_subjects]] {
        drawer.put(&state.map(Clone::clone));
        fs::write(drawer.path("subjects.new"), "half of").unwrap();
        let memos = drawer.open();
        assert_eq!(read(&memos, &order[1]), open("c-2"));
        assert_eq!(memos.subject("c-1"), Ok(Subject::Shredded));
        assert_eq!(drawer.text(OUTER), next_outer);
        assert!(!drawer.path("subjects.new").exists());
        let more = seal(&memos, "c-3").unwrap();
        assert_eq!(read(&drawer.open(), &more), open("c-3"));
    }
}

#[test]
fn what_was_shredded_is_in_no_file_and_an_older_copy_does_not_open_with_the_outer_key_of_later() {
    let drawer = Drawer::new();
    let memos = drawer.open();
    let order = seal(&memos, "c-1").unwrap();
    seal(&memos, "c-10").unwrap();
    let line = drawer.text(SUBJECTS).lines().find(|line| line.starts_with("key c-1 ")).unwrap().to_owned();
    let before = fs::File::open(drawer.path(SUBJECTS)).unwrap();
    let old = drawer.both();
    assert_eq!(memos.shred("c-1"), Ok(true));
    let text = drawer.text(SUBJECTS);
    assert!(
        !text.contains(&line) && text.contains("\nshredded c-1\n") && text.contains("\nkey c-10 "),
        "{text}"
    );
    let mut left = Vec::new();
    std::io::Read::read_to_end(&mut &before, &mut left).unwrap();
    assert!(!left.is_empty() && left.iter().all(|byte| *byte == 0), "the blocks it was in are written over");
    assert_eq!(memos.rotate(), Ok(2));
    let [outer, _] = drawer.both();
    drawer.put(&[outer, old[1].clone()]);
    assert_eq!(code(drawer.try_open()), "TG-LE-071");
    // Who kept both has the key still, and the guide says so.
    drawer.put(&old);
    assert_eq!(read(&drawer.open(), &order), open("c-1"));
}

#[test]
fn keys_that_cannot_be_written_refuse_the_new_subject_and_nobody_else() {
    let drawer = Drawer::new();
    let memos = drawer.open();
    seal(&memos, "c-1").unwrap();
    let text = drawer.text(SUBJECTS);
    fs::remove_file(drawer.path(SUBJECTS)).unwrap();
    fs::create_dir(drawer.path(SUBJECTS)).unwrap();
    let refused = seal(&memos, "c-2").unwrap_err();
    assert_eq!((refused.code(), refused.at()), ("TG-LE-071", 0));
    assert!(seal(&memos, "c-1").is_ok());
    assert_eq!((code(memos.shred("c-1")), memos.subject("c-1")), ("TG-LE-071", Ok(Subject::Kept)));
    assert_eq!(memos.readiness(), Readiness::Ready);
    fs::remove_dir(drawer.path(SUBJECTS)).unwrap();
    fs::write(drawer.path(SUBJECTS), &text).unwrap();
    let sealed = seal(&memos, "c-2").unwrap();
    fs::set_permissions(drawer.path(SUBJECTS), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(read(&drawer.open(), &sealed), open("c-2"));
}

#[test]
fn keys_that_others_read_or_that_do_not_belong_together_end_the_start_and_stay_as_they_are() {
    let [drawer, other] = [Drawer::new(), Drawer::new()];
    for drawer in [&drawer, &other] {
        seal(&drawer.open(), "c-1").unwrap();
    }
    let right = drawer.both();
    for file in [OUTER, SUBJECTS] {
        fs::set_permissions(drawer.path(file), fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(code(drawer.try_open()), "TG-LE-071");
        fs::set_permissions(drawer.path(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let [outer, subjects] = right.clone();
    for wrong in [
        [other.text(OUTER), subjects.clone()],
        [String::new(), subjects.clone()],
        [outer.clone(), subjects.replace("key c-1 1", "key c-2 1")],
        [outer.clone(), format!("{subjects}shredded c-1\n")],
        [outer.clone(), String::new()],
    ] {
        drawer.put(&wrong);
        assert_eq!(code(drawer.try_open()), "TG-LE-071");
        assert_eq!(drawer.both(), wrong);
    }
    drawer.put(&right);
    fs::remove_file(drawer.path(OUTER)).unwrap();
    assert_eq!(code(drawer.try_open()), "TG-LE-071");
    fs::remove_file(drawer.path(SUBJECTS)).unwrap();
    assert!(drawer.try_open().is_ok());
}
