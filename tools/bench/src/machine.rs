//! The machine that the numbers hold for.

use serde::{Deserialize, Serialize};

/// As Linux describes it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model name.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpu_count: usize,
    /// The kernel's release.
    pub linux: String,
}

impl Machine {
    /// Reads `/proc`; what cannot be read is "unknown".
    pub fn describe() -> Self {
        let unknown = || "unknown".to_owned();
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
        Self {
            cpu: cpu_model(&cpuinfo).unwrap_or_else(unknown),
            cpu_count: std::thread::available_parallelism().map_or(1, |count| count.get()),
            linux: release.map_or_else(|_| unknown(), |text| text.trim().to_owned()),
        }
    }
}

/// Family and model stand beside the name, because a virtual machine's name often says only the brand.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let (family, model) = (field("cpu family")?, field("model")?);
    Some(format!("{} (family {family}, model {model})", field("model name")?))
}

#[cfg(test)]
mod tests {
    use super::cpu_model;

    #[test]
    fn the_first_processor_names_the_model() {
        let cpuinfo = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Some Xeon\n\nprocessor\t: 1\n";
        assert_eq!(cpu_model(cpuinfo).unwrap(), "Some Xeon (family 6, model 85)");
        assert_eq!(cpu_model(""), None);
    }
}
