//! The machine that a run is made on.

use std::fs;

use crate::{
    model::Machine,
    process::{self, kilobytes},
};

/// What there is to say of it. What the system does not tell is left empty.
pub(crate) fn describe() -> Machine {
    let system = rustix::system::uname();
    let [name, release, architecture] = [system.sysname(), system.release(), system.machine()]
        .map(|text| text.to_string_lossy().into_owned());
    Machine {
        processor: fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| processor(&text))
            .unwrap_or_default(),
        processors: process::processors(),
        memory: fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| kilobytes(&text, "MemTotal:"))
            .unwrap_or_default(),
        system: format!("{name} {release} {architecture}"),
    }
}

/// The first processor's name in the text of `/proc/cpuinfo`.
fn processor(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let machine = describe();
        assert!(machine.processors > 0);
        assert!(machine.memory > 0);
        assert!(machine.system.contains(' '), "{}", machine.system);
    }

    #[test]
    fn a_processor_is_named_as_it_names_itself() {
        let text =
            "processor\t: 0\nmodel name\t: Fast One @ 3 GHz\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(processor(text).as_deref(), Some("Fast One @ 3 GHz"));
        assert_eq!(processor("processor : 0"), None);
    }
}
