//! Modules made for another host: they compile, and instantiating them names everything they miss.

use crate::{module_path, options};
use wasmc::{MemoryModel, OptLevel, Options};
use wasmc_runtime::{Error, Linker, Store};

/// In one memory model as commands compile by default, in the other with less optimisation.
fn names_all_missing_imports(id: &str, first: (&str, &str)) {
    names_them_with(id, first, &options(MemoryModel::Guard));
    names_them_with(id, first, &Options { level: OptLevel::O1, ..options(MemoryModel::Checked) });
}

fn names_them_with(id: &str, first: (&str, &str), options: &Options) {
    let memory = options.memory;
    if let Some(path) = module_path(id) {
        let wasm = std::fs::read(path).expect("the module can be read");
        let image = wasmc::compile(&wasm, options).unwrap_or_else(|error| panic!("{id}, {memory}: {error}"));
        let module = crate::load_image(&image).unwrap_or_else(|error| panic!("{id}, {memory}: {error}"));
        let imports: Vec<_> = module.imports().map(|import| (import.module, import.name, import.ty)).collect();
        assert_eq!((imports[0].0.as_str(), imports[0].1.as_str()), first, "{id}");
        let error = match Linker::<()>::new().instantiate(&mut Store::new(()), &module) {
            Err(Error::Link(error)) => error,
            other => panic!("{id}, {memory}: wanted the missing imports, got {other:?}"),
        };
        let missing: Vec<_> =
            error.missing.iter().map(|i| (i.module.clone(), i.name.clone(), i.wanted.clone())).collect();
        assert_eq!(missing, imports, "{id}, {memory}");
        let message = error.to_string();
        for (module, name, ty) in imports {
            let line = format!("\"{module}\" \"{name}\": wanted {ty}");
            assert!(message.contains(&line), "{id}, {memory}: {line} is not in:\n{message}");
        }
    }
}

#[test]
fn esbuild_compiles_and_names_its_imports() {
    names_all_missing_imports("esbuild", ("gojs", "runtime.scheduleTimeoutEvent"));
}

#[test]
fn sql_js_compiles_and_names_its_imports() {
    names_all_missing_imports("sql-js", ("a", "a"));
}

#[test]
fn resvg_compiles_and_names_its_imports() {
    names_all_missing_imports("resvg", ("wbg", "__wbg_new_28c511d9baebfa89"));
}

#[test]
fn web_tree_sitter_compiles_and_names_its_imports() {
    names_all_missing_imports("web-tree-sitter", ("wasi_snapshot_preview1", "fd_write"));
}

/// The largest of them, and so once, and with less optimisation.
#[test]
fn pyodide_compiles_and_names_its_imports() {
    let options = Options { level: OptLevel::O1, ..options(MemoryModel::Guard) };
    names_them_with("pyodide", ("env", "capture_stderr"), &options);
}
