//! The three shapes, as values.

/// How messages get to the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Unbounded: whatever comes is a task.
    TaskPerMessage,
    /// One queue and its workers for all classes.
    Channel { queue: usize, workers: usize },
    /// A queue and workers for each class, so many in each.
    WorkersPerClass { queue: usize, workers: usize },
}

impl Shape {
    pub(super) fn name(self) -> &'static str {
        match self {
            Shape::TaskPerMessage => "task_per_message",
            Shape::Channel { .. } => "bounded_channel",
            Shape::WorkersPerClass { .. } => "workers_per_class",
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Shape::TaskPerMessage => "a task for each message".to_owned(),
            Shape::Channel { queue, workers } => format!("one queue of {queue}, {workers} workers"),
            Shape::WorkersPerClass { queue, workers } => {
                format!("a queue of {queue} and {workers} workers for each of 3 classes")
            }
        }
    }
}
