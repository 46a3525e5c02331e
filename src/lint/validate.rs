//! Runs Guard's `validate` command with a payload and structured output, because the library
//! function `run_checks` truncates long reports.

use std::io::Cursor;

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::{OutputFormatType, ShowSummaryType};
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ValidateBuilder};

/// The name of the threads that run Guard. A panic in such a thread becomes an error.
pub(crate) const GUARD_THREAD: &str = "guard";

/// The stack size of these threads. Guard recurses more deeply than the document is nested.
pub(super) const STACK_SIZE: usize = 16 * 1024 * 1024;

/// Evaluates rules against documents and returns Guard's report. The error is Guard's message.
pub(super) fn validate(rules: &str, data: &[String]) -> Result<String, String> {
    let payload = serde_json::json!({ "rules": [rules], "data": data }).to_string();
    let command = ValidateBuilder::default()
        .payload(true)
        .structured(true)
        .output_format(OutputFormatType::JSON)
        .show_summary(vec![ShowSummaryType::None])
        .try_build()
        .map_err(|error| error.to_string())?;
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(payload.into_bytes())));
    let mut writer = Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![]))
        .map_err(|error| error.to_string())?;
    match command.execute(&mut writer, &mut reader) {
        // The exit codes for "compliant" and "not compliant".
        Ok(0 | 19) => writer.into_string().map_err(|error| error.to_string()),
        Ok(code) => {
            let said = writer.err_to_stripped().unwrap_or_default();
            Err(format!("exit code {code}: {}", said.trim()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Prepares Guard in a separate thread. The first lookup of a missing key compiles about 60 regular
/// expressions.
pub(crate) fn prepare() {
    let lookup = || {
        // The result does not matter.
        let _ = validate("rule absent { Absent not exists }", &["{}".to_owned()]);
    };
    // If the thread cannot be started, the first lookup takes longer.
    let _ = std::thread::Builder::new()
        .name(GUARD_THREAD.to_owned())
        .stack_size(STACK_SIZE)
        .spawn(lookup);
}
