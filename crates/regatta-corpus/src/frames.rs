//! What is in a zstd file, frame after frame. (The decoder knows one frame, and leaves its checksum to who asks.)

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::{Error, Read};

/// Reads all frames of a file, one behind the other, and compares their checksums. What one says that is to be skipped is skipped.
pub(crate) struct Frames<'a> {
    frame: Option<StreamingDecoder<&'a [u8], FrameDecoder>>,
    /// What is behind that frame, if there is none at hand.
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { frame: None, rest: bytes }
    }

    /// Goes on to the next frame, if there is one.
    fn open(&mut self) -> Result<(), Error> {
        match StreamingDecoder::new(self.rest) {
            Ok(frame) => self.frame = Some(frame),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                // Behind a number that says so, and the length.
                let end = usize::try_from(length).ok().and_then(|length| length.checked_add(8));
                let rest = end.and_then(|end| self.rest.get(end..));
                self.rest = rest.ok_or_else(|| Error::other("what is to be skipped is cut off"))?;
            }
            Err(error) => return Err(Error::other(error.to_string())),
        }
        Ok(())
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(frame) = &mut self.frame else {
                if self.rest.is_empty() {
                    return Ok(0);
                }
                self.open()?;
                continue;
            };
            let read = frame.read(into).map_err(|error| Error::other(error.to_string()))?;
            if read > 0 {
                return Ok(read);
            }
            if let Some((rest, decoder)) = self.frame.take().map(StreamingDecoder::into_parts) {
                self.rest = rest;
                let said = decoder.get_checksum_from_data();
                if said.is_some() && said != decoder.get_calculated_checksum() {
                    return Err(Error::other("its checksum says that something else was written"));
                }
            }
        }
    }
}
