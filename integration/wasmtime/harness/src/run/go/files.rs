//! Node's file system, to read from, and its standard streams.
//!
//! A call either answers, or fails with a code as Node names it. Writing to files is refused as on a disc that cannot be
//! written.

use super::value::{Object, Value};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use wasmtime::{Result, bail};

/// Flags for opening, as the constants below name them, that ask for more than reading.
const WRITING: u32 = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000;
/// The first descriptor that is no standard stream.
const FIRST: i32 = 3;

/// What a call answers: a value, or the code of an error.
pub(super) type Answer = std::result::Result<Value, &'static str>;

/// The files that are open.
pub(super) struct Files {
    open: BTreeMap<i32, File>,
}

impl Files {
    pub(super) fn new() -> Self {
        Self { open: BTreeMap::new() }
    }

    /// The flags for opening, by name.
    pub(super) fn constants() -> Value {
        let flags: [(&str, u32); 7] = [
            ("O_WRONLY", 0o1),
            ("O_RDWR", 0o2),
            ("O_CREAT", 0o100),
            ("O_EXCL", 0o200),
            ("O_TRUNC", 0o1000),
            ("O_APPEND", 0o2000),
            ("O_DIRECTORY", 0o200_000),
        ];
        Value::plain(flags.map(|(name, flag)| (name, Value::Number(f64::from(flag)))))
    }

    /// Calls a function of the file system.
    ///
    /// # Errors
    ///
    /// If the call makes no sense or is none that is known here.
    pub(super) fn call(&mut self, name: &str, args: &[Value]) -> Result<Answer> {
        Ok(match (name, args) {
            ("open", [path, flags, _]) => self.open(&path.text(), flags.number()? as u32),
            ("close", [fd]) => self.close(fd.number()? as i32),
            ("read", [fd, bytes, offset, length, position]) => {
                let (fd, offset, length) = (fd.number()? as i32, offset.number()? as usize, length.number()? as usize);
                bytes.with_bytes_mut(|bytes| {
                    let Some(room) = bytes.get_mut(offset..offset + length) else { bail!("a read beyond its buffer") };
                    Ok(self.read(fd, room, position))
                })?
            }
            ("write", [fd, bytes, offset, length, _]) => {
                let (fd, offset, length) = (fd.number()? as i32, offset.number()? as usize, length.number()? as usize);
                bytes.with_bytes(|bytes| {
                    let Some(part) = bytes.get(offset..offset + length) else { bail!("a write beyond its buffer") };
                    Ok(write(fd, part))
                })?
            }
            ("stat", [path]) => answer(fs::metadata(path.text())).map(|data| stats(&data)),
            ("lstat", [path]) => answer(fs::symlink_metadata(path.text())).map(|data| stats(&data)),
            ("fstat", [fd]) => self.fstat(fd.number()? as i32),
            ("readdir", [path]) => read_folder(&path.text()),
            ("readlink", [path]) => {
                answer(fs::read_link(path.text())).map(|to| Value::from(to.to_string_lossy().into_owned()))
            }
            ("fsync", _) => Ok(Value::Undefined),
            ("mkdir" | "rename" | "rmdir" | "unlink" | "symlink" | "link" | "chmod" | "utimes" | "truncate", _) => {
                Err("EROFS")
            }
            _ => bail!("`{name}` of the file system with {} arguments", args.len()),
        })
    }

    fn open(&mut self, path: &str, flags: u32) -> Answer {
        if flags & WRITING != 0 {
            return Err("EROFS");
        }
        let file = answer(File::open(path))?;
        let fd = (FIRST..).find(|fd| !self.open.contains_key(fd)).unwrap_or(i32::MAX);
        self.open.insert(fd, file);
        Ok(Value::Number(f64::from(fd)))
    }

    fn close(&mut self, fd: i32) -> Answer {
        self.open.remove(&fd).map(|_| Value::Undefined).ok_or("EBADF")
    }

    fn fstat(&self, fd: i32) -> Answer {
        let file = self.open.get(&fd).ok_or("EBADF")?;
        answer(file.metadata()).map(|data| stats(&data))
    }

    fn read(&mut self, fd: i32, room: &mut [u8], position: &Value) -> Answer {
        if fd == 0 {
            return count(answer(std::io::stdin().read(room))?);
        }
        let file = self.open.get_mut(&fd).ok_or("EBADF")?;
        match position {
            // From a place, without moving the place where reading goes on.
            Value::Number(position) => {
                let back = answer(file.stream_position())?;
                answer(file.seek(SeekFrom::Start(*position as u64)))?;
                let got = answer(file.read(room));
                answer(file.seek(SeekFrom::Start(back)))?;
                count(got?)
            }
            _ => count(answer(file.read(room))?),
        }
    }
}

fn count(bytes: usize) -> Answer {
    Ok(Value::Number(bytes as f64))
}

fn write(fd: i32, bytes: &[u8]) -> Answer {
    answer(match fd {
        1 => std::io::stdout().write_all(bytes),
        2 => std::io::stderr().write_all(bytes),
        _ => return Err("EBADF"),
    })?;
    count(bytes.len())
}

fn read_folder(path: &str) -> Answer {
    let mut names = Vec::new();
    for entry in answer(fs::read_dir(path))? {
        names.push(answer(entry)?.file_name().to_string_lossy().into_owned());
    }
    // In an order that does not depend on the file system's.
    names.sort();
    Ok(Object::Array(names.into_iter().map(Value::from).collect()).into())
}

/// What Node says of a file.
fn stats(data: &Metadata) -> Value {
    let number = |value: u64| Value::Number(value as f64);
    let millis = |seconds: i64, nanos: i64| Value::Number(seconds as f64 * 1e3 + (nanos / 1_000_000) as f64);
    Value::plain([
        ("dev", number(data.dev())),
        ("ino", number(data.ino())),
        ("mode", number(u64::from(data.mode()))),
        ("nlink", number(data.nlink())),
        ("uid", number(u64::from(data.uid()))),
        ("gid", number(u64::from(data.gid()))),
        ("rdev", number(data.rdev())),
        ("size", number(data.size())),
        ("blksize", number(data.blksize())),
        ("blocks", number(data.blocks())),
        ("atimeMs", millis(data.atime(), data.atime_nsec())),
        ("mtimeMs", millis(data.mtime(), data.mtime_nsec())),
        ("ctimeMs", millis(data.ctime(), data.ctime_nsec())),
        ("isDirectory", Value::Bool(data.is_dir())),
    ])
}

/// An error of this system's as Node names it.
fn answer<T>(result: std::io::Result<T>) -> std::result::Result<T, &'static str> {
    result.map_err(|error| match error.kind() {
        ErrorKind::NotFound => "ENOENT",
        ErrorKind::PermissionDenied => "EACCES",
        ErrorKind::NotADirectory => "ENOTDIR",
        ErrorKind::IsADirectory => "EISDIR",
        ErrorKind::InvalidInput => "EINVAL",
        _ => "EIO",
    })
}
