//! Bindings to `libpocketsphinx.so.3` (0.8, 5prealpha): the functions that are used, as its headers declare them.

#![expect(unsafe_code, reason = "the types of a C library's symbols cannot be checked")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::Path,
};

use crate::engine::EngineSetupError;

/// File names of the library version that is declared here.
const NAMES: [&str; 2] = ["libpocketsphinx.so.3", "libpocketsphinx.3.dylib"];

const REMEDY: &str = "install the package libpocketsphinx3, or set TRACKSCRIBE_ENGINE_POCKETSPHINX_LIBRARY to its \
                      path, or TRACKSCRIBE_ENGINE to another engine (http, whisper, none)";

/// A pointer to an object of the library.
pub type Handle = *mut c_void;

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The open library. Its functions are valid for its lifetime.
        pub struct Library {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            _opened: libloading::Library,
        }

        impl Library {
            fn resolve(opened: libloading::Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those in the header of the version that the file name carries.
                unsafe {
                    Ok(Self { $($name: *opened.get(concat!(stringify!($name), "\0"))?,)* _opened: opened })
                }
            }
        }
    };
}

functions! {
    err_set_logfp: fn(*mut c_void);
    ps_args: fn() -> *const c_void;
    cmd_ln_parse_r: fn(Handle, *const c_void, i32, *mut *mut c_char, i32) -> Handle;
    cmd_ln_free_r: fn(Handle) -> c_int;
    ps_init: fn(Handle) -> Handle;
    ps_free: fn(Handle) -> c_int;
    ps_get_logmath: fn(Handle) -> Handle;
    ps_start_stream: fn(Handle) -> c_int;
    ps_start_utt: fn(Handle) -> c_int;
    ps_process_raw: fn(Handle, *const i16, usize, c_int, c_int) -> c_int;
    ps_end_utt: fn(Handle) -> c_int;
    ps_seg_iter: fn(Handle) -> Handle;
    ps_seg_next: fn(Handle) -> Handle;
    ps_seg_word: fn(Handle) -> *const c_char;
    ps_seg_frames: fn(Handle, *mut c_int, *mut c_int);
    ps_seg_prob: fn(Handle, *mut i32, *mut i32, *mut i32) -> i32;
    logmath_exp: fn(Handle, c_int) -> f64;
}

impl Library {
    /// Opens the library, resolves all functions, and turns its logging off.
    pub fn open(path: Option<&Path>) -> Result<Self, EngineSetupError> {
        let library = load(path)
            .and_then(Self::resolve)
            .map_err(|why| EngineSetupError::Missing {
                what: "cannot load PocketSphinx".to_owned(),
                remedy: REMEDY.to_owned(),
                why: Some(why.into()),
            })?;
        // SAFETY: NULL turns logging off.
        unsafe { (library.err_set_logfp)(std::ptr::null_mut()) };
        Ok(library)
    }
}

fn load(path: Option<&Path>) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: loading runs the library's initializers, which have no side effects.
    let open = |name: &std::ffi::OsStr| unsafe { libloading::Library::new(name) };
    match path {
        Some(path) => open(path.as_os_str()),
        None => open(NAMES[0].as_ref()).or_else(|first| open(NAMES[1].as_ref()).map_err(|_| first)),
    }
}

/// Copies a string of the library; `None` for NULL.
///
/// # Safety
/// `text` must be NULL or a NUL-terminated string.
pub unsafe fn owned(text: *const c_char) -> Option<String> {
    // SAFETY: guaranteed by the caller.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
