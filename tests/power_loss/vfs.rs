//! A VFS that is the system's own, except that a [`Recorder`] sees and decides every change of a file under it.
//!
//! SQLite asks for a file by filling a block of memory whose first field points to a table of functions. The system's VFS fills
//! it as always; then the table is exchanged for a copy in which four functions are those below. Reading, locking and shared
//! memory are the system's untouched.
#![expect(unsafe_code, reason = "a VFS is a table of C functions")]

use std::{
    collections::HashMap,
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    ptr,
    sync::{Arc, Mutex, OnceLock},
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::{journal::FileId, recorder::Recorder};

/// What SQLite answers when a call succeeded.
const OK: c_int = ffi::SQLITE_OK;

/// An open file that is recorded.
#[derive(Clone)]
struct Opened {
    recorder: Arc<Recorder>,
    id: FileId,
    /// The functions it had.
    system: &'static sqlite3_io_methods,
}

/// The recorded files that are open, by the address of their `sqlite3_file`.
static FILES: Mutex<Option<HashMap<usize, Opened>>> = Mutex::new(None);

/// Makes the VFS known to SQLite, once, and returns its name.
pub(crate) fn register() -> &'static str {
    static NAME: OnceLock<&'static str> = OnceLock::new();
    NAME.get_or_init(|| {
        // SAFETY: the call takes no memory of ours; it makes the VFS list ready and may be repeated.
        assert_eq!(unsafe { ffi::sqlite3_initialize() }, OK);
        // SAFETY: the system's VFS is a static that is never written after `sqlite3_initialize`, but for its link to the next,
        // which only registering changes: that happens here alone, and once.
        let vfs = unsafe { *system() };
        let recorder = Box::leak(Box::new(sqlite3_vfs {
            pNext: ptr::null_mut(),
            zName: c"recorder".as_ptr(),
            xOpen: Some(open),
            xDelete: Some(delete),
            ..vfs
        }));
        // SAFETY: the structure and its name are never freed; it differs from one that works in functions of the same types.
        assert_eq!(unsafe { ffi::sqlite3_vfs_register(recorder, 0) }, OK);
        "recorder"
    })
}

/// The system's VFS.
fn system() -> *mut sqlite3_vfs {
    // SAFETY: SQLite is initialised (`register`); null asks for the default, which `register` leaves as it was.
    let vfs = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    assert!(!vfs.is_null(), "SQLite has a VFS");
    vfs
}

/// The recorder of the file `name`, and the file's name in its directory.
///
/// # Safety
/// `name` is null or ends with a zero, and is not written during `'a`.
unsafe fn recorded<'a>(name: *const c_char) -> Option<(Arc<Recorder>, &'a str)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: it is not null, and the rest is what the caller promised.
    let name = unsafe { CStr::from_ptr(name) };
    let path = Path::new(OsStr::from_bytes(name.to_bytes()));
    let recorder = Recorder::of(path.parent()?)?;
    Some((recorder, path.file_name()?.to_str()?))
}

fn opened(file: *mut sqlite3_file) -> Opened {
    let files = FILES.lock().unwrap();
    let found = files.as_ref().and_then(|files| files.get(&file.addr()));
    found
        .expect("the functions below belong to recorded files")
        .clone()
}

/// The table that replaces `system`: there is one for each, made once.
fn recorded_methods(system: &'static sqlite3_io_methods) -> &'static sqlite3_io_methods {
    type Tables = HashMap<usize, &'static sqlite3_io_methods>;
    static TABLES: Mutex<Option<Tables>> = Mutex::new(None);
    let mut tables = TABLES.lock().unwrap();
    let tables = tables.get_or_insert_default();
    tables
        .entry(ptr::from_ref(system).addr())
        .or_insert_with(|| {
            Box::leak(Box::new(sqlite3_io_methods {
                xClose: Some(close),
                xWrite: Some(write),
                xTruncate: Some(truncate),
                xSync: Some(sync),
                ..*system
            }))
        })
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let system = system();
    let system_open = || {
        // SAFETY: the arguments are SQLite's own for a call of just this function, and `file` has room for the system's file:
        // `szOsFile` was copied from it.
        unsafe { (*system).xOpen.expect("a VFS opens")(system, name, file, flags, out_flags) }
    };
    // SAFETY: SQLite passes null or a text that ends with a zero and outlives the call.
    let Some((recorder, name)) = (unsafe { recorded(name) }) else {
        return system_open();
    };
    let (code, id) = recorder.open(name, flags, system_open);
    let Some(id) = id else {
        if code != OK {
            // SAFETY: `file` is SQLite's to be filled. Without functions SQLite does not close it.
            unsafe { (*file).pMethods = ptr::null() };
        }
        return code;
    };
    // SAFETY: the system's VFS has filled `file`, so the pointer in it leads to one of SQLite's static, constant tables.
    let system: &'static sqlite3_io_methods = unsafe { &*(*file).pMethods };
    let recorded = recorded_methods(system);
    let opened = Opened {
        recorder,
        id,
        system,
    };
    FILES
        .lock()
        .unwrap()
        .get_or_insert_default()
        .insert(file.addr(), opened);
    // SAFETY: `file` is ours until this function returns; the new table is never freed, and its functions find the file by its
    // address, where it stays as long as it is open.
    unsafe { (*file).pMethods = recorded };
    OK
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, directory: c_int) -> c_int {
    let system = system();
    let system_delete = || {
        // SAFETY: the arguments are SQLite's own for a call of just this function.
        unsafe { (*system).xDelete.expect("a VFS deletes")(system, name, directory) }
    };
    // SAFETY: SQLite passes a text that ends with a zero and outlives the call.
    match unsafe { recorded(name) } {
        Some((recorder, name)) => recorder.delete(name, directory != 0, system_delete),
        None => system_delete(),
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let closed = FILES
        .lock()
        .unwrap()
        .as_mut()
        .and_then(|files| files.remove(&file.addr()));
    let Opened {
        recorder, system, ..
    } = closed.expect("only a recorded file gets here");
    // SAFETY: `system` is what the system gave `file` when it opened it, and SQLite closes it once.
    let code = unsafe { system.xClose.expect("a file closes")(file) };
    recorder.close();
    code
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: i64,
) -> c_int {
    let Opened {
        recorder,
        id,
        system,
    } = opened(file);
    let length = usize::try_from(count).expect("a length is not negative");
    // SAFETY: SQLite passes `count` bytes, not null, which nobody writes during the call.
    let slice = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    recorder.write(id, offset, slice, |part| {
        let count = c_int::try_from(part.len()).expect("no longer than it was");
        let bytes = part.as_ptr().cast();
        // SAFETY: `system` is what the system gave the open `file`; `part` is a slice of `count` bytes.
        unsafe { system.xWrite.expect("a file is written")(file, bytes, count, offset) }
    })
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    let Opened {
        recorder,
        id,
        system,
    } = opened(file);
    recorder.truncate(id, size, || {
        // SAFETY: `system` is what the system gave the open `file`, which SQLite does not close during a call for it.
        unsafe { system.xTruncate.expect("a file is cut")(file, size) }
    })
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // What a disk would hold follows from the recording alone, so the real one need not flush.
    let Opened { recorder, id, .. } = opened(file);
    recorder.sync(id)
}
