//! Books whose old facts are pruned: what of them is still known, what an auditor still finds, and what is planted for him to find.

use crate::asks::{order, reserve, transfer};
use crate::desk::Desk;
use crate::folder::{Copied, copy, sealed};
use crate::grown::signer;
use crate::verify::{checked, codes, filled};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_engine_book::{BookLimit, WindowLimit};
use tidegate_kernel_audit::{Document, Profile, Stub, Tree};
use tidegate_kernel_journal::{DataFolder, Record};
use tidegate_service_ledger::verify::{Fault, Gone, Trust, Verification, verify};
use tidegate_service_ledger::{
    Before, Done, Moment, NamedAction, Plan, Pruning, Setback, Shared, plan, prune, trees_folder,
};

/// Nothing is scrubbed while a test looks at files.
fn quiet() -> Shared {
    Shared { scrub: Duration::from_secs(3600), ..Shared::default() }
}

/// Snapshots soon.
fn eager() -> Shared {
    Shared { scrub: Duration::from_millis(20), snapshot_facts: 10, ..Shared::default() }
}

fn planned(data: &Path, before: Before) -> Option<Plan> {
    let sound = verify(data, &Trust::default()).unwrap();
    assert_eq!(codes(&sound), Vec::<&str>::new());
    plan(data, &sound, ("main", BookLimit::default()), before).unwrap()
}

fn pruned(data: &Path, before: Before) -> (Plan, Pruning) {
    let folder = DataFolder::open(data).unwrap();
    let plan = planned(data, before).unwrap();
    let done = prune(folder.books(), data, &plan, &|profile| signer("main", profile)).unwrap();
    folder.close();
    (plan, done)
}

/// Pruned before the fact with this place in the book.
fn pruned_copy(folder: &Copied, nth: usize) -> Plan {
    let before = Before::Seq(folder.nth_of_book("main", nth).seq);
    let (plan, done) = pruned(folder.path(), before);
    assert_eq!((done.pruned.records, plan.facts, plan.leaves), (nth as u64, nth as u64, nth as u64));
    plan
}

fn snapshot_of(plan: &Plan) -> String {
    format!("books/pruned-1024-{:020}.snap", plan.through)
}

fn seqs_told(found: &Verification) -> Vec<(&'static str, Option<u64>)> {
    found.faults().iter().map(|fault| (fault.code(), fault.seq())).collect()
}

