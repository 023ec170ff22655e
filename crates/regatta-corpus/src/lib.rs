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

mod frames;
mod record;

use frames::Frames;
use record::FuncRecord;
use regatta::Problem;
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

/// Do the bytes begin as those of a corpus file do? (As a zstd file does, be it with something that is to be skipped.)
pub fn is_corpus(bytes: &[u8]) -> bool {
    let skipped = bytes.first().is_some_and(|byte| byte & 0xf0 == 0x50) && bytes.get(1..4) == Some(&[0x2a, 0x4d, 0x18]);
    skipped || bytes.starts_with(&MAGIC)
}

/// Every problem in the bytes of a corpus file.
///
/// # Errors
///
/// If the bytes are not in the format.
pub fn read(bytes: &[u8]) -> Result<Vec<Problem>, CorpusError> {
    let bad = |error: std::io::Error| match is_corpus(bytes) {
        true => CorpusError::Damaged(error.to_string()),
        false => CorpusError::Zstd(error.to_string()),
    };
    if bytes.is_empty() {
        return Err(CorpusError::Zstd("it is empty".to_owned()));
    }
    let mut frames = Frames::new(bytes);
    let mut problems = Vec::new();
    let mut record = Vec::new();
    // Record by record: what is wrong in one is found before the next is unpacked.
    let mut read = |length: usize, record: &mut Vec<u8>| {
        record.clear();
        frames.by_ref().take(length as u64).read_to_end(record).map_err(bad)
    };
    loop {
        let function = problems.len();
        if read(4, &mut record)? == 0 {
            return Ok(problems);
        }
        let length = record.as_slice().try_into().map_err(|_| CorpusError::CutOff { function })?;
        let length = u32::from_le_bytes(length) as usize;
        if read(length, &mut record)? < length {
            return Err(CorpusError::CutOff { function });
        }
        let record: FuncRecord =
            postcard::from_bytes(&record).map_err(|e| CorpusError::Record { function, why: e.to_string() })?;
        problems.push(record.into_problem().map_err(|why| CorpusError::Record { function, why })?);
    }
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
    fn files_may_be_put_behind_one_another() {
        let bytes = file();
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
        let both = [&bytes[..], &skipped, &bytes].concat();
        assert_eq!(read(&both).map(|problems| problems.len()).ok(), Some(200));
        let behind = [&skipped[..], &bytes].concat();
        assert!(is_corpus(&behind));
        assert_eq!(read(&behind).map(|problems| problems.len()).ok(), Some(100));
        let error = read(&[&bytes[..], b"and more"].concat()).expect_err("that is no frame");
        assert!(matches!(error, CorpusError::Damaged(_)), "{error}");
        let error = read(&[&bytes[..], &skipped[..9]].concat()).expect_err("one byte is missing");
        assert!(matches!(error, CorpusError::Damaged(_)), "{error}");
    }

    /// Whatever byte is another one, the file is not read as a right one that holds something else.
    #[test]
    fn a_byte_that_is_wrong_is_noticed() {
        let bytes = file();
        let problems = read(&bytes).expect("as it was written");
        for place in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[place] ^= 4;
            assert!(read(&wrong).is_err() || read(&wrong).is_ok_and(|read| read == problems), "byte {place}");
        }
    }

    /// 2 GB of zeros in 64 KB: the first record, which is empty, is none.
    #[test]
    fn what_unpacks_to_very_much_is_not_unpacked_first() {
        let mut bytes = [&MAGIC[..], &[0, 0x38]].concat();
        for n in 0..16_000u32 {
            let header = (1u32 << 17) << 3 | 2 | u32::from(n == 15_999);
            bytes.extend_from_slice(&header.to_le_bytes()[..3]);
            bytes.push(0);
        }
        let taken = allocation_counter::measure(|| {
            assert!(matches!(read(&bytes), Err(CorpusError::Record { function: 0, .. })));
        });
        assert!(taken.bytes_max < 10 << 20, "{} bytes", taken.bytes_max);
    }

    #[test]
    fn what_is_no_corpus_is_not_called_damaged() {
        let error = read(b"machine {}").expect_err("this is text");
        assert!(matches!(error, CorpusError::Zstd(_)), "{error}");
        assert!(matches!(read(b""), Err(CorpusError::Zstd(_))));
    }
}
