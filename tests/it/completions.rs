//! The scripts with which shells complete the arguments of the command.

use super::cli::{scratch, wavetank};
use std::fs;
use std::process::Command;

#[test]
fn every_shell_gets_a_script_with_all_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = wavetank(&format!("completions {shell}"));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        for word in ["sweep", "explore", "merge", "until-covered", "completions"] {
            assert!(said.out.contains(word), "{shell}: {word}");
        }
    }
    let said = wavetank("completions tcsh");
    assert!(said.code == 1 && said.err.contains("possible values: bash, elvish, fish"), "{}", said.err);
}

#[test]
fn bash_completes_commands_options_and_values() {
    if Command::new("bash").arg("--version").output().is_err() {
        return skipped("skipped: bash is not installed, so no word was completed");
    }
    let script = scratch("completions.bash");
    fs::write(&script, wavetank("completions bash").out).expect("the script can be written");
    for (typed, wants) in [
        (&["swe"][..], "sweep"),
        (&["run", "--tr"], "--trace"),
        (&["sweep", "--judges", "out"], "outcomes"),
        (&["completions", "ba"], "bash"),
        (&["run", "ca"], "calm"),
        (&["sweep", "calm", "sl"], "sleeps"),
        (&["replay", "li"], "lies"),
    ] {
        let words = [&["wavetank"], typed].concat();
        let [.., before, last] = words[..] else { panic!("there are two words") };
        let code = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={}; _wavetank wavetank '{last}' '{before}'; echo \"${{COMPREPLY[@]}}\"",
            script.display(),
            words.join(" "),
            words.len() - 1,
        );
        let output = Command::new("bash").args(["--norc", "-c", &code]).output().expect("bash was found");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        assert_eq!(text(&output.stdout), wants, "{typed:?}: {}", text(&output.stderr));
    }
    fs::remove_file(script).expect("the script exists");
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("{why}");
}
