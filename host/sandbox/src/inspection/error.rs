//! Why a component cannot be inspected.

use wasmparser::BinaryReaderError;

/// Why a component cannot be inspected. Each message completes `it is …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectionError {
    /// The bytes are not a valid component.
    #[error("broken at byte {offset}: {message}")]
    Broken {
        /// The position in the file, in bytes.
        offset: u64,
        /// One line of the validator.
        message: String,
    },
    /// Components are nested too deeply.
    #[error("too much: it has components within components, more than {max} deep")]
    TooDeep {
        /// The permitted depth.
        max: u32,
    },
    /// The names of imported functions are too long.
    #[error("too much: the functions that it imports have over {max} bytes of names")]
    LongNames {
        /// The permitted number of bytes.
        max: usize,
    },
    /// The file or one instance has too many parts.
    #[error("too much: {scope} has {count} {part}, and may have {max}")]
    TooMany {
        /// `the file` or `one instance of it`.
        scope: &'static str,
        /// The kind of part, in the plural.
        part: &'static str,
        /// How many there are.
        count: u64,
        /// How many are permitted.
        max: u64,
    },
    /// The cost of an instance cannot be computed.
    #[error("too much: it instantiates a module or component that it imports, whose cost is unknown")]
    UnknownCost,
}

impl From<BinaryReaderError> for InspectionError {
    fn from(error: BinaryReaderError) -> InspectionError {
        // Further lines quote the file.
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        InspectionError::Broken { offset: crate::number::to_u64(error.offset()), message }
    }
}
