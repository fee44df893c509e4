//! The list of long-lived tasks. Other tests of this process may have tasks of their own, so each looks for its own by name.

use std::sync::mpsc;
use std::time::Duration;
use tidegate_kernel_plug::{Task, listed, tasks, waiting_on};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

fn found(name: &str) -> Option<Task> {
    tasks().tasks.into_iter().find(|task| task.name == name)
}

fn found_when(name: &str, is_so: impl Fn(&Task) -> bool) -> Task {
    loop {
        if let Some(task) = found(name).filter(&is_so) {
            return task;
        }
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_task_is_listed_before_its_first_poll_and_not_after_its_end() {
    let task = listed("test", "short", async { found("short").unwrap() });
    let before = found("short").unwrap();
    assert_eq!((before.capability, before.state, before.polls), ("test", "new", 0));
    let within = task.await;
    assert_eq!((within.state, within.waits_on, within.thread.is_some()), ("polled", None, true));
    assert_eq!(found("short"), None);
    drop(listed("test", "dropped", async {}));
    assert_eq!(found("dropped"), None);
}

#[tokio::test]
async fn a_task_that_waits_says_on_what_and_no_longer_when_it_goes_on() {
    let (open, gate) = oneshot::channel::<()>();
    let (end, ended) = oneshot::channel::<()>();
    let task = tokio::spawn(listed("test", "waiting", async {
        waiting_on("the gate", gate).await.unwrap();
        ended.await.unwrap();
    }));
    tokio::task::yield_now().await;
    let waiting = found("waiting").unwrap();
    assert_eq!((waiting.state, waiting.waits_on, waiting.polls), ("waiting", Some("the gate"), 1));
    open.send(()).unwrap();
    tokio::task::yield_now().await;
    let onward = found("waiting").unwrap();
    assert_eq!((onward.state, onward.waits_on, onward.polls), ("waiting", None, 2));
    end.send(()).unwrap();
    task.await.unwrap();
}

#[test]
fn a_task_that_blocks_its_thread_is_seen_from_outside_with_that_thread() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (go_on, blocked) = mpsc::channel::<()>();
    let task = runtime.spawn(listed("test", "blocking", async move { blocked.recv() }));
    let seen = found_when("blocking", |task| task.state == "polled" && task.state_ms > 0);
    assert!(seen.thread.is_some_and(|thread| thread != u64::from(std::process::id())), "{seen:?}");
    go_on.send(()).unwrap();
    runtime.block_on(task).unwrap().unwrap();
    runtime.shutdown_timeout(Duration::from_secs(1));
    assert_eq!(found("blocking"), None);
}

#[tokio::test]
async fn a_panic_leaves_no_task_behind_on_the_list_or_on_the_thread() {
    let around = listed("test", "around", async {
        let inner = tokio::spawn(listed("test", "panics", async { panic!("planted") }));
        assert!(inner.await.is_err());
        waiting_on("nothing", async {}).await;
        (found("panics"), found("around").unwrap().waits_on)
    });
    assert_eq!(around.await, (None, None));
}
