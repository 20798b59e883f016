//! Decompression of a batch's records, bounded: what comes out, and what is reserved before it
//! does, never follows a number that the bytes merely claim.

use std::io::{Cursor, Read, Take};

use bytes::Bytes;

use super::error::BatchError;

/// Compression of a batch, lowest three bits of its attributes. Never renumber.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// 0: as is.
    #[default]
    None,
    /// 1: RFC 1952.
    Gzip,
    /// 2: raw blocks, or blocks in the framing of Java's Xerial library.
    Snappy,
    /// 3: LZ4 frame.
    Lz4,
    /// 4: Zstandard.
    Zstd,
}

/// Zstandard's own default: what every encoder can produce must be readable.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// Snappy's best case is a copy of 64 bytes in 3, so a larger claim is a lie.
const SNAPPY_RATIO_MAX: usize = 22;
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// Magic, version and compatible version.
const XERIAL_HEADER_BYTES: usize = 16;

impl Compression {
    pub(super) fn from_attributes(attributes: i16) -> Result<Self, BatchError> {
        match attributes & 0b111 {
            0 => Ok(Compression::None),
            1 => Ok(Compression::Gzip),
            2 => Ok(Compression::Snappy),
            3 => Ok(Compression::Lz4),
            4 => Ok(Compression::Zstd),
            code => Err(BatchError::BadCompression { code }),
        }
    }

    pub(super) fn attributes(self) -> i16 {
        match self {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        }
    }

    /// Its name in Kafka's configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// The plain bytes, at most `limit` of them. Uncompressed bytes are shared, not copied.
    pub(super) fn decompress(self, bytes: &Bytes, limit: usize) -> Result<Bytes, BatchError> {
        let plain = match self {
            Compression::None => return Ok(bytes.clone()),
            Compression::Gzip => {
                read_all(self, flate2::read::MultiGzDecoder::new(&bytes[..]), limit)
            }
            Compression::Snappy => snappy(bytes, limit),
            Compression::Lz4 => {
                read_all(self, lz4_flex::frame::FrameDecoder::new(&bytes[..]), limit)
            }
            Compression::Zstd => zstd_stream(bytes, limit),
        };
        plain.map(Bytes::from)
    }

    /// The plain bytes as they come out. Those of Snappy, which has no streams, are at most `limit`.
    pub(super) fn reader(
        self,
        bytes: &[u8],
        limit: usize,
    ) -> Result<Box<dyn Read + '_>, BatchError> {
        Ok(match self {
            Compression::None => Box::new(bytes),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
            Compression::Snappy => Box::new(Cursor::new(snappy(bytes, limit)?)),
            Compression::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(bytes)),
            Compression::Zstd => Box::new(zstd_decoder(bytes)?),
        })
    }

    pub(super) fn damaged(self, reason: &(impl ToString + ?Sized)) -> BatchError {
        BatchError::Decompress { codec: self.as_str(), reason: reason.to_string() }
    }
}

/// Reads to the end; the buffer grows only by what really comes out.
fn read_all(codec: Compression, from: impl Read, limit: usize) -> Result<Vec<u8>, BatchError> {
    let mut plain = Vec::new();
    let mut from: Take<_> = from.take(limit as u64 + 1);
    from.read_to_end(&mut plain).map_err(|error| codec.damaged(&error))?;
    if plain.len() > limit {
        return Err(BatchError::TooLarge { limit });
    }
    Ok(plain)
}

fn zstd_stream(bytes: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
    read_all(Compression::Zstd, zstd_decoder(bytes)?, limit)
}

fn zstd_decoder(bytes: &[u8]) -> Result<impl Read + '_, BatchError> {
    let codec = Compression::Zstd;
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| codec.damaged(&error))?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| codec.damaged(&error))?;
    Ok(decoder)
}

fn snappy(bytes: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
    let mut plain = Vec::new();
    if !bytes.starts_with(XERIAL_MAGIC) {
        snappy_block(bytes, &mut plain, limit)?;
        return Ok(plain);
    }
    let codec = Compression::Snappy;
    let mut rest = bytes
        .get(XERIAL_HEADER_BYTES..)
        .ok_or_else(|| codec.damaged("the framing's header is cut off"))?;
    while !rest.is_empty() {
        let (length, tail) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| codec.damaged("a block's length is cut off"))?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > tail.len() {
            return Err(codec.damaged("a block is cut off"));
        }
        let (block, tail) = tail.split_at(length);
        snappy_block(block, &mut plain, limit)?;
        rest = tail;
    }
    Ok(plain)
}

fn snappy_block(block: &[u8], plain: &mut Vec<u8>, limit: usize) -> Result<(), BatchError> {
    let codec = Compression::Snappy;
    let claim = snap::raw::decompress_len(block).map_err(|error| codec.damaged(&error))?;
    if claim > limit.saturating_sub(plain.len()) {
        return Err(BatchError::TooLarge { limit });
    }
    if claim > block.len() * SNAPPY_RATIO_MAX {
        return Err(codec.damaged("a block claims more than it can hold"));
    }
    let start = plain.len();
    plain.resize(start + claim, 0);
    let written = snap::raw::Decoder::new()
        .decompress(block, &mut plain[start..])
        .map_err(|error| codec.damaged(&error))?;
    plain.truncate(start + written);
    Ok(())
}
