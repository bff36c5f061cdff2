//! Memory for machine code that another process writes. This process executes the code without the right to make
//! memory executable, and cannot change it.

use glasshouse_quota::sync::lock;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mprotect, munmap};
use rustix::param::page_size;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};
use wasmtime::CustomCodeMemory;

/// Bytes of address space. Pages that never had code take no memory.
const LENGTH: usize = 4 << 30;

/// The file behind a [`CodeRegion`], for the process that writes the code.
#[derive(Debug)]
pub struct CodeFile(File);

impl CodeFile {
    /// A file in memory without code.
    ///
    /// # Errors
    /// The kernel creates no such file.
    pub fn create() -> io::Result<CodeFile> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("glasshouse-components", flags)?);
        file.set_len(u64::try_from(LENGTH).map_err(io::Error::other)?)?;
        Ok(CodeFile(file))
    }

    /// Maps the file for the process that executes the code.
    ///
    /// # Errors
    /// `/proc` is not mounted, or the kernel rejects the mapping.
    pub fn region(&self) -> io::Result<Arc<CodeRegion>> {
        // The kernel never makes a mapping of a read-only descriptor writable.
        let file = File::open(format!("/proc/self/fd/{}", self.0.as_raw_fd()))?;
        let access = ProtFlags::READ | ProtFlags::EXEC;
        Ok(Arc::new(CodeRegion { mapping: Mapping::new(&file, access)?, slots: Mutex::default() }))
    }

    /// A descriptor for [`CodeWriter::new`].
    ///
    /// # Errors
    /// The process has too many.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    /// Prevents that a process writes, except with a mapping that it has already.
    ///
    /// # Errors
    /// The kernel is older than version 5.1.
    pub fn seal(&self) -> io::Result<()> {
        Ok(fcntl_add_seals(&self.0, SealFlags::FUTURE_WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?)
    }
}

/// The other end of a [`CodeRegion`], in the process that writes the code.
#[derive(Debug)]
pub struct CodeWriter(Mapping);

impl CodeWriter {
    /// Maps the file for writing, and prevents that a process writes in another way: a descriptor that is open now or
    /// later changes nothing.
    ///
    /// # Errors
    /// The kernel rejects the mapping, or is older than version 5.1.
    pub fn new(file: OwnedFd) -> io::Result<CodeWriter> {
        let mapping = Mapping::new(&file, ProtFlags::READ | ProtFlags::WRITE)?;
        CodeFile(file.into()).seal()?;
        Ok(CodeWriter(mapping))
    }

    /// Writes code into a free part of the region, at the start of a page. Returns its offset, or `None` if no part has
    /// room for it.
    pub fn write(&mut self, free: &[Range<usize>], code: &[u8]) -> Option<usize> {
        let has_room = |range: &&Range<usize>| range.start.is_multiple_of(page_size()) && range.len() >= code.len();
        let offset = free.iter().find(has_room)?.start;
        offset.checked_add(code.len()).filter(|end| *end <= LENGTH)?;
        let target = ptr::with_exposed_provenance_mut(self.0.start.checked_add(offset)?);
        // SAFETY: the range is within the mapping, and the other process executes nothing in a free part.
        #[expect(unsafe_code, reason = "the seals leave only the mapping to write to")]
        unsafe {
            ptr::copy_nonoverlapping(code.as_ptr(), target, code.len());
        }
        Some(offset)
    }
}

/// A mapping of a [`CodeFile`].
#[derive(Debug)]
struct Mapping {
    /// The address of the first byte.
    start: usize,
}

impl Mapping {
    fn new(file: impl AsFd, access: ProtFlags) -> io::Result<Mapping> {
        // SAFETY: the kernel chooses addresses that are not in use, and no reference points to the memory.
        #[expect(unsafe_code, reason = "only a mapping can contain code")]
        let start = unsafe { mmap(ptr::null_mut(), LENGTH, access, MapFlags::SHARED | MapFlags::NORESERVE, file, 0) }?;
        Ok(Mapping { start: start.expose_provenance() })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: each loaded component has a reference to the region of the mapping, so none is left.
        #[expect(unsafe_code, reason = "the mapping has no other owner")]
        // An error leaves address space in use.
        let _ = unsafe { munmap(ptr::with_exposed_provenance_mut(self.start), LENGTH) };
    }
}

/// A part of a [`CodeRegion`] with the machine code of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSlot {
    /// The offset of the first byte.
    pub start: usize,
    /// The number of bytes.
    pub length: usize,
}

/// A mapping of a [`CodeFile`]: readable and executable, never writable.
#[derive(Debug)]
pub struct CodeRegion {
    mapping: Mapping,
    slots: Mutex<Slots>,
}

/// Ranges of whole pages.
#[derive(Debug, Default)]
struct Slots {
    /// The code that is loaded.
    used: Vec<Range<usize>>,
    /// The code that wasmtime has unpublished since the last list of free parts. It may still read the unwind tables.
    released: Vec<Range<usize>>,
}

impl Slots {
    /// The parts without code, in the order of their offsets.
    fn free(&self) -> Vec<Range<usize>> {
        let mut taken: Vec<_> = self.used.iter().chain(&self.released).cloned().collect();
        taken.sort_by_key(|range| range.start);
        let starts = [0].into_iter().chain(taken.iter().map(|range| range.end));
        let ends = taken.iter().map(|range| range.start).chain([LENGTH]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
    }
}

impl CodeRegion {
    /// The parts for new code, in the order of their offsets. A part that is released now is free in the next call.
    pub fn free(&self) -> Vec<Range<usize>> {
        let mut slots = lock(&self.slots);
        let free = slots.free();
        slots.released.clear();
        free
    }

