//! The signal: what SIGPROF finds on a thread, and the timers that send it. The only `unsafe` code of the product.
//!
//! A safe way does not exist: a sample is the registers of an interrupted thread, which only a signal handler is shown. What makes it
//! sound is little and stands at each block (ADR-0005). The handler calls nothing but `gettid`, `getpid` and `process_vm_readv`, takes
//! no lock and allocates nothing. It never reads the interrupted stack itself: it has the kernel copy it, so that a frame pointer that
//! is none ends the walk instead of the process.

#![allow(unsafe_code, reason = "a signal handler and its timers; ADR-0005")]

use crate::ring::{FRAMES_MAX, Ring, Slot};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;

/// From the stack pointer on; no thread's stack is larger.
const STACK_BYTES_MAX: usize = 8 << 20;
const WORD: usize = size_of::<usize>();
/// Words of the stack that are copied at once, most often three or four frames.
const WINDOW: usize = 64;
const PAGE_BYTES: usize = 4096;
/// Of a thread's CPU clock (`CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED`), see clock_getcpuclockid(3).
const THREAD_CPU: i32 = 6;

/// Never given back: a late signal still finds it.
static RING: OnceLock<Ring> = OnceLock::new();

/// Makes the process ready to be sampled; the handler stays, since SIGPROF without one ends the process.
pub(crate) fn install() -> io::Result<&'static Ring> {
    static OUTCOME: OnceLock<Option<i32>> = OnceLock::new();
    let ring = RING.get_or_init(Ring::new);
    match OUTCOME.get_or_init(|| handle().err().and_then(|error| error.raw_os_error())) {
        None => Ok(ring),
        Some(number) => Err(io::Error::from_raw_os_error(*number)),
    }
}

fn handle() -> io::Result<()> {
    // SAFETY: all zeroes are a value of this plain C struct; the handler has the signature that SA_SIGINFO asks for and is never
    // removed.
    let outcome = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGPROF, &raw const action, ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends SIGPROF to a thread by the time it spends on a processor, until it is dropped.
#[derive(Debug)]
pub(crate) struct Timer(libc::timer_t);

impl Timer {
    /// `hz` signals for each second of CPU time that the thread spends.
    pub(crate) fn of_thread(thread: u32, hz: u32) -> io::Result<Timer> {
        let number = i32::try_from(thread).map_err(|_| io::ErrorKind::InvalidInput)?;
        let clock = (!number << 3) | THREAD_CPU;
        let period_ns = libc::c_long::from(1_000_000_000_i32) / libc::c_long::from(hz.clamp(1, 1000) as u16);
        let period = libc::timespec { tv_sec: 0, tv_nsec: period_ns };
        let times = libc::itimerspec { it_interval: period, it_value: period };
        let mut timer: libc::timer_t = ptr::null_mut();
        // SAFETY: all zeroes are a value of this plain C struct; the pointers are to locals, which the calls do not keep.
        unsafe {
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGPROF;
            event.sigev_notify_thread_id = number;
            if libc::timer_create(clock, &raw mut event, &raw mut timer) != 0 {
                return Err(io::Error::last_os_error());
            }
            let timer = Timer(timer);
            match libc::timer_settime(timer.0, 0, &raw const times, ptr::null_mut()) {
                0 => Ok(timer),
                _ => Err(io::Error::last_os_error()),
            }
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: it was made by timer_create and is deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Asks one thread of this process for a sample now, whether it runs or not. [`install`] came before.
pub(crate) fn strike(thread: u32) {
    // SAFETY: a system call without pointers; a thread that is gone is an error that does not matter.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGPROF) };
}

/// What the walk begins with.
#[derive(Debug, Clone, Copy)]
struct Registers {
    counter: usize,
    stack: usize,
    frame: usize,
}

extern "C" fn on_signal(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the place of this thread's errno, which the interrupted code may be about to read; it is put back below. With
    // SA_SIGINFO the third argument is the interrupted context.
    let (errno, saved, registers) = unsafe {
        let errno = libc::__errno_location();
        (errno, *errno, registers(&*context.cast::<ucontext_t>()))
    };
    if let Some(slot) = RING.get().and_then(Ring::claim) {
        // SAFETY: a system call without arguments.
        let thread = unsafe { libc::syscall(libc::SYS_gettid) };
        slot.finish(u32::try_from(thread).unwrap_or(0), walk(registers, slot));
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

/// The interrupted instruction first, then the callers by the chain of frame pointers; how many there are.
fn walk(registers: Registers, slot: &Slot) -> usize {
    let Registers { counter, stack, mut frame } = registers;
    let (mut window, mut from, mut count) = ([0_usize; WINDOW], 0, 1);
    let mut words = 0;
    slot.put(0, counter);
    while count < FRAMES_MAX && frame >= stack && frame - stack < STACK_BYTES_MAX && frame % WORD == 0 {
        if words < 2 || frame < from || frame - from > (words - 2) * WORD {
            (from, words) = (frame, copy(frame, &mut window));
        }
        let at = (frame - from) / WORD;
        let Some([caller, back]) = window.get(at..at + 2).filter(|_| words >= 2) else { break };
        if *back == 0 {
            break;
        }
        slot.put(count, *back);
        count += 1;
        if *caller <= frame {
            break;
        }
        frame = *caller;
    }
    count
}

/// Copies words from an address of this process; how many. Up to the end of the page, but two at least: a page that is there is there
/// whole, so this fails only where the address is none.
fn copy(address: usize, window: &mut [usize; WINDOW]) -> usize {
    let in_page = (PAGE_BYTES - address % PAGE_BYTES) / WORD;
    let words = in_page.clamp(2, WINDOW);
    let local = libc::iovec { iov_base: window.as_mut_ptr().cast(), iov_len: words * WORD };
    let remote = libc::iovec { iov_base: ptr::without_provenance_mut(address), iov_len: words * WORD };
    // SAFETY: the kernel writes at most `words` words to the window, which is larger, and reads the other side as another process
    // would: an address that is not mapped is an error.
    let copied =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).map_or(0, |bytes| bytes / WORD)
}

#[cfg(target_arch = "x86_64")]
fn registers(context: &ucontext_t) -> Registers {
    let of = |register: c_int| context.uc_mcontext.gregs[register as usize] as usize;
    Registers { counter: of(libc::REG_RIP), stack: of(libc::REG_RSP), frame: of(libc::REG_RBP) }
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &ucontext_t) -> Registers {
    let registers = &context.uc_mcontext;
    Registers {
        counter: registers.pc as usize,
        stack: registers.sp as usize,
        frame: registers.regs[29] as usize,
    }
}
