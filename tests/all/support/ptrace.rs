//! Makes a thread of a running process do a system call that is not in its program, as code that escaped from the
//! sandbox would.

#![expect(unsafe_code, reason = "there is no safe ptrace that does not change how the rest is compiled")]

use crate::support::client::TIMEOUT;
use libc::{c_long, pid_t, user_regs_struct};
use std::ffi::CString;
use std::mem::{self, MaybeUninit};
use std::time::Instant;
use std::{ptr, thread};

/// The instruction that asks the system, and its length in bytes.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Free room below the stack of a thread: beyond the 128 bytes that its code may use without saying so.
const ROOM: u64 = 1024;

/// An argument of a system call.
#[derive(Clone, Debug)]
pub enum Word {
    Number(i64),
    /// The address of this text, with a NUL behind it.
    Text(String),
    /// The address of these bytes.
    Bytes(Vec<u8>),
}

/// A thread of another process, stopped. It goes on as if nothing had been when this value goes.
pub struct Captive {
    thread: pid_t,
    registers: user_regs_struct,
}

impl Captive {
    /// Stops a thread that waits in a system call. `None` where the system does not allow that.
    #[track_caller]
    pub fn take(thread: u32) -> Option<Captive> {
        let thread = pid_t::try_from(thread).expect("the id of a thread");
        if ask(libc::PTRACE_SEIZE, thread, 0, 0) != 0 {
            return None;
        }
        let deadline = Instant::now() + TIMEOUT;
        loop {
            assert_eq!(ask(libc::PTRACE_INTERRUPT, thread, 0, 0), 0, "it can be interrupted");
            wait(thread);
            let captive = Captive { thread, registers: read(thread) };
            let at = captive.registers.rip - SYSCALL.len() as u64;
            // SAFETY: reads a word of the stopped thread; null is ignored.
            let code = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, thread, at, ptr::null::<u8>()) };
            if code.to_le_bytes()[..2] == SYSCALL {
                return Some(captive);
            }
            // It was at work.
            mem::forget(captive);
            assert_eq!(ask(libc::PTRACE_CONT, thread, 0, 0), 0, "it can go on");
            assert!(Instant::now() < deadline, "it never waits");
            thread::yield_now();
        }
    }

    /// Makes the thread do a system call; its result, which is a negative number of an error where there is none.
    #[track_caller]
    pub fn call(&self, number: c_long, words: &[Word]) -> i64 {
        let mut registers = self.registers;
        let mut room = (registers.rsp - ROOM) & !0xf;
        let mut place = |word: &Word| match word {
            Word::Number(number) => number.cast_unsigned(),
            Word::Text(text) => {
                let bytes = CString::new(text.as_str()).expect("no NUL in the text").into_bytes_with_nul();
                self.put(&mut room, &bytes)
            }
            Word::Bytes(bytes) => self.put(&mut room, bytes),
        };
        let mut words = words.iter().map(&mut place).chain([0; 6]);
        let mut next = || words.next().unwrap_or_default();
        (registers.rdi, registers.rsi, registers.rdx) = (next(), next(), next());
        (registers.r10, registers.r8, registers.r9) = (next(), next(), next());
        registers.rip -= SYSCALL.len() as u64;
        registers.rax = number.cast_unsigned();
        // No call is under way that the kernel should begin again.
        registers.orig_rax = u64::MAX;
        write(self.thread, &registers);
        assert_eq!(ask(libc::PTRACE_SINGLESTEP, self.thread, 0, 0), 0, "it can take a step");
        wait(self.thread);
        read(self.thread).rax.cast_signed()
    }

    /// Writes bytes to the end of the free room, and returns where they are.
    fn put(&self, room: &mut u64, bytes: &[u8]) -> u64 {
        *room -= (bytes.len() as u64).next_multiple_of(16);
        for (at, chunk) in (*room..).step_by(8).zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            assert_eq!(ask(libc::PTRACE_POKEDATA, self.thread, at, u64::from_le_bytes(word)), 0);
        }
        *room
    }
}

impl Drop for Captive {
    fn drop(&mut self) {
        write(self.thread, &self.registers);
        ask(libc::PTRACE_DETACH, self.thread, 0, 0);
    }
}

fn ask(request: u32, thread: pid_t, address: u64, data: u64) -> c_long {
    // SAFETY: these requests change the other process and read nothing of this one.
    unsafe { libc::ptrace(request, thread, address, data) }
}

fn read(thread: pid_t) -> user_regs_struct {
    let mut registers = MaybeUninit::<user_regs_struct>::uninit();
    // SAFETY: writes the registers, all of them or none, to where they have room.
    let done = unsafe { libc::ptrace(libc::PTRACE_GETREGS, thread, ptr::null::<u8>(), registers.as_mut_ptr()) };
    assert_eq!(done, 0, "the registers can be read");
    // SAFETY: they have been written.
    unsafe { registers.assume_init() }
}

fn write(thread: pid_t, registers: &user_regs_struct) {
    // SAFETY: reads the registers of the other process from here.
    unsafe { libc::ptrace(libc::PTRACE_SETREGS, thread, ptr::null::<u8>(), ptr::from_ref(registers)) };
}

/// Waits until the thread has stopped.
#[track_caller]
fn wait(thread: pid_t) {
    let mut status = 0;
    // SAFETY: writes the status, an integer.
    let stopped = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    assert!(stopped == thread && libc::WIFSTOPPED(status), "it stops: {status:#x}");
}
