//! Decides when the metadata of a file or directory implies what it contains.
//!
//! The kernel sets `ctime` with every change. It takes the time from a clock with ticks, so two changes within one tick
//! leave the same time. If the last change is older than any tick when the metadata is read, the next change sets
//! another time: from then on, equal metadata mean equal content. git trusts its index by the same rule ("racy git").
//!
//! Two things change a file without a new time, for a while: a system call that is still writing, and a page that a
//! process has mapped for writing and that the kernel has not written back. So a file that changed less than a minute
//! ago is trusted no longer than it had been unchanged. Directories have neither.

use crate::beneath::FileId;
use rustix::fs::fstatfs;
use rustix::time::{ClockId, clock_gettime};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The time without a change after which the next change sets another time: more than a tick of any kernel, and more
/// than the seconds in which some file systems store times.
const AT_REST: Duration = Duration::from_secs(2);
/// The time without a change after which no page is still to be written back. The kernel waits for 30 seconds.
const WRITTEN_BACK: Duration = Duration::from_secs(60);

/// What may be trusted about a file system: that the kernel here sees every change, and sets `ctime`.
///
/// Network file systems and FUSE are absent, because others change them; images, because a tool may give all versions
/// the same times. Files of tmpfs are absent, because a write to a mapping of one never sets its time.
const TRUSTED: &[(u64, Extent)] = &[
    (0xef53, Extent::Content),      // ext2, ext3, ext4
    (0x5846_5342, Extent::Content), // XFS
    (0x9123_683e, Extent::Content), // Btrfs
    (0xf2f5_2010, Extent::Content), // F2FS
    (0x794c_7630, Extent::Content), // overlayfs, whose times are those of the layers
    (0x0102_1994, Extent::Names),   // tmpfs
];

/// What metadata imply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// That a path can be opened, and the entries of a directory.
    Names,
    /// The content of a file as well.
    Content,
}

/// The kernel's clock for file times, at a moment before metadata are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileClock {
    seconds: i64,
    nanoseconds: i64,
}

impl FileClock {
    /// The time now.
    pub(crate) fn now() -> FileClock {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        FileClock { seconds: now.tv_sec, nanoseconds: now.tv_nsec }
    }

    /// How long a file had been unchanged, if its metadata were read after this moment. `None` if that is too short, or
    /// in the future.
    pub(crate) fn at_rest(self, file: &FileId) -> Option<Duration> {
        let (seconds, nanoseconds) = file.last_change();
        let changed = i128::from(seconds).saturating_mul(1_000_000_000).saturating_add(i128::from(nanoseconds));
        let now = i128::from(self.seconds).saturating_mul(1_000_000_000).saturating_add(i128::from(self.nanoseconds));
        let age = u64::try_from(now.saturating_sub(changed)).ok().map(Duration::from_nanos)?;
        (age >= AT_REST).then_some(age)
    }
}

/// What the metadata of a file on its file system imply, once it is at rest.
pub(crate) fn extent(file: impl AsFd) -> Option<Extent> {
    let magic = u64::try_from(fstatfs(file).ok()?.f_type).ok()?;
    TRUSTED.iter().find(|(known, _)| *known == magic).map(|(_, extent)| *extent)
}

/// Until when the content of a file is trusted that had been at rest for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrustedUntil(Option<Instant>);

impl TrustedUntil {
    /// No time limit.
    pub(crate) const FOREVER: TrustedUntil = TrustedUntil(None);

    /// For content that is read now.
    pub(crate) fn after(at_rest: Duration) -> TrustedUntil {
        TrustedUntil(if at_rest < WRITTEN_BACK { Instant::now().checked_add(at_rest) } else { None })
    }

    /// The earlier of both.
    pub(crate) fn min(self, other: TrustedUntil) -> TrustedUntil {
        match (self.0, other.0) {
            (Some(one), Some(other)) => TrustedUntil(Some(one.min(other))),
            (one, other) => TrustedUntil(one.or(other)),
        }
    }

    /// Whether the time is over.
    pub(crate) fn is_over(self) -> bool {
        self.0.is_some_and(|until| Instant::now() >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beneath::{FileId, identify};
    use rustix::fs::{CWD, Timespec, Timestamps, utimensat};
    use std::fs::File;

    /// The identity of a file that exists for years, and the clock this long after its last change.
    fn clock_after(age: Duration) -> (FileId, FileClock) {
        let id = identify(File::open("Cargo.toml").expect("the file exists")).expect("it has metadata");
        let (seconds, nanoseconds) = id.last_change();
        let nanoseconds = nanoseconds + u64::from(age.subsec_nanos());
        let clock = FileClock {
            seconds: seconds + age.as_secs() as i64 + (nanoseconds / 1_000_000_000) as i64,
            nanoseconds: (nanoseconds % 1_000_000_000) as i64,
        };
        (id, clock)
    }

    #[test]
    fn a_recent_change_may_hide_another() {
        for (age, expected) in [(0, false), (1_999_999_999, false), (2_000_000_000, true), (100_000_000_000, true)] {
            let (id, clock) = clock_after(Duration::from_nanos(age));
            assert_eq!(clock.at_rest(&id).map(|age| age.as_nanos()), expected.then_some(age.into()), "{age} ns");
        }
        let (id, clock) = clock_after(Duration::ZERO);
        let before = FileClock { seconds: clock.seconds - 1, ..clock };
        assert_eq!(before.at_rest(&id), None, "a time in the future");
    }

    #[test]
    fn an_old_modification_time_hides_no_change() {
        let place = tempfile();
        let id = identify(&place).expect("it has metadata");
        assert_eq!(FileClock::now().at_rest(&id), None, "it was created just now");
        let old = Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&place));
        let times = Timestamps { last_access: old, last_modification: old };
        utimensat(CWD, path, &times, rustix::fs::AtFlags::empty()).expect("its owner may set it");
        let id = identify(&place).expect("it has metadata");
        assert_eq!(FileClock::now().at_rest(&id), None, "its ctime is new");
    }

    fn tempfile() -> File {
        let path = std::env::temp_dir().join(format!("glasshouse-settled-{}", std::process::id()));
        let file = File::create(&path).expect("a file can be made");
        std::fs::remove_file(path).expect("and removed");
        file
    }

    #[test]
    fn only_known_file_systems_are_trusted() {
        assert_eq!(extent(File::open("/proc/self/status").expect("it exists")), None);
        if let Ok(memory) = File::open("/dev/shm") {
            assert_eq!(extent(memory), Some(Extent::Names));
        }
        assert!(TRUSTED.iter().all(|(magic, _)| *magic != 0x6969 && *magic != 0x6573_5546), "NFS, FUSE");
    }

    #[test]
    fn a_young_file_is_trusted_for_a_while() {
        assert_eq!(TrustedUntil::after(Duration::from_secs(60)), TrustedUntil::FOREVER);
        let (short, long) = (TrustedUntil::after(Duration::ZERO), TrustedUntil::after(Duration::from_secs(50)));
        assert!(short.is_over() && !long.is_over() && !TrustedUntil::FOREVER.is_over());
        assert_eq!(short.min(long), short);
        assert_eq!(TrustedUntil::FOREVER.min(long), long);
        assert_eq!(long.min(TrustedUntil::FOREVER), long);
    }
}
