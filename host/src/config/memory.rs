//! The memory that this process can use: that of the machine, or less if a control group limits it.

use std::fs;
use std::path::{Path, PathBuf};

/// The mount point of control groups in Linux.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes of memory for this process; `None` if the system does not report it.
pub(crate) fn memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups(&own).filter_map(|group| limit(&fs::read_to_string(group).ok()?));
    machine.into_iter().chain(limits).min()
}

/// The first line of `/proc/meminfo`, in KiB.
fn total(text: &str) -> Option<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The files with the limits of a process: one for its group and for each parent group. In a container only the last
/// one exists; it is that of the container.
fn groups(own: &str) -> impl Iterator<Item = PathBuf> {
    own.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (root, file) = match controllers {
            "" => (Path::new(GROUPS).to_owned(), "memory.max"),
            _ if controllers.split(',').any(|one| one == "memory") => {
                (Path::new(GROUPS).join("memory"), "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let inside = Path::new(path.trim_start_matches('/')).ancestors().map(Path::to_owned).collect::<Vec<_>>();
        inside.into_iter().map(|group| root.join(group).join(file)).collect()
    })
}

/// A limit in bytes; `None` for a group without one. Version 1 of control groups writes a very large number instead.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        assert_eq!(total("MemTotal:       24689764 kB\nMemFree: 1 kB\n"), Some(24_689_764 << 10));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn a_group_and_its_parents_limit_a_process() {
        let paths = |own: &str| groups(own).map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            paths("0::/system.slice/glasshouse.service\n"),
            ["/system.slice/glasshouse.service", "/system.slice", ""]
                .map(|group| format!("{GROUPS}{group}/memory.max"))
        );
        assert_eq!(paths("0::/\n"), [format!("{GROUPS}/memory.max")]);
        let first = "3:cpu,cpuacct:/a\n2:memory:/a\n";
        assert_eq!(paths(first), ["/a", ""].map(|group| format!("{GROUPS}/memory{group}/memory.limit_in_bytes")));
        assert_eq!((limit("max\n"), limit("1073741824\n")), (None, Some(1 << 30)));
    }
}
