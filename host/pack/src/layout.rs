//! The bytes of a packed component: those of the handler before the site image, and those behind it.
//!
//! The image is a data segment behind the initial memory of the module. The memory is enlarged by whole pages, and the
//! two numbers behind [`IMAGE_MARKER`] locate the image. The heap of the module ends at an address that its linker has
//! fixed and grows behind the enlarged memory, so the module never writes to the image.

use crate::error::PackError;
use crate::numbers::{PADDED, byte_count, padded};
use glasshouse_protocol::{IMAGE_MARKER, SITE_SECTION};
use std::ops::Range;
use wasmparser::BinaryReader;

const PREAMBLE: usize = 8;
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const MEMORY: u8 = 5;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
const PAGE: u64 = 64 << 10;
/// Memory that a handler must be able to add, for its heap.
const HEAP: u64 = 256 << 20;
/// Engines reject a longer module.
const MAX_MODULE: u64 = 1 << 30;

/// A packed component without its site image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedLayout {
    /// The bytes before the image.
    pub before: Vec<u8>,
    /// The bytes behind it.
    pub after: Vec<u8>,
}

/// A section of a component or module.
struct Section {
    id: u8,
    /// The section with its header.
    whole: Range<usize>,
    payload: Range<usize>,
}

impl PackedLayout {
    /// Makes room for an image of `length` bytes in a handler. `description` becomes a custom section. The lengths of
    /// both parts do not depend on the length of the image.
    ///
    /// # Errors
    /// [`PackError::Handler`] for other components, [`PackError::TooLarge`] for a longer image than fits.
    pub fn new(handler: &[u8], length: u32, description: &str) -> Result<PackedLayout, PackError> {
        let (main, module) = main_module(handler, length)?;
        let max = module.max_image();
        if u64::from(length) > max {
            return Err(PackError::TooLarge { bytes: length.into(), max });
        }
        let mut before = part(handler, &(0..main.whole.start)).to_vec();
        before.push(CORE_MODULE);
        before.extend_from_slice(&padded(size(&module.before, length, &module.after)));
        before.extend_from_slice(&module.before);
        let mut after = module.after;
        after.extend_from_slice(part(handler, &(main.whole.end..handler.len())));
        after.extend_from_slice(&custom_section(description));
        Ok(PackedLayout { before, after })
    }
}

/// The longest site image that a handler can hold, in bytes.
///
/// # Errors
/// [`PackError::Handler`] for other components.
pub fn max_image(handler: &[u8]) -> Result<u64, PackError> {
    Ok(main_module(handler, 0)?.1.max_image())
}

/// The section with the module that gets the image, and that module with room for it.
fn main_module(handler: &[u8], length: u32) -> Result<(Section, EnlargedModule), PackError> {
    let is_main =
        |section: &Section| section.id == CORE_MODULE && find_marker(part(handler, &section.payload)).is_some();
    let main = sections(handler)?.into_iter().find(is_main).ok_or(PackError::Handler("it has no location for it"))?;
    let module = enlarge(part(handler, &main.payload), length)?;
    Ok((main, module))
}

/// The place of the site image in a component, if that component is `handler` with an image and nothing else.
///
/// The host relies on it: only the code of its own handler is known not to write to the image.
pub fn packed_image(component: &[u8], handler: &[u8]) -> Option<Range<usize>> {
    let sections = sections(component).ok()?;
    let description = sections.iter().rev().find_map(|section| description(component, section))?;
    let empty = PackedLayout::new(handler, 0, description).ok()?;
    let length = component.len().checked_sub(empty.before.len())?.checked_sub(empty.after.len())?;
    let layout = PackedLayout::new(handler, u32::try_from(length).ok()?, description).ok()?;
    let is_same = component.starts_with(&layout.before) && component.ends_with(&layout.after);
    is_same.then_some(layout.before.len()..layout.before.len().checked_add(length)?)
}

/// The description of the site in a component, if there is one.
pub fn site_description(component: &[u8]) -> Option<&str> {
    sections(component).ok()?.iter().rev().find_map(|section| description(component, section))
}

/// The text of the custom section that describes a site.
fn description<'a>(component: &'a [u8], section: &Section) -> Option<&'a str> {
    let mut reader = BinaryReader::new(part(component, &section.payload), 0);
    let is_site = section.id == CUSTOM && reader.read_string().is_ok_and(|name| name == SITE_SECTION);
    if is_site { str::from_utf8(reader.read_bytes(reader.bytes_remaining()).ok()?).ok() } else { None }
}

