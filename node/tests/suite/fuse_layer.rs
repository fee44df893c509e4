//! A mounted file system that remembers what was synced, so that a test can cut its power under the real binary.
//!
//! FUSE as the kernel speaks it, in this process, without libfuse. Nothing is cached by the kernel (direct IO, no attribute or
//! name outlives its answer), so every write is here when its call returns. Locks are the kernel's. Takes the lock of the disk
//! once an operation; the threads of the session end when it is unmounted, which dropping the mount does.

use crate::power_disk::{Disk, Outcome, Refused, Stat};
use fuser::{
    BackgroundSession, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use rustix::mount::{UnmountFlags, unmount};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Nothing the kernel was told holds any longer than that.
const TTL: Duration = Duration::ZERO;
/// What a sync takes, as on a fast drive: meanwhile the next batch gathers.
const SYNC_TIME: Duration = Duration::from_micros(500);
const BLOCK_BYTES: u32 = 4096;

/// A disk with a power switch; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    shared: Arc<(Mutex<Disk>, Condvar)>,
}

impl Device {
    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.shared.0.lock().unwrap()
    }

    /// Waits until the power has gone as planned; false if it has not by then.
    pub(crate) fn wait_for_cut(&self, patience: Duration) -> bool {
        let (disk, gone) = (&self.shared.0, &self.shared.1);
        let (guard, _) =
            gone.wait_timeout_while(disk.lock().unwrap(), patience, |disk| disk.is_on()).unwrap();
        !guard.is_on()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Disk) -> Outcome<T>) -> Result<T, Errno> {
        let mut disk = self.disk();
        let outcome = act(&mut disk);
        if !disk.is_on() {
            self.shared.1.notify_all();
        }
        outcome.map_err(errno)
    }
}

/// A mounted device. Dropping it unmounts, whoever still has files open on it.
#[derive(Debug)]
pub(crate) struct Mount {
    folder: TempDir,
    session: Option<BackgroundSession>,
}

impl Mount {
    pub(crate) fn new(device: &Device) -> io::Result<Mount> {
        let folder = TempDir::new()?;
        let session =
            fuser::spawn_mount(Layer { device: device.clone() }, folder.path(), &fuser::Config::default())?;
        Ok(Mount { folder, session: Some(session) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Detached, so that a file still open cannot keep it; the session ends with the last of them.
        let detached = unmount(self.folder.path(), UnmountFlags::DETACH);
        if let Some(session) = self.session.take().filter(|_| detached.is_ok()) {
            let _ = session.join();
        }
    }
}

fn errno(refused: Refused) -> Errno {
    match refused {
        Refused::PowerIsOff => Errno::EIO,
        Refused::NotFound => Errno::ENOENT,
        Refused::Exists => Errno::EEXIST,
        Refused::NotEmpty => Errno::ENOTEMPTY,
        Refused::IsFolder => Errno::EISDIR,
        Refused::NotFolder => Errno::ENOTDIR,
        Refused::OtherFolder => Errno::EXDEV,
    }
}

fn attributes(stat: Stat) -> FileAttr {
    // It keeps no modes: everything is its owner's alone.
    let (kind, perm) =
        if stat.is_folder { (FileType::Directory, 0o700) } else { (FileType::RegularFile, 0o600) };
    FileAttr {
        ino: INodeNo(stat.number),
        size: stat.bytes,
        blocks: stat.bytes.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    }
}

struct Layer {
    device: Device,
}

impl Layer {
    fn empty(&self, reply: ReplyEmpty, act: impl FnOnce(&mut Disk) -> Outcome<()>) {
        match self.device.with(act) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn entry(&self, reply: ReplyEntry, act: impl FnOnce(&mut Disk) -> Outcome<Stat>) {
        match self.device.with(act) {
            Ok(stat) => reply.entry(&TTL, &attributes(stat), Generation(0)),
            Err(errno) => reply.error(errno),
        }
    }

    fn sync(&self, node: INodeNo, reply: ReplyEmpty) {
        let began = Instant::now();
        while began.elapsed() < SYNC_TIME {
            std::thread::yield_now();
        }
        self.empty(reply, |disk| disk.sync(node.0));
    }
}

impl Filesystem for Layer {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, |disk| disk.lookup(parent.0, name));
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.device.with(|disk| disk.stat(node.0)) {
            Ok(stat) => reply.attr(&TTL, &attributes(stat)),
            Err(errno) => reply.error(errno),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.device.with(|disk| {
            size.map_or(Ok(()), |size| disk.resize(node.0, size as usize))?;
            disk.stat(node.0)
        });
        match changed {
            Ok(stat) => reply.attr(&TTL, &attributes(stat)),
            Err(errno) => reply.error(errno),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _mode: u32, _umask: u32, reply: ReplyEntry) {
        self.entry(reply, |disk| disk.create(parent.0, name, true));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |disk| disk.remove(parent.0, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.empty(reply, |disk| disk.remove(parent.0, name));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        self.empty(reply, |disk| disk.rename(parent.0, name, new_parent.0, new_name));
    }

    fn open(&self, _: &Request, _node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.device.with(|disk| disk.create(parent.0, name, false)) {
            Ok(stat) => reply.created(
                &TTL,
                &attributes(stat),
                Generation(0),
                FileHandle(0),
                FopenFlags::FOPEN_DIRECT_IO,
            ),
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        _: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.device.disk().read(node.0, offset as usize, size as usize) {
            Ok(bytes) => reply.data(bytes),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn write(
        &self,
        _: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.device.with(|disk| disk.write(node.0, offset as usize, data)) {
            Ok(()) => reply.written(data.len() as u32),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _node: INodeNo, _handle: FileHandle, _owner: LockOwner, reply: ReplyEmpty) {
        // Closing a file makes nothing safe.
        reply.ok();
    }

    fn fsync(&self, _: &Request, node: INodeNo, _handle: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        self.sync(node, reply);
    }

    fn fsyncdir(&self, _: &Request, node: INodeNo, _handle: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        self.sync(node, reply);
    }

    fn readdir(
        &self,
        _: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        match self.device.with(|disk| disk.list(node.0)) {
            Ok(names) => {
                for (at, (name, stat)) in names.into_iter().enumerate().skip(offset as usize) {
                    if reply.add(INodeNo(stat.number), at as u64 + 1, attributes(stat).kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn statfs(&self, _: &Request, _node: INodeNo, reply: ReplyStatfs) {
        let blocks = (64 << 30) / u64::from(BLOCK_BYTES);
        reply.statfs(blocks, blocks, blocks, 1 << 20, 1 << 20, BLOCK_BYTES, 255, BLOCK_BYTES);
    }
}
