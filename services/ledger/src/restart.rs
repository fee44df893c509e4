//! Runs a task of a book until it ends, and makes it again after a panic: soon, later each time, and not any more after too many.

use std::any::Any;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tidegate_kernel_flow::{RestartLimits, Restarts};
use tokio::time::sleep;

/// As for the capabilities of a node; a test need not wait for what it has planted.
const LIMITS: RestartLimits = RestartLimits {
    wait: Duration::from_millis(if cfg!(test) { 1 } else { 50 }),
    wait_max: Duration::from_secs(5),
    window: Duration::from_secs(60),
    panics_max: 7,
};

/// It panicked once more than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GivenUp;

/// Ends when the task does, or is given up.
pub(crate) async fn keep<F>(
    (book, task): (&str, &'static str),
    panics: &AtomicU64,
    mut make: impl FnMut() -> F,
) -> Result<(), GivenUp>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut restarts, began) = (Restarts::new(LIMITS), Instant::now());
    while let Err(ended) = tokio::spawn(make()).await {
        // Only the end of the process cancels it.
        let Ok(panic) = ended.try_into_panic() else { return Ok(()) };
        panics.fetch_add(1, Ordering::SeqCst);
        tracing::error!(code = "TG-LE-044", book, task, "{}; it is started again", words(&*panic));
        drop(panic);
        sleep(restarts.wait(began.elapsed()).ok_or(GivenUp)?).await;
    }
    Ok(())
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}
