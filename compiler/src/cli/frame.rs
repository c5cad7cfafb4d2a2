//! What the worker tells its parent, over a pipe: a line each, followed by bytes where the line
//! announces a length. Writer and reader stand side by side.
//!
//! ```text
//! started generate
//! functions 12 340
//! unoptimized 7                     a function that the optimiser leaves alone
//! unprofiled 8                      a function that the profile does not know
//! ended generate 1250000 81234      microseconds, peak memory in KiB
//! kept 0f…e1.unit 4567              name and length of an entry of the cache; then the entry
//! failed 1 57 20                    exit status, lengths of message and help; then both
//! result 123456                     length; then the result
//! ```

use super::cache::Key;
use super::failure::Failure;
use std::io::{self, BufRead, Read, Write};
use wasmc::Phase;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A phase begins.
    Started(Phase),
    /// A phase has ended.
    Ended(PhaseReport),
    /// Of the running phase's functions, so many out of so many are done.
    Functions(usize, usize),
    /// The function with this index is too large for the optimiser.
    NotOptimized(u32),
    /// The profile says nothing of the function with this index.
    NotProfiled(u32),
    /// A unit to be kept.
    Kept(Key, Vec<u8>),
    /// There will be no result. The last frame.
    Failed(Failure),
    /// The result. The last frame.
    Result(Vec<u8>),
}

/// What one phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseReport {
    /// The phase.
    pub phase: Phase,
    /// Its time.
    pub micros: u64,
    /// The most memory that the process had resident meanwhile; 0 if the system does not tell.
    pub peak_kib: u64,
}

impl Frame {
    /// Writes the frame and flushes.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Frame::Started(phase) => writeln!(to, "started {phase}")?,
            Frame::Ended(PhaseReport { phase, micros, peak_kib }) => {
                writeln!(to, "ended {phase} {micros} {peak_kib}")?;
            }
            Frame::Functions(done, total) => writeln!(to, "functions {done} {total}")?,
            Frame::NotOptimized(function) => writeln!(to, "unoptimized {function}")?,
            Frame::NotProfiled(function) => writeln!(to, "unprofiled {function}")?,
            Frame::Kept(key, entry) => {
                writeln!(to, "kept {} {}", key.file_name(), entry.len())?;
                to.write_all(entry)?;
            }
            Frame::Failed(Failure { message, help, status }) => {
                let help = help.as_deref().unwrap_or("");
                writeln!(to, "failed {status} {} {}", message.len(), help.len())?;
                to.write_all(message.as_bytes())?;
                to.write_all(help.as_bytes())?;
            }
            Frame::Result(bytes) => {
                writeln!(to, "result {}", bytes.len())?;
                to.write_all(bytes)?;
            }
        }
        to.flush()
    }

    /// Reads one frame; `None` where the stream ends, before a frame or in the middle of one.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Frame>> {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let Some(line) = line.strip_suffix('\n') else { return Ok(None) };
        let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("unexpected frame `{line}`"));
        let number = |word: &str| word.parse::<u64>().map_err(|_| bad());
        let phase = |word: &str| Phase::from_name(word).ok_or_else(bad);
        Ok(Some(match *line.split(' ').collect::<Vec<_>>() {
            ["started", name] => Frame::Started(phase(name)?),
            ["ended", name, micros, peak] => {
                Frame::Ended(PhaseReport { phase: phase(name)?, micros: number(micros)?, peak_kib: number(peak)? })
            }
            ["functions", done, total] => Frame::Functions(number(done)? as usize, number(total)? as usize),
            ["unoptimized", function] => Frame::NotOptimized(function.parse().map_err(|_| bad())?),
            ["unprofiled", function] => Frame::NotProfiled(function.parse().map_err(|_| bad())?),
            ["kept", name, len] => {
                let key = Key::from_file_name(name).ok_or_else(bad)?;
                match read_exactly(from, number(len)?)? {
                    Some(entry) => Frame::Kept(key, entry),
                    None => return Ok(None),
                }
            }
            ["failed", status, message_len, help_len] => {
                let Some(message) = read_exactly(from, number(message_len)?)? else { return Ok(None) };
                let Some(help) = read_exactly(from, number(help_len)?)? else { return Ok(None) };
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                Frame::Failed(Failure {
                    message: text(message),
                    help: Some(text(help)).filter(|help| !help.is_empty()),
                    status: number(status)?.try_into().map_err(|_| bad())?,
                })
            }
            ["result", len] => match read_exactly(from, number(len)?)? {
                Some(bytes) => Frame::Result(bytes),
                None => return Ok(None),
            },
            _ => return Err(bad()),
        }))
    }
}

fn read_exactly(from: &mut impl BufRead, len: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(len).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == len).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Frame> {
        let report = PhaseReport { phase: Phase::Generate, micros: 12, peak_kib: 34 };
        vec![
            Frame::Started(Phase::Generate),
            Frame::Functions(3, 4),
            Frame::NotOptimized(u32::MAX),
            Frame::NotProfiled(1),
            Frame::Kept(Key::unit(wasmc::incremental::Key([7; 32])), b"unit\n\0".to_vec()),
            Frame::Ended(report),
            Frame::Failed(Failure::input("line one\nline two").help("try\nthis")),
            Frame::Failed(Failure::internal("")),
            Frame::Result(b"result 3\n\xFFabc".to_vec()),
        ]
    }

    #[test]
    fn frames_survive_the_pipe() {
        let mut sent = Vec::new();
        all().iter().for_each(|frame| frame.write(&mut sent).unwrap());
        let mut from = &sent[..];
        for frame in all() {
            assert_eq!(Frame::read(&mut from).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut from).unwrap(), None);
    }

    #[test]
    fn a_frame_cut_short_is_no_frame() {
        for frame in all() {
            let mut sent = Vec::new();
            frame.write(&mut sent).unwrap();
            for len in 0..sent.len() {
                assert_eq!(Frame::read(&mut &sent[..len]).unwrap(), None, "{frame:?} cut to {len}");
            }
        }
    }
}