#[tokio::test]
async fn a_pruned_book_opens_with_every_balance_knows_its_orders_and_is_scrubbed() {
    let mut desk = Desk::with(quiet()).with_accounts().await;
    let first = order(transfer("source", "a", 1000));
    let done = desk.one(first.clone()).await.unwrap();
    let held = order(reserve("a", "b", 40, None));
    desk.one(held.clone()).await.unwrap();
    for amount in 1..30 {
        desk.done(transfer("a", "b", amount)).await;
    }
    desk = desk.reopen();
    let (a, b) = (desk.balance("a"), desk.balance("b"));
    let dir = desk.close();
    let (plan, pruning) = pruned(dir.path(), Before::Ms(u64::MAX));
    // What was in the last batch is in the segment that is written to.
    assert!(plan.facts == 35 && pruning.pruned.records >= 34, "{plan:?} {pruning:?}");
    let desk = Desk::at(dir, eager());
    assert_eq!((desk.balance("a"), desk.balance("b")), (a, b));
    assert_eq!(desk.one(first).await, Ok(Done { known: true, ..done }));
    desk.done(NamedAction::Post { reservation: held.id, amount: None }).await;
    for _ in 0..20 {
        desk.done(transfer("a", "b", 1)).await;
    }
    // It is written only once all that is served was found right.
    let files = || fs::read_dir(desk.dir.path().join("books")).unwrap().map(|file| file.unwrap().file_name());
    while !files().any(|name| name.to_string_lossy().starts_with("ledger-main-")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(desk.balance("b"), [b[0] + 60, 0, 0]);
    sealed(&desk);
    let desk = desk.reopen();
    assert_eq!(desk.balance("b"), [b[0] + 60, 0, 0]);
    let dir = desk.close();
    assert_eq!(codes(&verify(dir.path(), &Trust::default()).unwrap()), Vec::<&str>::new());
}

#[tokio::test]
async fn what_is_older_than_the_snapshot_is_answered_with_a_code_and_what_is_known() {
    let desk = Desk::with(quiet()).with_accounts().await;
    desk.done(transfer("source", "a", 100)).await;
    let (mut seqs, mut orders) = (Vec::new(), Vec::new());
    for nth in 0..300 {
        // `b` is touched seldom, so that it is looked for from the other side as well.
        let order = order(if nth % 60 == 0 { transfer("a", "b", 1) } else { transfer("source", "a", 1) });
        seqs.push(desk.one(order.clone()).await.unwrap().seq);
        orders.push(order);
    }
    let mut was = Vec::new();
    for account in ["a", "b"] {
        for seq in &seqs {
            was.push((account, *seq, desk.book.as_of(account.to_owned(), Moment::Seq(*seq)).await.unwrap()));
        }
    }
    let dir = desk.reopen().close();
    let (plan, _) = pruned(dir.path(), Before::Seq(seqs[150]));
    let desk = Desk::at(dir, quiet());
    let mut refused = 0;
    for (account, seq, standing) in was {
        match desk.book.as_of(account.to_owned(), Moment::Seq(seq)).await {
            Ok(now) => assert_eq!((now.balance, now.as_of_seq), (standing.balance, standing.as_of_seq)),
            Err(setback) => {
                assert!(seq < plan.through && setback.code() == "TG-LE-080", "{seq}: {setback}");
                assert!(setback.to_string().contains("the account has posted"), "{setback}");
                refused += 1;
            }
        }
    }
    // Of `b` it is known from its last transfer on.
    assert_eq!(refused, 149 + 120);
    let page = desk.book.statement("a".to_owned(), None, 1000).await.unwrap();
    assert_eq!(page.facts.last().unwrap().seq, seqs[150]);
    let rest = desk.book.statement("a".to_owned(), page.next, 1000).await.unwrap_err();
    assert!(rest.code() == "TG-LE-080" && rest.to_string().contains("posted 244"), "{rest}");
    let feed = desk.book.postings(0, 10).await.unwrap_err();
    assert!(feed.to_string().contains(&format!("after={}", plan.through)), "{feed}");
    assert_eq!(desk.book.postings(plan.through, 10).await.unwrap().facts[0].seq, seqs[150]);
    let gone = desk.book.transfer(orders[3].id).await.unwrap_err();
    assert!(gone.to_string().contains(&format!("it is record {}", seqs[3])), "{gone}");
    assert_eq!(desk.book.transfer(orders[200].id).await.unwrap().seq, seqs[200]);
    let never = order(transfer("a", "b", 1)).id;
    assert_eq!(desk.book.transfer(never).await, Err(Setback::NoTransfer));
    // Where ids are forgotten sooner.
    let window = WindowLimit { ids: 100, ..WindowLimit::default() };
    let desk = Desk::limited(desk.close(), quiet(), BookLimit { window, ..BookLimit::default() });
    let gone = desk.book.transfer(orders[3].id).await.unwrap_err();
    assert!(gone.to_string().contains(&format!("it is record {}, of ", seqs[3])), "{gone}");
    assert_eq!(desk.one(orders[3].clone()).await.unwrap_err().code(), "TG-LE-007");
}

#[tokio::test]
async fn a_pruned_copy_is_sound_and_says_what_is_gone() {
    let folder = filled().await;
    let before = checked(&folder);
    let plan = pruned_copy(&folder, 70);
    let found = verify(folder.path(), &Trust { keys: folder.keys(), ..Trust::default() }).unwrap();
    assert_eq!((codes(&found), found.notes()), (vec![], vec![]));
    let (was, main) = (&before.books[0], &found.books[0]);
    let Plan { through, at_ms, .. } = plan;
    assert_eq!(main.pruned, Some(Gone { facts: 70, through, at_ms, snapshot_seq: Some(through) }));
    assert_eq!(main.reckoning.accounts(), was.reckoning.accounts());
    assert_eq!(
        (main.reckoning.facts(), main.reckoning.trial()),
        (was.reckoning.facts(), was.reckoning.trial())
    );
    for (tree, was) in main.trees.iter().zip(&was.trees) {
        assert_eq!((&tree.counted, tree.is_trusted), (&was.counted, Some(true)));
    }
    assert_eq!(found.books[1].pruned, None);
    // A second time, further on, from the snapshot of the first.
    let before = Before::Seq(folder.nth_of_book("main", 90).seq);
    assert_eq!(pruned(folder.path(), before).1.pruned.records, 20);
    assert_eq!(codes(&checked(&folder)), Vec::<&str>::new());
    assert!(planned(folder.path(), before).is_none(), "there is nothing left to do");
}

#[tokio::test]
async fn trees_that_are_made_again_from_hashes_have_the_same_root_and_old_proofs_hold() {
    let folder = filled().await;
    let lying = folder.of_book("main");
    let prove = |profile: Profile, seq: u64| {
        let path = trees_folder(folder.path(), "main").join(profile.name());
        Tree::new(&path, signer("main", profile).verifier()).prove(seq).unwrap().unwrap()
    };
    let old: Vec<Document> = Profile::ALL.map(|profile| prove(profile, lying[5].seq)).into();
    pruned_copy(&folder, 70);
    for (profile, old) in Profile::ALL.into_iter().zip(old) {
        let key = signer("main", profile).verifier();
        let (old, new) = (old.check(&key).unwrap(), prove(profile, lying[5].seq).check(&key).unwrap());
        assert_eq!((old.entry, old.index), (new.entry, new.index));
    }
    // Without their files, from the journal alone.
    folder.remove("ledger/main/sm3/tile");
    let data = DataFolder::open(folder.path()).unwrap();
    let signers = Profile::ALL.map(|profile| signer("main", profile)).into();
    let path = trees_folder(folder.path(), "main");
    let (_, opened) = tidegate_kernel_audit::Builder::open(&path, data.books(), &[1024], signers).unwrap();
    assert_eq!(opened.iter().map(|tree| tree.rebuilt).collect::<Vec<_>>(), [false, true]);
    data.close();
    assert_eq!(codes(&checked(&folder)), Vec::<&str>::new());
}

#[tokio::test]
async fn a_changed_hash_is_named_also_where_all_checksums_were_made_right_again() {
    let folder = filled().await;
    pruned_copy(&folder, 70);
    let record = folder.nth_of_book("main", 30);
    let seq = Some(record.seq);
    // The length, a byte of either hash: a tree that does not have it does not see it.
    for (byte, trees) in [(4, 2), (8, 1), (71, 1), (0, 2)] {
        let forged = folder.forged(&record, byte);
        assert_eq!(seqs_told(&checked(&folder)), vec![("TG-LE-061", seq); trees], "byte {byte}");
        drop(forged);
        let flipped = folder.flipped(&record.file, record.offset + 56 + byte, 1);
        let damage = checked(&folder);
        drop(flipped);
        let is_its = |fault: &&Fault| matches!(fault, Fault::Damaged(found) if found.offset == record.offset);
        assert!(damage.faults().iter().any(is_its), "byte {byte}: {:?}", damage.faults());
    }
    let kept = folder.nth_of_book("main", 80);
    let _forged = folder.forged(&kept, 32);
    let seq = Some(kept.seq);
    assert_eq!(seqs_told(&checked(&folder)), [("TG-LE-060", seq), ("TG-LE-061", seq), ("TG-LE-061", seq)]);
}

#[tokio::test]
async fn a_snapshot_that_is_changed_damaged_or_missing_is_found_and_the_book_does_not_open_on_it() {
    let folder = filled().await;
    let plan = pruned_copy(&folder, 70);
    let file = snapshot_of(&plan);
    let bytes = fs::metadata(folder.path().join(&file)).unwrap().len() - 32;
    let first = Some(folder.nth_of_book("main", 0).seq);
    for at in (4..bytes).step_by(29) {
        let _forged = folder.forged_snapshot(&file, at);
        let found = checked(&folder);
        let told =
            found.faults().into_iter().any(|fault| fault.to_string().contains(&file["books/".len()..]));
        // A signature is not looked at without a key.
        let keyed = verify(folder.path(), &Trust { keys: folder.keys(), ..Trust::default() }).unwrap();
        assert!(told || !codes(&keyed).is_empty(), "byte {at}: {:?}", found.faults());
    }
    let flipped = folder.flipped(&file, 40, 1);
    let found = checked(&folder);
    assert_eq!(seqs_told(&found), [("TG-LE-081", first), ("TG-LE-081", None)], "{:?}", found.faults());
    drop(flipped);
    assert_eq!(codes(&checked(&folder)), Vec::<&str>::new());
    fs::remove_file(folder.path().join(&file)).unwrap();
    assert_eq!(seqs_told(&checked(&folder)), [("TG-LE-081", first)]);
    let refused = Desk::refused(folder.path());
    assert_eq!(refused.code(), "TG-LE-081", "{refused}");
}

#[tokio::test]
async fn a_pruning_that_was_cut_off_is_a_sound_book_that_opens_and_is_gone_on_with() {
    let folder = filled().await;
    let (part, all) = (folder.nth_of_book("main", 40).seq, folder.nth_of_book("main", 100).seq);
    let data = DataFolder::open(folder.path()).unwrap();
    let plan = planned(folder.path(), Before::Seq(all)).unwrap();
    data.close();
    // Everything but the segments, and then some of them.
    snapshot_alone(folder.path(), &plan);
    assert_eq!((codes(&checked(&folder)), checked(&folder).books[0].pruned), (vec![], None));
    through(folder.path(), part);
    let found = checked(&folder);
    assert_eq!((codes(&found), found.books[0].pruned.map(|gone| gone.facts)), (vec![], Some(41)));
    let (_, done) = pruned(folder.path(), Before::Seq(all));
    assert_eq!(done.pruned.records, 59);
    assert_eq!(codes(&checked(&folder)), Vec::<&str>::new());
}

/// Pruned on a copy, of which only the snapshot is taken back.
fn snapshot_alone(data: &Path, plan: &Plan) {
    let aside = TempDir::new().unwrap();
    copy(data, aside.path());
    let other = DataFolder::open(aside.path()).unwrap();
    prune(other.books(), aside.path(), plan, &|profile| signer("main", profile)).unwrap();
    other.close();
    let file = snapshot_of(plan);
    fs::copy(aside.path().join(&file), data.join(&file)).unwrap();
}

/// Payloads that go up to some record, and nothing else.
fn through(data: &Path, seq: u64) {
    let folder = DataFolder::open(data).unwrap();
    let mut stubs =
        |record: &Record| (record.head.stream == 1024).then(|| Stub::of(&record.payload).to_bytes().to_vec());
    folder.books().prune(seq, &mut stubs).unwrap();
    folder.close();
}

#[tokio::test]
async fn facts_without_a_snapshot_are_named_and_the_keys_of_another_node_prune_nothing() {
    let folder = filled().await;
    let data = DataFolder::open(folder.path()).unwrap();
    let plan = planned(folder.path(), Before::Ms(u64::MAX)).unwrap();
    let other =
        prune(data.books(), folder.path(), &plan, &|profile| signer("elsewhere", profile)).unwrap_err();
    assert_eq!(other.code(), "TG-AU-001", "{other}");
    data.close();
    through(folder.path(), folder.nth_of_book("main", 9).seq);
    let first = Some(folder.nth_of_book("main", 0).seq);
    assert_eq!(seqs_told(&checked(&folder)), [("TG-LE-081", first)]);
    assert_eq!(Desk::refused(folder.path()).code(), "TG-LE-081");
}

#[test]
fn a_snapshot_for_quick_starts_that_is_not_the_book_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let desk = runtime.block_on(async {
        let desk = Desk::with(eager()).with_accounts().await;
        for _ in 0..30 {
            desk.done(transfer("source", "a", 7)).await;
        }
        while quick_in(desk.dir.path()).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        desk
    });
    // The scrubber ends with it.
    drop(runtime);
    let folder = Copied::of(desk);
    assert_eq!(codes(&checked(&folder)), Vec::<&str>::new());
    let file = quick_in(folder.path()).unwrap();
    // The posted balance of the first account.
    let forged = folder.forged_snapshot(&file, 41);
    let found = checked(&folder);
    drop(forged);
    assert_eq!(codes(&found), ["TG-LE-082"]);
    assert!(found.faults()[0].to_string().contains("account source"), "{:?}", found.faults());
    // As of a number that no fact has.
    let _forged = folder.forged_snapshot(&file, 3);
    assert_eq!(codes(&checked(&folder)), ["TG-LE-082"]);
}

fn quick_in(data: &Path) -> Option<String> {
    let files = fs::read_dir(data.join("books")).unwrap().map(|file| file.unwrap().file_name());
    let mut names = files.map(|name| name.into_string().unwrap());
    let quick = names.find(|name| name.starts_with("ledger-main-") && name.ends_with(".snap"));
    quick.map(|name| format!("books/{name}"))
}
