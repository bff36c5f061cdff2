//! How much memory there is for this process: that of the machine, or what its control groups leave of it. It refuses to know what
//! it is for.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Linux shows control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes of memory that this process may have; `None` where the system does not tell.
pub fn memory() -> Option<u64> {
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

/// The files that limit a process: one for its group and each group around it. In a container the first of them are not to be seen,
/// and the last one is its own.
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

/// A limit in bytes; `None` for a group without one. The first version of control groups writes a very large number for that.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_what_it_has() {
        assert_eq!(total("MemTotal:       24689764 kB\nMemFree: 1 kB\n"), Some(24_689_764 << 10));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn a_group_and_all_around_it_limit_a_process() {
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
