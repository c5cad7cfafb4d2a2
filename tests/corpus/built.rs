//! Programs that are built here, with libraries that no one here wrote: sources of a C and a C++ library out of Zig's
//! distribution, by clang. They do what they do when they are built for this machine.

use crate::corpus_dir;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use wasmc_tests::{Scratch, tool};

/// Zig's sources; `None`, and a message, if they are not there.
fn library() -> Option<PathBuf> {
    let library = corpus_dir().join("folders/zig/lib");
    if !library.is_dir() {
        let scope = std::env::var("WASMC_CORPUS").unwrap_or_default();
        assert!(scope.is_empty(), "{} is missing; `cargo xtask fetch` brings it", library.display());
        println!("skipped: Zig's sources are not there; `cargo xtask fetch` brings them");
        return None;
    }
    Some(library)
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/programs").join(name)
}

/// Clang, in a folder where its objects may stand.
fn clang(driver: &str, folder: &Path, flags: &[&str]) -> Command {
    let mut clang = Command::new(driver);
    clang.args(flags).arg("-w").current_dir(folder);
    clang
}

fn run(command: &mut Command) -> Output {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask setup` installs it"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    output
}

/// Objects of a folder.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).expect("it is there").map(|file| file.expect("it can be read").path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "o")).collect()
}

/// Runs a module so often, and compares what it prints with what the program prints here.
fn compare(module: &Path, native: &Path, runs: usize) {
    let expected = String::from_utf8(run(&mut Command::new(native)).stdout).expect("it prints text");
    for (memory, level) in [("guard", "-O0"), ("guard", "-O2"), ("checked", "-O2")] {
        let image = module.with_extension("aot");
        run(Command::new(tool("wasmc")).args(["compile", level, "--memory", memory, "-o"]).args([&image, module]));
        for _ in 0..runs {
            let output = run(Command::new(tool("aot-run")).arg(&image));
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{memory} {level}");
        }
    }
}

/// C++'s part of the library that throws and catches.
const ABI: &[&str] = &[
    "abort_message",
    "cxa_aux_runtime",
    "cxa_default_handlers",
    "cxa_exception",
    "cxa_exception_storage",
    "cxa_guard",
    "cxa_handlers",
    "cxa_personality",
    "cxa_vector",
    "cxa_virtual",
    "fallback_malloc",
    "private_typeinfo",
    "stdlib_exception",
    "stdlib_new_delete",
    "stdlib_stdexcept",
    "stdlib_typeinfo",
];

/// What Zig tells its library instead of a configured header.
const CONFIGURATION: &[&str] = &[
    "-D_LIBCPP_ABI_VERSION=1",
    "-D_LIBCPP_ABI_NAMESPACE=__1",
    "-D_LIBCPP_HAS_THREADS=0",
    "-D_LIBCPP_HAS_MONOTONIC_CLOCK=1",
    "-D_LIBCPP_HAS_TERMINAL=0",
    "-D_LIBCPP_HAS_MUSL_LIBC=1",
    "-D_LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS=0",
    "-D_LIBCPP_HAS_FILESYSTEM=0",
    "-D_LIBCPP_HAS_RANDOM_DEVICE=0",
    "-D_LIBCPP_HAS_LOCALIZATION=0",
    "-D_LIBCPP_HAS_UNICODE=0",
    "-D_LIBCPP_HAS_WIDE_CHARACTERS=0",
    "-D_LIBCPP_HAS_TIME_ZONE_DATABASE=0",
    "-D_LIBCPP_HARDENING_MODE_DEFAULT=_LIBCPP_HARDENING_MODE_NONE",
    "-D_LIBCPP_PSTL_BACKEND_SERIAL",
    "-D_LIBCPP_BUILDING_LIBRARY",
    "-D_LIBCXXABI_HAS_NO_THREADS",
    "-D_LIBCXXABI_BUILDING_LIBRARY",
    "-DLIBCXX_BUILDING_LIBCXXABI",
    "-DLIBCXXABI_SILENT_TERMINATE",
    "-D_LIBUNWIND_HIDE_SYMBOLS",
    "-DNDEBUG",
];

/// A C++ program that throws through frames with destructors and catches by type, in one form of exceptions.
fn throws(form: &str) {
    let Some(library) = library() else { return };
    let scratch = Scratch::new(&format!("throws-{form}"));
    let (folder, source) = (scratch.path(), program("throws.cpp"));
    let include = |part: &str| format!("-I{}", library.join(part).display());
    let legacy = format!("-wasm-use-legacy-eh={}", form == "legacy");
    // Debian's C library has the target's older name.
    let flags = ["--target=wasm32-wasi", "-O2", "-fwasm-exceptions", "-mllvm", &legacy];
    let includes = ["libcxx/include", "libcxxabi/include", "libunwind/include", "libcxx/src", "libcxxabi/src"];
    run(clang("clang-22", folder, &flags)
        .args(CONFIGURATION)
        .arg(include("libunwind/include"))
        .arg("-c")
        .arg(library.join("libunwind/src/Unwind-wasm.c")));
    let mut cxx = clang("clang++-22", folder, &flags);
    cxx.args(CONFIGURATION).args(["-std=c++23", "-nostdinc++"]).args(includes.map(include));
    cxx.args(ABI.iter().map(|name| library.join("libcxxabi/src").join(name).with_extension("cpp")));
    cxx.args(["libcxx/src/exception.cpp", "libcxx/src/stdexcept.cpp"].map(|part| library.join(part)));
    let module = folder.join("throws.wasm");
    run(cxx.arg(&source).arg("Unwind-wasm.o").arg("-nostdlib++").arg("-o").arg(&module));
    let native = folder.join("native");
    run(clang("clang++-22", folder, &["-O1"]).arg(&source).arg("-o").arg(&native));
    compare(&module, &native, 1);
}

#[test]
fn a_program_of_cpp_throws_and_catches_by_type_in_the_final_form() {
    throws("final");
}

#[test]
fn a_program_of_cpp_throws_and_catches_by_type_in_the_legacy_form() {
    throws("legacy");
}

/// What the program needs of musl as it is, of musl as wasi-libc has changed it, and of what wasi-libc has below.
const THREADS: &[&str] = &[
    "__lock",
    "__timedwait",
    "__wait",
    "default_attr",
    "pthread_attr_init",
    "pthread_barrier_init",
    "pthread_barrier_wait",
    "pthread_cleanup_push",
    "pthread_cond_broadcast",
    "pthread_cond_signal",
    "pthread_cond_timedwait",
    "pthread_cond_wait",
    "pthread_getspecific",
    "pthread_join",
    "pthread_key_create",
    "pthread_mutex_lock",
    "pthread_mutex_timedlock",
    "pthread_mutex_trylock",
    "pthread_mutex_unlock",
    "pthread_once",
    "pthread_rwlock_rdlock",
    "pthread_rwlock_timedrdlock",
    "pthread_rwlock_timedwrlock",
    "pthread_rwlock_tryrdlock",
    "pthread_rwlock_trywrlock",
    "pthread_rwlock_unlock",
    "pthread_rwlock_wrlock",
    "pthread_self",
    "pthread_setcancelstate",
    "pthread_setspecific",
    "pthread_testcancel",
];
const MUSL: &[&str] = &[
    "locale/__lctrans",
    "math/frexpl",
    "multibyte/wcrtomb",
    "multibyte/wctomb",
    "stdio/__lockfile",
    "stdio/__overflow",
    "stdio/__stdio_exit",
    "stdio/__towrite",
    "stdio/fputs",
    "stdio/fwrite",
    "stdio/puts",
    "stdio/snprintf",
    "string/memchr",
    "string/strnlen",
];
const CHANGED: &[&str] = &[
    "errno/strerror",
    "exit/exit",
    "internal/libc",
    "stdio/__stdio_close",
    "stdio/__stdio_read",
    "stdio/__stdio_seek",
    "stdio/__stdio_write",
    "stdio/__stdout_write",
    "stdio/ofl",
    "stdio/printf",
    "stdio/stderr",
    "stdio/stdin",
    "stdio/stdout",
    "stdio/vfprintf",
    "stdio/vsnprintf",
];
/// Of that, these use musl's short words for attributes.
const BELOW_WITH_WORDS: &[&str] = &[
    "cloudlibc/src/libc/sys/uio/readv",
    "cloudlibc/src/libc/sys/uio/writev",
    "cloudlibc/src/libc/time/CLOCK_REALTIME",
    "cloudlibc/src/libc/time/clock_gettime",
    "cloudlibc/src/libc/unistd/lseek",
    "cloudlibc/src/libc/unistd/read",
    "sources/__wasilibc_fd_renumber",
];
const BELOW: &[&str] = &[
    "crt/crt1-command",
    "sources/__errno_location",
    "sources/__wasilibc_real",
    "sources/abort",
    "sources/isatty",
    "sources/sbrk",
];

/// Mutexes, conditions, barriers, keys and joining are musl's; `threads.c` begins and ends threads by wasi-threads.
#[test]
fn a_program_of_c_runs_on_threads_of_posix() {
    let Some(library) = library() else { return };
    let scratch = Scratch::new("pthreads");
    let folder = scratch.path();
    let libc = library.join("libc");
    let (top, bottom) = (libc.join("wasi/libc-top-half"), libc.join("wasi/libc-bottom-half"));
    let own = run(Command::new("clang-22").arg("-print-resource-dir")).stdout;
    let own = PathBuf::from(String::from_utf8(own).expect("a path").trim()).join("include");
    let flags = ["--target=wasm32-wasip1", "-pthread", "-mbulk-memory", "-O1", "-std=gnu17", "-Wno-int-conversion"];
    // Has `malloc` lock.
    let locking = "-D__EMSCRIPTEN_PTHREADS__";
    let public = [own, libc.join("include/wasm-wasi-musl"), libc.join("include/generic-musl")];
    let below = [
        bottom.join("headers/private"),
        bottom.join("cloudlibc/src/include"),
        bottom.join("cloudlibc/src"),
        top.join("headers/private"),
    ];
    let inside = ["wasi/libc-top-half/musl/arch/wasm32", "wasi/libc-top-half/musl/src/include", "musl/src/include"];
    let inside = inside.into_iter().chain(["wasi/libc-top-half/musl/src/internal", "musl/src/internal"]);
    let inside: Vec<PathBuf> = inside.map(|part| libc.join(part)).collect();
    let compile = |includes: &[&[PathBuf]], more: &[&Path], sources: Vec<PathBuf>| {
        let mut clang = clang("clang-22", folder, &flags);
        clang.arg("-nostdinc");
        includes.iter().copied().flatten().for_each(|path| _ = clang.arg("-I").arg(path));
        public.iter().for_each(|path| _ = clang.arg("-isystem").arg(path));
        more.iter().for_each(|header| _ = clang.arg("-include").arg(header));
        run(clang.args([locking, "-DNDEBUG", "-c"]).args(sources));
    };
    let sources = |folder: PathBuf, names: &[&str]| -> Vec<PathBuf> {
        names.iter().map(|name| folder.join(format!("{name}.c"))).collect()
    };
    let mut plain = sources(libc.join("musl/src"), MUSL);
    plain.extend(sources(top.join("musl/src"), CHANGED));
    plain.push(program("threads.c"));
    compile(&[&inside, &below], &[], plain);
    let futex = program("futex.h");
    compile(&[&inside, &below], &[&futex], sources(libc.join("musl/src/thread"), THREADS));
    let features = libc.join("musl/src/include/features.h");
    compile(&[&below], &[&features], sources(bottom.clone(), BELOW_WITH_WORDS));
    compile(&[&below], &[], sources(bottom, BELOW));
    compile(&[], &[], vec![program("pthreads.c"), libc.join("wasi/emmalloc/emmalloc.c")]);
    let runtime = run(clang("clang-22", folder, &flags[..1]).arg("-print-libgcc-file-name")).stdout;
    let module = folder.join("pthreads.wasm");
    run(clang("clang-22", folder, &flags[..2])
        .args(["-nostdlib", "-Wl,--import-memory,--export-memory,--shared-memory,--max-memory=67108864"])
        .args(objects(folder))
        .arg(String::from_utf8(runtime).expect("a path").trim())
        .arg("-o")
        .arg(&module));
    let native = folder.join("native");
    run(clang("clang-22", folder, &["-O1", "-pthread"]).arg(program("pthreads.c")).arg("-o").arg(&native));
    compare(&module, &native, 5);
}
