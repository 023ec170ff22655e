//! Reads and writes `.raf.zst` files: every function of a program as its compiler handed it to the register allocator.
//!
//! A file is a zstd stream of records, each a `u32` length (little-endian) and that many bytes of postcard. The type
//! [`Problem`] is what a record means: a function and the machine that it is for.
//!
//! ```
//! # use regatta::{FuncBuilder, MachineEnv, Problem};
//! let mut builder = FuncBuilder::new();
//! let block = builder.block(&[]);
//! builder.ret(block, &[]);
//! let problem = Problem { func: builder.finish(), env: MachineEnv::default() };
//!
//! let bytes = regatta_corpus::write(std::slice::from_ref(&problem))?;
//! assert_eq!(regatta_corpus::read(&bytes)?, [problem]);
//! # Ok::<(), regatta_corpus::CorpusError>(())
//! ```

mod record;

use record::FuncRecord;
use regatta::Problem;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Read;
use std::path::Path;

/// What every zstd stream begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a corpus file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The file system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The bytes are no zstd stream.
    #[error("not a zstd stream: {0}")]
    Zstd(String),
    /// The bytes begin as a zstd stream does, and do not go on as one.
    #[error("the file is damaged or cut off: {0}")]
    Damaged(String),
    /// The stream ends in the middle of a record.
    #[error("function {function} is cut off")]
    CutOff {
        /// The number of the function, from 0.
        function: usize,
    },
    /// A record cannot be decoded or encoded.
    #[error("function {function}: {why}")]
    Record {
        /// The number of the function, from 0.
        function: usize,
        /// What is wrong.
        why: String,
    },
}

/// Every problem in the bytes of a corpus file.
///
/// # Errors
///
/// If the bytes are not in the format.
pub fn read(bytes: &[u8]) -> Result<Vec<Problem>, CorpusError> {
    let mut plain = Vec::new();
    let bad = |why| if bytes.starts_with(&MAGIC) { CorpusError::Damaged(why) } else { CorpusError::Zstd(why) };
    let mut decoder = StreamingDecoder::new(bytes).map_err(|e| bad(e.to_string()))?;
    decoder.read_to_end(&mut plain).map_err(|e| bad(e.to_string()))?;
    let mut problems = Vec::new();
    let mut rest = plain.as_slice();
    while !rest.is_empty() {
        let function = problems.len();
        let (length, tail) = rest.split_first_chunk::<4>().ok_or(CorpusError::CutOff { function })?;
        let length = u32::from_le_bytes(*length) as usize;
        let (record, tail) = tail.split_at_checked(length).ok_or(CorpusError::CutOff { function })?;
        rest = tail;
        let record: FuncRecord =
            postcard::from_bytes(record).map_err(|e| CorpusError::Record { function, why: e.to_string() })?;
        problems.push(record.into_problem().map_err(|why| CorpusError::Record { function, why })?);
    }
    Ok(problems)
}

/// The bytes of a corpus file that holds these problems.
///
/// The format has no block frequencies. Those of a function ([`regatta::Func::frequencies`]) are left out without a word;
/// whoever needs them writes the text form.
///
/// # Errors
///
/// If a problem is too large for a record (4 GiB).
pub fn write(problems: &[Problem]) -> Result<Vec<u8>, CorpusError> {
    let mut plain = Vec::new();
    for (function, problem) in problems.iter().enumerate() {
        let bad = |why: String| CorpusError::Record { function, why };
        let record = postcard::to_allocvec(&FuncRecord::from_problem(problem)).map_err(|e| bad(e.to_string()))?;
        let length = u32::try_from(record.len()).map_err(|e| bad(e.to_string()))?;
        plain.extend(length.to_le_bytes());
        plain.extend(record);
    }
    Ok(compress_to_vec(plain.as_slice(), CompressionLevel::Fastest))
}

/// Every problem in a corpus file.
///
/// # Errors
///
/// If the file cannot be read or is not in the format.
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<Problem>, CorpusError> {
    read(&std::fs::read(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta::{FuncBuilder, MachineEnv};

    /// A file of functions with nothing in them, and enough of these to be compressed.
    fn file() -> Vec<u8> {
        let mut builder = FuncBuilder::new();
        let block = builder.block(&[]);
        builder.ret(block, &[]);
        let problem = Problem { func: builder.finish(), env: MachineEnv::default() };
        write(&vec![problem; 100]).expect("the functions are small")
    }

    #[test]
    fn a_file_that_is_cut_off_is_called_that_wherever_it_ends() {
        let bytes = file();
        assert_eq!(read(&bytes).map(|problems| problems.len()).ok(), Some(100));
        for length in MAGIC.len()..bytes.len() {
            let error = read(&bytes[..length]).expect_err("the rest is missing");
            assert!(error.to_string().contains("cut off"), "of {}, {length}: {error}", bytes.len());
        }
    }

    #[test]
    fn what_is_no_corpus_is_not_called_damaged() {
        let error = read(b"machine {}").expect_err("this is text");
        assert!(matches!(error, CorpusError::Zstd(_)), "{error}");
    }
}
