//! The site image that `glasshouse pack` writes into the memory of this module.

use glasshouse_core::tree::packed::image::SiteImage;
use glasshouse_protocol::IMAGE_MARKER;
use std::{ptr, slice};

/// Where the image is in memory. `glasshouse pack` finds the marker in the data of the module and sets the numbers.
#[repr(C)]
struct ImageLocation {
    marker: [u8; IMAGE_MARKER.len()],
    /// Bytes before the image.
    start: u32,
    /// Bytes of the image; 0 if there is none.
    length: u32,
}

static LOCATION: ImageLocation = ImageLocation { marker: *IMAGE_MARKER, start: 0, length: 0 };

/// The site image, or `None` if this component serves a directory of the host.
///
/// # Errors
/// A message if the image is damaged.
pub(crate) fn image() -> Result<Option<SiteImage<'static>>, &'static str> {
    #[expect(unsafe_code, reason = "the compiler must not assume the numbers that it sees here")]
    // SAFETY: a reference is valid for reads.
    let ImageLocation { start, length, .. } = unsafe { ptr::read_volatile(&raw const LOCATION) };
    let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else { return Ok(None) };
    if length == 0 {
        return Ok(None);
    }
    #[expect(unsafe_code, reason = "the image is outside of what the compiler knows")]
    // SAFETY: `glasshouse pack` makes the memory of the module this much larger. The allocator begins before the image
    // and grows behind it, so nothing writes to it.
    let bytes = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(start), length) };
    SiteImage::parse(bytes).map(Some).ok_or("the packed folder is damaged; pack it again")
}
