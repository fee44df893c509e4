//! What an ELF file says of itself: whether it is static, position independent, and the oldest kernel it starts on.
//!
//! Pure: reads bytes. The kernel is what the C library's `.note.ABI-tag` records (its layout: "Linux Standard Base Core,
//! 11.2.5"); that the code keeps to it is another check's to show.

use anyhow::{Context as _, Result, bail};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};

pub type Version = [u32; 3];

/// Linux 4.19, with which the oldest supported systems run.
pub const KERNEL_MAX: Version = [4, 19, 0];
const OS_LINUX: u32 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub x86_64: bool,
    pub position_independent: bool,
    /// A program header names a dynamic linker.
    pub interpreter: bool,
    /// Shared libraries asked for.
    pub needed: usize,
    /// Oldest kernel that the C library promises to start on.
    pub kernel_min: Option<Version>,
}

type Header = FileHeader64<Endianness>;

impl Facts {
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let header = Header::parse(bytes).context("no 64-bit ELF file")?;
        let endian = header.endian()?;
        let mut facts = Self {
            x86_64: header.e_machine(endian) == elf::EM_X86_64,
            position_independent: header.e_type(endian) == elf::ET_DYN,
            interpreter: false,
            needed: 0,
            kernel_min: None,
        };
        for segment in header.program_headers(endian, bytes)? {
            facts.interpreter |= segment.p_type(endian) == elf::PT_INTERP;
            for entry in segment.dynamic(endian, bytes)?.into_iter().flatten() {
                facts.needed += usize::from(entry.d_tag(endian) == elf::DT_NEEDED);
            }
            if let Some(mut notes) = segment.notes(endian, bytes)? {
                while let Some(note) = notes.next()? {
                    if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_ABI_TAG {
                        facts.kernel_min = Some(kernel_of(note.desc())?);
                    }
                }
            }
        }
        Ok(facts)
    }

    /// What keeps the file from running alone, without a dynamic linker or libraries.
    pub fn faults_of_linking(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.x86_64 {
            faults.push("it is not for x86-64".to_owned());
        }
        if self.interpreter {
            faults.push("it names a dynamic linker (PT_INTERP)".to_owned());
        }
        if self.needed > 0 {
            faults.push(format!("it asks for {} shared libraries (DT_NEEDED)", self.needed));
        }
        if !self.position_independent {
            faults.push("it is not position independent (ET_DYN)".to_owned());
        }
        faults
    }

    pub fn faults_of_kernel(&self) -> Vec<String> {
        match self.kernel_min {
            None => vec!["it records no oldest kernel (.note.ABI-tag)".to_owned()],
            Some(version) if version > KERNEL_MAX => {
                vec![format!("it asks for Linux {} or newer", words(version))]
            }
            Some(_) => Vec::new(),
        }
    }
}

pub fn words([major, minor, patch]: Version) -> String {
    format!("{major}.{minor}.{patch}")
}

/// Four words: the system, then the version's three parts. Little-endian, as x86-64 is.
fn kernel_of(desc: &[u8]) -> Result<Version> {
    let mut words = desc.chunks_exact(4).map(|chunk| {
        let mut word = [0; 4];
        word.copy_from_slice(chunk);
        u32::from_le_bytes(word)
    });
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(OS_LINUX), Some(major), Some(minor), Some(patch)) => Ok([major, minor, patch]),
        (Some(os), ..) if os != OS_LINUX => bail!(".note.ABI-tag names system {os}, which is not Linux"),
        _ => bail!(".note.ABI-tag is cut short"),
    }
}
