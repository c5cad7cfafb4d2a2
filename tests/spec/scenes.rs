//! Divides a script into scenes: runs of directives whose instances nobody names, or imports from, later on. Each
//! gets a runner without instances, so that memories do not pile up in one process.

use std::collections::HashSet;
use wast::token::Id;
use wast::{WastDirective, WastExecute};

/// The scenes, in order. Each but the first begins with a module. A scene has at least so many modules, if the script
/// has.
pub fn divide(directives: Vec<WastDirective<'_>>, modules_min: usize) -> Vec<Vec<WastDirective<'_>>> {
    let is_start = starts(&directives);
    let mut scenes: Vec<Vec<_>> = Vec::new();
    let mut modules = 0;
    for (directive, is_start) in directives.into_iter().zip(is_start) {
        let is_module = matches!(directive, WastDirective::Module(_));
        match scenes.last_mut() {
            Some(scene) if !is_start || modules < modules_min => scene.push(directive),
            _ => {
                scenes.push(vec![directive]);
                modules = 0;
            }
        }
        modules += usize::from(is_module);
    }
    scenes
}

/// For each directive, whether a scene begins there.
fn starts(directives: &[WastDirective<'_>]) -> Vec<bool> {
    // Whatever comes after a registration may import from it.
    let is_register = |directive: &WastDirective<'_>| matches!(directive, WastDirective::Register { .. });
    let registered = directives.iter().position(is_register).unwrap_or(directives.len());
    let mut named_later = HashSet::new();
    let mut starts = vec![false; directives.len()];
    for (index, directive) in directives.iter().enumerate().rev() {
        if let Some(id) = named(directive) {
            named_later.insert(id.name());
        }
        let (WastDirective::Module(module) | WastDirective::ModuleDefinition(module)) = directive else { continue };
        if let Some(id) = module.name() {
            named_later.remove(id.name());
        }
        if matches!(directive, WastDirective::Module(_)) {
            starts[index] = named_later.is_empty() && index <= registered;
        }
    }
    starts
}

/// The instance that a directive names.
fn named<'a>(directive: &WastDirective<'a>) -> Option<Id<'a>> {
    let of_exec = |exec: &WastExecute<'a>| match exec {
        WastExecute::Invoke(invoke) => invoke.module,
        WastExecute::Get { module, .. } => *module,
        WastExecute::Wat(_) => None,
    };
    match directive {
        WastDirective::Register { module, .. } | WastDirective::ModuleInstance { module, .. } => *module,
        WastDirective::Invoke(invoke) => invoke.module,
        WastDirective::AssertReturn { exec, .. }
        | WastDirective::AssertTrap { exec, .. }
        | WastDirective::AssertException { exec, .. } => of_exec(exec),
        WastDirective::AssertExhaustion { call, .. } => call.module,
        _ => None,
    }
}
