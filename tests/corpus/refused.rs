//! Modules made for another host: they compile, and instantiating them names everything they miss.

use crate::{MODELS, module_path, options};
use wasmc_runtime::{Error, Linker, Store};

fn names_all_missing_imports(id: &str, first: (&str, &str)) {
    for memory in MODELS {
        let Some(path) = module_path(id) else { return };
        let wasm = std::fs::read(path).expect("the module can be read");
        let image = wasmc::compile(&wasm, &options(memory)).unwrap_or_else(|error| panic!("{id}, {memory}: {error}"));
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
