//! The files of `deploy/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn the_kubernetes_job_is_valid() {
    if Command::new("kubernetes-validate").arg("--version").output().is_err() {
        return skipped(
            "skipped: kubernetes-validate is not installed, so deploy/kubernetes.yaml was not checked",
        );
    }
    let valid = validate(&job());
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stderr));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = fs::read_to_string(job()).expect("the job is text");
    for (name, wrong) in
        [("backoffLimitPerIndex", "backoffLimitPerShard"), ("completions: 8", "completions: all")]
    {
        let file = folder.path().join("wrong.yaml");
        fs::write(&file, text.replace(name, wrong)).expect("the file can be written");
        assert!(!validate(&file).status.success(), "{wrong}");
    }
}

#[test]
fn the_kubernetes_job_has_a_pod_for_each_shard() {
    let text = fs::read_to_string(job()).expect("the job is text");
    let after = |key: &str| text.split_once(key).expect("the job has the key").1.split_whitespace().next();
    let shards = after("name: SHARDS\n              value:").map(|value| value.trim_matches('"'));
    assert_eq!((shards, after("parallelism:")), (after("completions:"), after("completions:")));
}

fn job() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes.yaml")
}

/// Compares a file with the schemas of Kubernetes. Properties that the schemas do not have are errors.
fn validate(file: &Path) -> Output {
    Command::new("kubernetes-validate").arg("--strict").arg(file).output().expect("the command was found")
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("{why}");
}
