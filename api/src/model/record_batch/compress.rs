//! Compression of a batch's records, in the forms that every Kafka client reads.

use std::io::{self, Write};

use super::compression::Compression;

/// Zstandard's own default, and Kafka's.
const ZSTD_LEVEL: i32 = 3;
/// Magic, version and compatible version of the framing of Java's Xerial library.
const XERIAL_HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Plain bytes of one of its blocks.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

/// Appends the compressed bytes to `out`.
pub(super) fn compress(codec: Compression, plain: &[u8], out: Vec<u8>) -> Vec<u8> {
    let done = match codec {
        Compression::None => Ok([&out, plain].concat()),
        Compression::Gzip => gzip(plain, out),
        Compression::Snappy => snappy(plain, out),
        Compression::Lz4 => lz4(plain, out),
        Compression::Zstd => zstd(plain, out),
    };
    done.expect("what is written into memory is taken")
}

fn gzip(plain: &[u8], out: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// Kafka's Java clients write this framing; raw blocks are read by fewer.
fn snappy(plain: &[u8], mut out: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut encoder = snap::raw::Encoder::new();
    out.extend_from_slice(XERIAL_HEADER);
    for chunk in plain.chunks(XERIAL_BLOCK_BYTES) {
        let block = encoder.compress_vec(chunk)?;
        let length = u32::try_from(block.len()).expect("blocks are small");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

/// Frames of independent blocks, the only ones that Java's reader takes.
fn lz4(plain: &[u8], out: Vec<u8>) -> io::Result<Vec<u8>> {
    let frame = lz4_flex::frame::FrameInfo::new()
        .block_mode(lz4_flex::frame::BlockMode::Independent)
        .block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, out);
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

fn zstd(plain: &[u8], out: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?;
    encoder.write_all(plain)?;
    encoder.finish()
}