fn custom_section(description: &str) -> Vec<u8> {
    let length = |text: &str| padded(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let payload = [&length(SITE_SECTION)[..], SITE_SECTION.as_bytes(), description.as_bytes()].concat();
    [&[CUSTOM][..], &padded(u32::try_from(payload.len()).unwrap_or(u32::MAX)), &payload].concat()
}

/// A module with room for an image.
struct EnlargedModule {
    before: Vec<u8>,
    after: Vec<u8>,
    /// The address of the image.
    start: u64,
}

impl EnlargedModule {
    /// The longest image.
    fn max_image(&self) -> u64 {
        let own = byte_count(&self.before).saturating_add(byte_count(&self.after));
        let memory = (u64::from(u32::MAX)).saturating_sub(self.start).saturating_sub(HEAP);
        MAX_MODULE.saturating_sub(own).saturating_sub(PAGE).min(memory)
    }
}

/// Enlarges the memory of a module, sets the location of the image, and begins its data segment.
fn enlarge(module: &[u8], length: u32) -> Result<EnlargedModule, PackError> {
    let sections = sections(module)?;
    let data = sections.iter().find(|section| section.id == DATA).ok_or(PackError::Handler("it has no data"))?;
    let mut start = None;
    let mut before = part(module, &(0..PREAMBLE)).to_vec();
    for section in sections.iter().take_while(|section| section.whole.start < data.whole.start) {
        let payload = part(module, &section.payload);
        match section.id {
            MEMORY => {
                let pages = memory_pages(payload)?;
                start = Some(u64::from(pages).saturating_mul(PAGE));
                let enlarged = u64::from(pages).saturating_add(u64::from(length).div_ceil(PAGE));
                let memory = [&[1, 0][..], &padded(u32::try_from(enlarged).unwrap_or(u32::MAX))].concat();
                push_section(&mut before, MEMORY, &memory);
            }
            DATA_COUNT => {
                let count = BinaryReader::new(payload, 0).read_var_u32().map_err(invalid)?;
                push_section(&mut before, DATA_COUNT, &padded(count.saturating_add(1)));
            }
            _ => before.extend_from_slice(part(module, &section.whole)),
        }
    }
    let start = start.ok_or(PackError::Handler("it has no memory"))?;
    // The operand of `i32.const` is signed.
    let address = i32::try_from(start).ok().and_then(|address| u32::try_from(address).ok());
    let address = address.ok_or(PackError::Handler("its memory is too large"))?;
    let segments = segments(part(module, &data.payload), address, length)?;
    before.push(DATA);
    before.extend_from_slice(&padded(size(&segments, length, &[])));
    before.extend_from_slice(&segments);
    let after = part(module, &(data.whole.end..module.len())).to_vec();
    Ok(EnlargedModule { before, after, start })
}

/// The pages of the only memory, which has no maximum.
fn memory_pages(payload: &[u8]) -> Result<u32, PackError> {
    let mut reader = BinaryReader::new(payload, 0);
    let (count, flags) = (reader.read_var_u32().map_err(invalid)?, reader.read_u8().map_err(invalid)?);
    if (count, flags) != (1, 0) {
        return Err(PackError::Handler("its memory has another form"));
    }
    reader.read_var_u32().map_err(invalid)
}

/// The payload of the data section up to the bytes of the image.
fn segments(payload: &[u8], address: u32, length: u32) -> Result<Vec<u8>, PackError> {
    let mut reader = BinaryReader::new(payload, 0);
    let count = reader.read_var_u32().map_err(invalid)?;
    let mut old = reader.read_bytes(reader.bytes_remaining()).map_err(invalid)?.to_vec();
    let numbers =
        find_marker(&old).and_then(|at| old.get_mut(at.checked_add(IMAGE_MARKER.len())?..)?.first_chunk_mut::<8>());
    let numbers = numbers.ok_or(PackError::Handler("it has no location for it"))?;
    let (to_start, to_length) = numbers.split_at_mut(4);
    to_start.copy_from_slice(&address.to_le_bytes());
    to_length.copy_from_slice(&length.to_le_bytes());
    let mut segments = padded(count.saturating_add(1)).to_vec();
    segments.extend_from_slice(&old);
    // An active segment of memory 0 at `i32.const address`.
    segments.extend_from_slice(&[0x00, 0x41]);
    segments.extend_from_slice(&padded(address));
    segments.push(0x0b);
    segments.extend_from_slice(&padded(length));
    Ok(segments)
}

fn push_section(to: &mut Vec<u8>, id: u8, payload: &[u8]) {
    to.push(id);
    to.extend_from_slice(&padded(size(payload, 0, &[])));
    to.extend_from_slice(payload);
}

/// The length of a payload with the image in it. A sum beyond 4 GiB is refused as too large before it is written.
fn size(before: &[u8], image: u32, after: &[u8]) -> u32 {
    let own = byte_count(before).saturating_add(byte_count(after));
    u32::try_from(own.saturating_add(image.into())).unwrap_or(u32::MAX)
}

fn find_marker(bytes: &[u8]) -> Option<usize> {
    bytes.windows(IMAGE_MARKER.len()).position(|window| window == IMAGE_MARKER)
}

fn sections(bytes: &[u8]) -> Result<Vec<Section>, PackError> {
    let mut reader = BinaryReader::new(bytes, 0);
    if !reader.read_bytes(PREAMBLE).map_err(invalid)?.starts_with(b"\0asm") {
        return Err(PackError::Handler("it is not a component"));
    }
    let mut sections = Vec::new();
    while !reader.eof() {
        let start = reader.original_position();
        let id = reader.read_u8().map_err(invalid)?;
        let length = reader.read_var_u32().map_err(invalid)?;
        let payload_start = reader.original_position();
        reader.read_bytes(usize::try_from(length).unwrap_or(usize::MAX)).map_err(invalid)?;
        let end = reader.original_position();
        sections.push(Section { id, whole: start..end, payload: payload_start..end });
    }
    Ok(sections)
}

fn invalid(_: wasmparser::BinaryReaderError) -> PackError {
    PackError::Handler("it is not a component")
}

fn part<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}

const _: () = assert!(PADDED == 5, "i32.const has at most five bytes too");

#[cfg(test)]
mod tests;
