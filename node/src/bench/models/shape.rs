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
    /// As an argument of a child.
    pub(super) fn written(self) -> String {
        match self {
            Shape::TaskPerMessage => "tasks".to_owned(),
            Shape::Channel { queue, workers } => format!("channel,{queue},{workers}"),
            Shape::WorkersPerClass { queue, workers } => format!("classes,{queue},{workers}"),
        }
    }

    pub(super) fn read(text: &str) -> Option<Shape> {
        let mut parts = text.split(',');
        let name = parts.next()?;
        let mut number = || parts.next()?.parse().ok();
        match name {
            "tasks" => Some(Shape::TaskPerMessage),
            "channel" => Some(Shape::Channel { queue: number()?, workers: number()? }),
            "classes" => Some(Shape::WorkersPerClass { queue: number()?, workers: number()? }),
            _ => None,
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_as_it_was_written() {
        let (queue, workers) = (512, 64);
        let shapes = [
            Shape::TaskPerMessage,
            Shape::Channel { queue, workers },
            Shape::WorkersPerClass { queue, workers },
        ];
        assert_eq!(shapes.map(|shape| Shape::read(&shape.written())), shapes.map(Some));
        assert_eq!(Shape::read("channel,1"), None);
    }
}
