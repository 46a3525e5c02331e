//! Guard's `validate` command, with a payload and its structured output: the library's own `run_checks` cuts
//! long reports short.

use std::io::Cursor;

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::{OutputFormatType, ShowSummaryType};
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ValidateBuilder};

/// The name of the threads in which Guard is asked. A panic there becomes an error.
pub(crate) const GUARD_THREAD: &str = "guard";

/// Guard evaluates recursively, deeper than a document is nested.
pub(super) const STACK_SIZE: usize = 16 * 1024 * 1024;

/// Evaluates rules on documents and returns Guard's report. The error is Guard's message.
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
        // Its codes for "compliant" and "not compliant".
        Ok(0 | 19) => writer.into_string().map_err(|error| error.to_string()),
        Ok(code) => {
            let said = writer.err_to_stripped().unwrap_or_default();
            Err(format!("it ended with {code}. {}", said.trim()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Lets Guard prepare, in another thread, what it needs once: the first lookup of a missing key compiles some
/// sixty regular expressions.
pub(crate) fn prepare() {
    let lookup = || {
        // What it says does not matter.
        let _ = validate("rule absent { Absent not exists }", &["{}".to_owned()]);
    };
    // Without the thread, the first lookup takes longer.
    let _ = std::thread::Builder::new()
        .name(GUARD_THREAD.to_owned())
        .stack_size(STACK_SIZE)
        .spawn(lookup);
}
