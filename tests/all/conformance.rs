//! What requests are answered with, on every stack: the host and `wasmtime serve`, each with both components.

mod archives;
mod cases;
mod crawlers;
mod elsewhere;
mod large_files;
mod listings;
mod matrix;
mod odd_files;
mod packed;
mod precompressed;
mod python_parity;
mod replay;
mod replayed;
mod root;
mod single_file;
mod site_files;
