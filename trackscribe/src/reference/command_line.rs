//! The command line, as help texts and as tables.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::{Arg, Command, CommandFactory};

use crate::Cli;

/// The width of help texts, whatever the terminal's is.
const WIDTH: usize = 100;

/// Options that clap adds to every command.
const SHARED: [&str; 2] = ["help", "version"];

/// Returns what `trackscribe COMMAND --help` prints, for a subcommand without the options of every command.
pub fn help(path: &[&str]) -> Result<String> {
    let hide_shared = |arg: Arg| {
        let is_shared = arg.is_global_set() || SHARED.contains(&arg.get_id().as_str());
        arg.hide(is_shared && !path.is_empty())
    };
    let help = find(path)?.mut_args(hide_shared).render_long_help();
    let lines: Vec<String> = help
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    Ok(lines.join("\n"))
}

/// Returns the settings of a subcommand that have a variable: a table for each heading of its help.
pub fn settings(path: &[&str]) -> Result<String> {
    let command = find(path)?;
    let is_inherited = |arg: &Arg| !path.is_empty() && arg.is_global_set();
    let mut sections: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for arg in command.get_arguments().filter(|arg| !is_inherited(arg)) {
        if let Some(row) = row(arg) {
            sections.entry(arg.get_help_heading()).or_default().push(row);
        }
    }
    let sections = sections.iter().map(|(heading, rows)| {
        let heading = heading.map(|heading| format!("**{heading}**\n\n")).unwrap_or_default();
        format!(
            "{heading}| Variable, flag | Default | Meaning |\n|---|---|---|\n{}",
            rows.join("\n")
        )
    });
    Ok(sections.collect::<Vec<_>>().join("\n\n"))
}

fn find(path: &[&str]) -> Result<Command> {
    let mut root = without_environment(Cli::command()).term_width(WIDTH);
    root.build();
    path.iter().try_fold(root, |command, name| {
        let found = command.find_subcommand(name).cloned();
        found.with_context(|| format!("no subcommand is called {name}"))
    })
}

/// Leaves out the values of variables on the machine that runs the test.
fn without_environment(command: Command) -> Command {
    let command = command.mut_args(|arg| arg.hide_env_values(true));
    command.mut_subcommands(without_environment)
}

/// A line of the table; `None` for what no variable sets.
fn row(arg: &Arg) -> Option<String> {
    let variable = arg.get_env()?.to_string_lossy();
    let flag = arg.get_long().filter(|_| !arg.is_hide_set());
    let flag = flag.map(|flag| format!("<br>`--{flag}`")).unwrap_or_default();
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let default = defaults
        .map(|value| format!("`{value}`"))
        .collect::<Vec<_>>()
        .join(", ");
    Some(format!("| `{variable}`{flag} | {default} | {} |", meaning(arg)))
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let help = help.map(|help| help.to_string().replace('\n', " ").replace('|', "\\|"));
    help.into_iter().chain(values(arg)).collect::<Vec<_>>().join("<br>")
}

/// The values of a choice, unless none of them is explained: `true` and `false` are not.
fn values(arg: &Arg) -> Vec<String> {
    let values = arg.get_possible_values();
    if values.iter().all(|value| value.get_help().is_none()) {
        return Vec::new();
    }
    let values = values.iter().map(|value| (value.get_name(), value.get_help()));
    let values = values.map(|(name, help)| match help {
        Some(help) => format!("`{name}`: {help}"),
        None => format!("`{name}`"),
    });
    values.collect()
}
