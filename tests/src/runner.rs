//! The other end of `wasmc-test-runner`: a process, native or under an emulator, that runs compiled code. What
//! compiled code does to it ends that process and no other.

use crate::{Outcome, Platform, cross_tool, tool};
use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::mem;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};
use wasmc_test_protocol::{Head, Reply, Request};

const PROGRAM: &str = "wasmc-test-runner";

/// What does the same on a board.
const FIRMWARE: &str = "runner";

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a process that says no more may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// An emulated process is not used again after so many instances: QEMU 7.2 needs 50 MiB for each reservation of a
/// guard memory, and keeps them when it is given up. The runtime uses some of them again, which is what a process that
/// is used again saves; with these many, one has been seen to need 1.7 GiB.
const EMULATED_INSTANCES: usize = 64;

/// Requests are sent in pieces of about this length, bytes.
const BATCH_LEN: usize = 1 << 16;

/// A process that runs compiled code, without instances at first.
#[derive(Debug)]
pub struct Runner {
    platform: &'static Platform,
    child: Child,
    /// Requests on their way to `outbox`.
    written: Vec<u8>,
    outbox: Sender<Vec<u8>>,
    replies: Receiver<Outcome>,
    /// Requests whose replies were not fetched yet.
    open: usize,
    /// Instances that it was asked for, ever.
    instances: usize,
    death: Option<String>,
}

/// Processes that wait for another test. A new one costs milliseconds, or tens of them under an emulator.
static IDLE: LazyLock<Mutex<HashMap<String, Vec<Runner>>>> = LazyLock::new(Mutex::default);

impl Runner {
    /// One that nobody uses.
    pub fn take(platform: &'static Platform) -> Runner {
        let mut idle = IDLE.lock().expect("nothing in here panics");
        let idle = idle.get_mut(&platform.to_string()).and_then(Vec::pop);
        idle.unwrap_or_else(|| Runner::start(platform))
    }

    /// Gives it to whoever comes next, if it is still good.
    pub fn give_back(mut self) {
        let has_reservations = self.platform.emulator.is_some() && !self.platform.is_board();
        let is_used_up = has_reservations && self.instances >= EMULATED_INSTANCES;
        if self.open == 0 && !is_used_up && self.ask(&Request::Reset) == Outcome::Values(Vec::new()) {
            let mut idle = IDLE.lock().expect("nothing in here panics");
            idle.entry(self.platform.to_string()).or_default().push(self);
        }
    }

    fn start(platform: &'static Platform) -> Runner {
        let mut command = match &platform.emulator {
            None => Command::new(tool(PROGRAM)),
            Some(emulator) => {
                let mut command = Command::new(emulator.command[0]);
                let program = if emulator.is_board { FIRMWARE } else { PROGRAM };
                command.args(&emulator.command[1..]).arg(cross_tool(program, emulator.machine));
                command
            }
        };
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{platform}: {command:?}: {error}"));
        let mut input = child.stdin.take().expect("it is piped");
        let output = child.stdout.take().expect("it is piped");
        let (outbox, requests) = mpsc::channel::<Vec<u8>>();
        let (sender, replies) = mpsc::channel();
        // An error is the process's end, and shows as the end of replies. Threads, so that a process that does not
        // read, or nobody who fetches replies, holds up neither side.
        std::thread::spawn(move || requests.iter().try_for_each(|bytes| input.write_all(&bytes)));
        std::thread::spawn(move || read_replies(output, &sender));
        Runner { platform, child, written: Vec::new(), outbox, replies, open: 0, instances: 0, death: None }
    }

    /// Sends a request. Its reply may be fetched later, after those of the requests before it.
    pub fn send(&mut self, request: &Request<'_>) {
        self.open += 1;
        self.instances += usize::from(matches!(request, Request::Instantiate { .. }));
        request.write(&mut |bytes| self.written.extend_from_slice(bytes));
        if self.written.len() >= BATCH_LEN {
            self.flush();
        }
    }

    fn flush(&mut self) {
        // If nobody takes it, the process has ended; why, is found out where the reply is fetched.
        let _ = self.outbox.send(mem::take(&mut self.written));
    }

    /// Whether its end has been noticed.
    pub fn is_dead(&self) -> bool {
        self.death.is_some()
    }

    /// The next reply.
    pub fn fetch(&mut self) -> Outcome {
        self.fetch_within(PATIENCE).unwrap_or_else(|| self.died(format!("no reply within {PATIENCE:?}")))
    }

    /// The next reply, if it comes within that time.
    pub fn fetch_within(&mut self, time: Duration) -> Option<Outcome> {
        assert!(self.open > 0, "there is no request to reply to");
        if let Some(text) = &self.death {
            return Some(Outcome::Died(text.clone()));
        }
        self.flush();
        match self.replies.recv_timeout(time) {
            Ok(outcome) => {
                self.open -= 1;
                Some(outcome)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(self.died(String::new())),
        }
    }

    /// Sends a request and waits for its reply.
    pub fn ask(&mut self, request: &Request<'_>) -> Outcome {
        assert_eq!(self.open, 0, "replies come in order");
        self.send(request);
        self.fetch()
    }

    /// Notes that the process has ended; sees to it that it has.
    fn died(&mut self, why: String) -> Outcome {
        let started = Instant::now();
        while why.is_empty() && started.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Does nothing to one that has ended.
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut text = format!("the runner ended: {}", if why.is_empty() { status } else { why });
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take()
            && stderr.read_to_string(&mut said).is_ok()
            && !said.trim().is_empty()
        {
            text += &format!("; it said: {}", said.trim());
        }
        self.death = Some(text.clone());
        Outcome::Died(text)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It may be in an endless loop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_replies(output: ChildStdout, replies: &Sender<Outcome>) -> io::Result<()> {
    let mut output = BufReader::with_capacity(1 << 16, output);
    let mut payload = Vec::new();
    loop {
        let mut head = [0; Head::LEN];
        output.read_exact(&mut head)?;
        let head = Head::read(&head);
        payload.resize(head.len as usize, 0);
        output.read_exact(&mut payload)?;
        let reply = Reply::read(head, &payload).ok_or(io::ErrorKind::InvalidData)?;
        if replies.send(reply.into()).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PLATFORMS;

    #[test]
    fn a_runner_that_is_killed_says_by_what() {
        let mut runner = Runner::start(&PLATFORMS[0]);
        assert_eq!(runner.ask(&Request::Reset), Outcome::Values(Vec::new()));
        let pid = runner.child.id().to_string();
        assert!(Command::new("kill").args(["-ABRT", &pid]).status().is_ok_and(|status| status.success()));
        runner.send(&Request::Reset);
        runner.send(&Request::Reset);
        for _ in 0..2 {
            let outcome = runner.fetch();
            assert!(matches!(&outcome, Outcome::Died(text) if text.contains("SIGABRT")), "{outcome}");
        }
    }
}
