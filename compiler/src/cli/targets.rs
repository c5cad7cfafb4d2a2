//! `wasmc targets`: the compiler's table of machines, for people or as JSON.

use super::failure::Failure;
use super::output::print;
use serde::Serialize;
use std::fmt::Write;
use std::process::ExitCode;
use wasmc::target::{CpuRow, Os, TARGETS, TargetRow};

/// Arguments of `wasmc targets`.
#[derive(Debug, clap::Args)]
pub struct TargetsArgs {
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

#[derive(Serialize)]
struct Target {
    name: &'static str,
    triple: &'static str,
    arch: &'static str,
    instruction_set: &'static str,
    float_abi: &'static str,
    pointer_bits: u32,
    linux: bool,
    page_len: u32,
    default: bool,
    default_cpu: &'static str,
    cpus: Vec<Cpu>,
    features: Vec<&'static str>,
    memory_models: Vec<&'static str>,
    default_memory_model: &'static str,
    tested: &'static str,
}

#[derive(Serialize)]
struct Cpu {
    name: &'static str,
    features: Vec<&'static str>,
}

fn describe(row: &'static TargetRow) -> Target {
    let cpu = |cpu: &CpuRow| Cpu { name: cpu.name, features: row.feature_names(row.features_of(cpu)) };
    Target {
        name: row.name,
        triple: row.triple,
        arch: row.arch.name(),
        instruction_set: row.isa_state.name(),
        float_abi: row.float_abi.name(),
        pointer_bits: row.pointer_bits,
        linux: row.os == Os::Linux,
        page_len: row.page_len,
        default: row.name == wasmc::Target::default().row.name,
        default_cpu: row.default_cpu,
        cpus: row.cpus.iter().map(cpu).collect(),
        features: row.features.to_vec(),
        memory_models: row.memory_models.iter().map(|m| m.name()).collect(),
        default_memory_model: row.memory_models[0].name(),
        tested: row.tested,
    }
}

/// `wasmc targets`.
pub fn run(args: &TargetsArgs) -> Result<ExitCode, Failure> {
    let targets: Vec<_> = TARGETS.iter().map(describe).collect();
    match args.format {
        Format::Json => print(&(json(&targets) + "\n"))?,
        Format::Text => print(&text(&targets))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A value as JSON, for people to read too.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("strings, numbers and lists are JSON")
}

fn text(targets: &[Target]) -> String {
    let bold = anstyle::Style::new().bold();
    let mut out = String::new();
    for target in targets {
        let default = if target.default { " (default)" } else { "" };
        let _ = writeln!(out, "{bold}{}{bold:#}{default}", target.name);
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "  {name:<14} {value}");
        };
        line("triple", target.triple);
        let mark = |name: &str, default: &str| format!("{name}{}", if name == default { " (default)" } else { "" });
        let models: Vec<_> = target.memory_models.iter().map(|m| mark(m, target.default_memory_model)).collect();
        line("memory models", &models.join(", "));
        line("tested", target.tested);
        line("float ABI", target.float_abi);
        let features = target.features.join(" ");
        line("features", if features.is_empty() { "none to choose" } else { &features });
        line("CPUs", "");
        for cpu in &target.cpus {
            let cpu_line = format!("    {:<24} {}", mark(cpu.name, target.default_cpu), cpu.features.join(" "));
            let _ = writeln!(out, "{}", cpu_line.trim_end());
        }
        if target.linux {
            let _ = writeln!(out, "    {:<24} this machine's features", "native");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_defaults_among_what_it_offers() {
        for row in TARGETS {
            let target = describe(row);
            assert!(target.cpus.iter().any(|cpu| cpu.name == target.default_cpu));
            assert!(target.memory_models.contains(&target.default_memory_model));
        }
        assert_eq!(TARGETS.iter().filter(|row| describe(row).default).count(), 1);
    }
}
