//! An error as a person meets it: a code, what was tried, its causes, and a hint.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use tidegate_kernel_plug::with_causes;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Cow<'static, str>,
    message: String,
    hint: Cow<'static, str>,
}

impl Failure {
    /// The message is the error's, with its causes.
    pub(crate) fn new(code: &'static str, error: &dyn Error, hint: &'static str) -> Failure {
        Failure { code: code.into(), message: with_causes(error), hint: hint.into() }
    }

    pub(crate) fn message(
        code: impl Into<Cow<'static, str>>,
        message: String,
        hint: impl Into<Cow<'static, str>>,
    ) -> Failure {
        Failure { code: code.into(), message, hint: hint.into() }
    }

    /// Code, message and hint.
    pub(crate) fn parts(self) -> (Cow<'static, str>, String, Cow<'static, str>) {
        (self.code, self.message, self.hint)
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// What happened and its code, for a line that others follow.
    pub(crate) fn line(&self) -> String {
        format!("{} ({})", self.message, self.code)
    }

    /// Prints it to standard error; the status to exit with.
    pub(crate) fn report(&self) -> ExitCode {
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(std::io::stderr(), "{self}");
        ExitCode::FAILURE
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { code, message, hint } = self;
        write!(f, "error[{code}]: {message}\nhint: {hint}; more: tidegate explain {code}")
    }
}
