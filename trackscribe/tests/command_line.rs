//! The command line of the built binary.

use std::process::Command;

#[test]
fn help_lists_the_subcommands() {
    let output = Command::new(env!("CARGO_BIN_EXE_trackscribe"))
        .arg("--help")
        .output()
        .unwrap();

    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for role in ["server", "worker", "egress", "up", "demo", "key", "jobs", "migrate"] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(role)),
            "{role} is missing in: {help}"
        );
    }
}

#[test]
fn an_unknown_subcommand_fails_with_a_hint() {
    let output = Command::new(env!("CARGO_BIN_EXE_trackscribe"))
        .arg("record")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--help"));
}
