//! Every vector instruction, by its name in the text format, with the types that it takes and gives.

/// An instruction.
#[derive(Debug)]
pub struct Instruction {
    /// Its name in the text format.
    pub name: String,
    /// What stands behind the name.
    immediates: &'static str,
    /// Types of its operands.
    pub params: Vec<&'static str>,
    /// Type of its result.
    pub result: Option<&'static str>,
}

macro_rules! collect {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// All of them: the fixed-width ones, then the relaxed ones.
        pub fn all() -> Vec<Instruction> {
            vec![$( instruction(stringify!($visit), stringify!($($ann)*)) ),*]
        }
    };
}
wasmparser::for_each_visit_simd_operator!(collect);

/// The instruction that a method of wasmparser's visitor is for; `arity` is `arity 2 -> 1`.
fn instruction(visit: &str, arity: &str) -> Instruction {
    let (shape, name) = visit.trim_start_matches("visit_").split_once('_').expect("a name has a shape");
    let scalar = match shape {
        "i64x2" => "i64",
        "f32x4" => "f32",
        "f64x2" => "f64",
        _ => "i32",
    };
    let is_memory = arity.contains("memarg");
    let is_lane = name.ends_with("_lane") || name.starts_with("extract_lane") || name == "replace_lane";
    let immediates = match name {
        "shuffle" => "0 17 2 19 4 21 6 23 24 9 26 11 28 13 30 15",
        "const" => "i32x4 1 2 3 4",
        _ if is_lane => "1",
        _ => "",
    };
    let count = arity.trim_start_matches("arity").replace("memarg", "");
    let (count, results) = count.split_once("->").expect("an arity has an arrow");
    let count: usize = count.trim().parse().expect("it is a number");
    let mut params = vec!["v128"; count];
    if is_memory {
        params[0] = "i32";
    } else if name == "splat" {
        params[0] = scalar;
    } else if name == "replace_lane" {
        params[1] = scalar;
    } else if ["shl", "shr_s", "shr_u"].contains(&name) {
        params[1] = "i32";
    }
    let result = match name {
        _ if results.trim() == "0" => None,
        "any_true" | "all_true" | "bitmask" => Some("i32"),
        _ if name.starts_with("extract_lane") => Some(scalar),
        _ => Some("v128"),
    };
    Instruction { name: format!("{shape}.{name}"), immediates, params, result }
}

impl Instruction {
    /// The instruction with operands given as text.
    pub fn text(&self, operands: &[String]) -> String {
        format!("({} {} {})", self.name, self.immediates, operands.join(" "))
    }

    /// Whether it accesses memory.
    pub fn is_memory(&self) -> bool {
        self.name.starts_with("v128.load") || self.name.starts_with("v128.store")
    }
}
