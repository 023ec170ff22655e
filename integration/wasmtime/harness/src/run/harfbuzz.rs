//! The text shaper HarfBuzz: sets the lines of a text in a font, over and over, and prints which glyphs go where.

use super::emscripten::{Library, Names};
use super::{Outcome, Stopwatch};
use std::io::Write;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Module, Result, bail};

/// How often the text is set; once is too short to time.
const ROUNDS: usize = 2000;
/// HarfBuzz' mode for bytes that it may write to, being ours no longer.
const WRITABLE: i32 = 2;
/// Bytes of a glyph's number and cluster, and of its position, in HarfBuzz' lists.
const RECORD: i32 = 20;

pub(super) fn run(engine: &Engine, module: &Module, names: Names, args: &[String]) -> Result<Outcome> {
    let [font, text] = args else { bail!("this is HarfBuzz: it takes two arguments, a font and a text") };
    let font = std::fs::read(font).with_context(|| font.clone())?;
    let text = std::fs::read_to_string(text).with_context(|| text.clone())?;
    let mut harfbuzz = Library::new(engine, module, names)?;
    let started = Stopwatch::start();
    let bytes = harfbuzz.put(&font)?;
    let blob = harfbuzz.call("hb_blob_create", &[bytes, i32::try_from(font.len())?, WRITABLE, 0, 0])?;
    let face = harfbuzz.call("hb_face_create", &[blob, 0])?;
    let font = harfbuzz.call("hb_font_create", &[face])?;
    let mut set = Vec::new();
    for _ in 0..ROUNDS {
        set.clear();
        for line in text.lines() {
            shape(&mut harfbuzz, font, line, &mut set)?;
        }
    }
    std::io::stdout().write_all(&set)?;
    Ok(Outcome { run: started.elapsed(), exit: 0 })
}

/// Sets a line and writes its glyphs as `number@cluster+advance`.
fn shape(harfbuzz: &mut Library, font: i32, line: &str, out: &mut Vec<u8>) -> Result<()> {
    let buffer = harfbuzz.call("hb_buffer_create", &[])?;
    let (bytes, length) = (harfbuzz.put(line.as_bytes())?, i32::try_from(line.len())?);
    harfbuzz.call("hb_buffer_add_utf8", &[buffer, bytes, length, 0, length])?;
    harfbuzz.call("hb_buffer_guess_segment_properties", &[buffer])?;
    harfbuzz.call("hb_shape", &[font, buffer, 0, 0])?;
    let count = harfbuzz.call("hb_buffer_get_length", &[buffer])?;
    let glyphs = harfbuzz.call("hb_buffer_get_glyph_infos", &[buffer, 0])?;
    let places = harfbuzz.call("hb_buffer_get_glyph_positions", &[buffer, 0])?;
    for index in 0..count {
        let (glyph, place) = (glyphs + index * RECORD, places + index * RECORD);
        let (number, cluster) = (harfbuzz.word(glyph)?, harfbuzz.word(glyph + 8)?);
        write!(out, "{number}@{cluster}+{} ", harfbuzz.word(place)?)?;
    }
    out.push(b'\n');
    harfbuzz.call("free", &[bytes])?;
    harfbuzz.call("hb_buffer_destroy", &[buffer]).map(drop)
}
