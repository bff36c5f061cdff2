//! Layouts of a small handler in the text format.

use crate::layout::*;

/// A component with the parts of a handler that matter here.
fn handler(memory: &str) -> Vec<u8> {
    let marker = str::from_utf8(IMAGE_MARKER).expect("ASCII");
    let text = format!(
        "(component (core module (memory {memory}) (export \"m\" (memory 0)) \
         (data (i32.const 8) \"{marker}\\00\\00\\00\\00\\00\\00\\00\\00\") (data (i32.const 100) \"x\")) \
         (core module (memory 7)))"
    );
    wat::parse_str(text).expect("a component")
}

fn pack(handler: &[u8], image: &[u8]) -> Vec<u8> {
    let length = u32::try_from(image.len()).expect("a short image");
    let layout = PackedLayout::new(handler, length, "{}").expect("a layout");
    [&layout.before, image, &layout.after].concat()
}

/// The main module of a component.
fn main_module(component: &[u8]) -> &[u8] {
    let sections = sections(component).expect("a component");
    part(component, &sections.iter().find(|section| section.id == CORE_MODULE).expect("a module").payload)
}

#[test]
fn the_memory_holds_the_image() {
    for length in [0_usize, 1, 65_536, 65_537, 200_000] {
        let image = vec![b'i'; length];
        let packed = pack(&handler("2"), &image);
        wasmparser::Validator::new().validate_all(&packed).expect("a valid component");
        let module = main_module(&packed);
        let mut reads = wasmparser::Parser::new(0).parse_all(module).map(|payload| payload.expect("a module"));
        let pages = 2 + length.div_ceil(65_536) as u64;
        let memory = reads.find_map(|payload| match payload {
            wasmparser::Payload::MemorySection(memories) => memories.into_iter().next(),
            _ => None,
        });
        assert_eq!(memory.expect("a memory").expect("a memory").initial, pages);
        let data = reads.find_map(|payload| match payload {
            wasmparser::Payload::DataSection(data) => Some(data),
            _ => None,
        });
        let segments: Vec<_> = data.expect("data").into_iter().map(|segment| segment.expect("a segment")).collect();
        assert_eq!(segments.len(), 3);
        assert_eq!(segments[2].data, image);
        let location = [&IMAGE_MARKER[..], &131_072_u32.to_le_bytes(), &(length as u32).to_le_bytes()].concat();
        assert_eq!(segments[0].data, location);
    }
}

#[test]
fn the_image_is_found_in_its_own_handler() {
    let one = handler("2");
    let packed = pack(&one, b"image");
    let range = packed_image(&packed, &one).expect("an image");
    assert_eq!(&packed[range], b"image");
    assert_eq!(packed_image(&packed, &handler("3")), None);
    assert_eq!(packed_image(&one, &one), None);
    for at in [20, packed.len() / 2, packed.len() - 20] {
        let mut changed = packed.clone();
        changed[at] ^= 1;
        let found = packed_image(&changed, &one);
        // A change within the image, or in the description, makes another site of the same handler.
        assert!(found.is_none_or(|range| range.len() == 5), "{at}");
    }
}

#[test]
fn other_components_are_refused() {
    for (component, reason) in [
        (b"not wasm".to_vec(), "it is not a component"),
        (wat::parse_str("(component)").expect("a component"), "it has no location for it"),
        (wat::parse_str("(component (core module (memory 1)))").expect("a component"), "it has no location for it"),
        (handler("2 9"), "its memory has another form"),
    ] {
        let refused = PackedLayout::new(&component, 5, "{}").expect_err("no layout").to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    let refused = PackedLayout::new(&handler("2"), u32::MAX, "{}").expect_err("no layout");
    assert!(matches!(refused, PackError::TooLarge { bytes: 4_294_967_295, max } if max < 1 << 30), "{refused}");
}