    /// Marks the slot as used until wasmtime unpublishes the code in it. `None` if it is not free.
    pub(crate) fn take(&self, slot: CodeSlot) -> Option<NonNull<[u8]>> {
        let end = slot.start.checked_add(slot.length)?.checked_next_multiple_of(page_size())?;
        let range = slot.start..end;
        let mut slots = lock(&self.slots);
        let is_free = slots.free().iter().any(|free| free.start <= range.start && range.end <= free.end);
        if range.is_empty() || !is_free || !range.start.is_multiple_of(page_size()) {
            return None;
        }
        let address = ptr::with_exposed_provenance_mut(self.mapping.start.checked_add(slot.start)?);
        slots.used.push(range);
        Some(NonNull::slice_from_raw_parts(NonNull::new(address)?, slot.length))
    }

    /// Marks the slot that contains the offset as released.
    pub(crate) fn release(&self, offset: usize) {
        let mut slots = lock(&self.slots);
        let (released, used) = slots.used.drain(..).partition(|range| range.contains(&offset));
        slots.used = used;
        slots.released.extend::<Vec<_>>(released);
    }

    fn offset(&self, address: *const u8) -> Option<usize> {
        address.addr().checked_sub(self.mapping.start).filter(|offset| *offset < LENGTH)
    }
}

impl CustomCodeMemory for CodeRegion {
    fn required_alignment(&self) -> usize {
        page_size()
    }

    fn publish_executable(&self, address: *const u8, length: usize) -> wasmtime::Result<()> {
        if self.offset(address).is_none() {
            // SAFETY: the memory belongs to wasmtime, which has written the code.
            #[expect(unsafe_code, reason = "wasmtime leaves this call to its embedder")]
            unsafe { mprotect(address.cast_mut().cast(), length, MprotectFlags::READ | MprotectFlags::EXEC) }?;
        }
        Ok(())
    }

    fn unpublish_executable(&self, address: *const u8, _length: usize) -> wasmtime::Result<()> {
        // wasmtime unmaps other memory next.
        if let Some(offset) = self.offset(address) {
            self.release(offset);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn slot(start: usize, length: usize) -> CodeSlot {
        CodeSlot { start, length }
    }

    #[test]
    fn slots_are_whole_pages_and_do_not_overlap() {
        let region = CodeFile::create().unwrap().region().unwrap();
        let page = page_size();
        let is_free = |ranges: &[(usize, usize)]| {
            let free: Vec<_> = region.free().into_iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(free, ranges);
        };
        is_free(&[(0, LENGTH)]);
        assert!(region.take(slot(page, 1)).is_some());
        is_free(&[(0, page), (2 * page, LENGTH)]);
        let refused =
            [slot(page, 1), slot(0, page + 1), slot(1, 1), slot(0, 0), slot(LENGTH - page, 2 * page), slot(LENGTH, 1)];
        for slot in refused {
            assert!(region.take(slot).is_none(), "{slot:?}");
        }
        assert!(region.take(slot(0, page)).is_some());
        is_free(&[(2 * page, LENGTH)]);
        region.release(page + 7);
        is_free(&[(2 * page, LENGTH)]);
        is_free(&[(page, LENGTH)]);
    }

    #[test]
    fn the_region_shows_what_is_written() {
        let file = CodeFile::create().unwrap();
        let region = file.region().unwrap();
        let mut writer = CodeWriter::new(file.descriptor().unwrap()).unwrap();
        assert_eq!(writer.write(&region.free(), &[7; 100_000]), Some(0));
        let memory = region.take(slot(0, 100_000)).unwrap();
        // SAFETY: the slot was written, and nothing writes to it while this reads.
        #[expect(unsafe_code, reason = "the region contains no Rust value")]
        let bytes = unsafe { memory.as_ref() };
        assert!(bytes.iter().all(|byte| *byte == 7));
        assert_eq!(writer.write(&region.free(), &[8; 4096]), Some(100_000_usize.next_multiple_of(page_size())));
        region.release(0);
        region.free();
        assert_eq!(writer.write(&region.free(), &[9; 4096]), Some(0));
        let within_pages = [1..LENGTH, 4097..LENGTH];
        assert_eq!(writer.write(&within_pages, &[9; 1]), None);
        let beyond = LENGTH..LENGTH + 8192;
        assert_eq!(writer.write(&[0..4096, beyond], &[9; 4097]), None);
        assert_eq!(writer.write(&[], &[9; 1]), None);
    }

    #[test]
    fn no_descriptor_writes_beside_the_writer() {
        let file = CodeFile::create().unwrap();
        let (other, region) = (file.0.try_clone().unwrap(), file.region().unwrap());
        let mut writer = CodeWriter::new(file.descriptor().unwrap()).unwrap();
        let path = format!("/proc/self/fd/{}", other.as_raw_fd());
        for mut file in [&other, &File::options().write(true).open(path).unwrap()] {
            assert_eq!(file.write(b"x").map_err(|error| error.kind()), Err(io::ErrorKind::PermissionDenied));
            assert!(Mapping::new(file, ProtFlags::READ | ProtFlags::WRITE).is_err());
        }
        assert_eq!(writer.write(&region.free(), b"code"), Some(0));
    }

    #[test]
    fn the_region_never_becomes_writable() {
        let region = CodeFile::create().unwrap().region().unwrap();
        let start = ptr::with_exposed_provenance_mut(region.mapping.start);
        // SAFETY: the call fails.
        #[expect(unsafe_code, reason = "the kernel checks the call")]
        let result = unsafe { mprotect(start, page_size(), MprotectFlags::READ | MprotectFlags::WRITE) };
        assert_eq!(result, Err(rustix::io::Errno::ACCESS));
    }
}
