//! Runs several reads concurrently.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::task::{JoinError, JoinSet};

use super::DeployError;

/// Runs tasks, at most `limit` of them at the same time, and returns their results in order.
///
/// # Errors
/// Returns an error if a task ends without a result, because a missing result must not look like an
/// empty one.
pub(crate) async fn together<T, F>(
    limit: usize,
    tasks: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, DeployError>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    match finished(limit, tasks).await {
        (results, None) => Ok(results.into_values().collect()),
        (_, Some(error)) => Err(DeployError::aws(
            format!("a read from AWS ended without a result: {error}"),
            "report this as a bug in s3ferry, with the output of the command",
        )),
    }
}

/// Like [`together`], but returns the results by task number, and the error if a task returned no
/// result.
pub(super) async fn finished<T, F>(
    limit: usize,
    tasks: impl IntoIterator<Item = F>,
) -> (BTreeMap<usize, T>, Option<JoinError>)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (mut results, mut failed) = (BTreeMap::new(), None);
    let mut running = JoinSet::new();
    let mut tasks = tasks.into_iter().enumerate();
    loop {
        while running.len() < limit.max(1)
            && let Some((number, task)) = tasks.next()
        {
            running.spawn(async move { (number, task.await) });
        }
        match running.join_next().await {
            Some(Ok((number, result))) => {
                results.insert(number, result);
            }
            Some(Err(error)) => failed = Some(error),
            None => return (results, failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn results_are_in_the_order_of_the_tasks() {
        let tasks = [30, 10, 0].map(|delay| async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            delay
        });
        assert_eq!(run(together(2, tasks)).unwrap(), [30, 10, 0]);
    }

    #[test]
    fn a_task_that_panics_is_an_error() {
        let tasks = [1, 2, 3].map(|number| async move {
            assert_ne!(number, 2, "the task fails");
            number
        });
        let error = run(together(8, tasks)).unwrap_err();
        assert!(error.message.contains("the task fails"), "{error}");
    }
}
