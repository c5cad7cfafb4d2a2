//! LLVM's passes, by level.

use crate::options::OptLevel;

/// The pipeline of `-O1`. The producer of a module has optimised it, as a rule: what is left to do is to bring locals into
/// registers, and to clean up what translation makes of an access. Nothing is inlined.
const LIGHT: &str = "globaldce,function(sroa,early-cse,simplifycfg,instcombine<no-verify-fixpoint>,loop-mssa(licm),\
                     early-cse,simplifycfg,adce)";

/// The first part of `-O2` and `-O3`: inlines, with one round of what simplifies. The last two are for vectors of the program's own: what of
/// them is on the stack is aligned, and a lane of one that was loaded is loaded alone.
pub const FIRST: &str = "globaldce,\
    function<eager-inv>(sroa,early-cse,\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;keep-loops;speculate-blocks;simplify-cond-branch>),\
    require<globals-aa>,function(invalidate<aa>),require<profile-summary>,\
    cgscc(inline,function-attrs,function<eager-inv;no-rerun>(early-cse,\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;switch-to-arithmetic;keep-loops;\
        speculate-blocks;simplify-cond-branch>,\
        instcombine<max-iterations=1;no-verify-fixpoint>)),\
    globaldce,function(infer-alignment,vector-combine)";

/// What `-O2` goes on with where loops are worth it: one round of what LLVM's own pipeline does two and three times.
const ROUND_FOR_LOOPS: &str = "function<eager-inv>(early-cse<memssa>,\
        loop-mssa(loop-rotate<header-duplication;prepare-for-lto>,licm),\
        instcombine<max-iterations=1;no-verify-fixpoint>,\
        loop(loop-idiom,indvars,loop-deletion,loop-unroll-full),gvn,\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;switch-to-arithmetic;keep-loops;hoist-common-insts;\
        sink-common-insts;speculate-blocks;simplify-cond-branch>,\
        instcombine<max-iterations=1;no-verify-fixpoint>),\
    function(loop(loop-rotate,loop-deletion),loop-simplify,lcssa)";

/// What `-O3` goes on with there: what `opt -passes='thinlto-pre-link<O3>' -print-pipeline-passes` of LLVM 22 does with a function, without
/// what has no effect here.
const ALL_FOR_LOOPS: &str = "function<eager-inv>(sroa<modify-cfg>,early-cse<memssa>,jump-threading,correlated-propagation,\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;keep-loops;speculate-blocks;simplify-cond-branch>,\
        instcombine<max-iterations=1;no-verify-fixpoint>,aggressive-instcombine,\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;keep-loops;speculate-blocks;simplify-cond-branch>,\
        reassociate,constraint-elimination,\
        loop-mssa(loop-instsimplify,loop-simplifycfg,licm<no-allowspeculation>,\
            loop-rotate<header-duplication;prepare-for-lto>,licm<allowspeculation>,simple-loop-unswitch<nontrivial;trivial>),\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;keep-loops;speculate-blocks;simplify-cond-branch>,\
        instcombine<max-iterations=1;no-verify-fixpoint>,\
        loop(loop-idiom,indvars,extra-simple-loop-unswitch-passes,loop-deletion,loop-unroll-full),\
        sroa<modify-cfg>,vector-combine,mldst-motion<no-split-footer-bb>,gvn,sccp,bdce,\
        instcombine<max-iterations=1;no-verify-fixpoint>,jump-threading,correlated-propagation,adce,memcpyopt,dse,\
        loop-mssa(licm<allowspeculation>,simple-loop-unswitch<no-nontrivial;trivial>),\
        simplifycfg<bonus-inst-threshold=1;switch-range-to-icmp;switch-to-arithmetic;keep-loops;hoist-common-insts;\
        sink-common-insts;speculate-blocks;simplify-cond-branch>,\
        instcombine<max-iterations=1;no-verify-fixpoint>),\
    function(loop(loop-rotate,loop-deletion),loop-simplify,lcssa)";

/// The pipelines that are one text, which are LLVM's own but for that of `-O1`. `-O0` keeps values in registers all the
/// same: a frame with a slot for every local would exhaust the stack where the other levels do not.
pub fn whole(level: OptLevel) -> &'static str {
    match level {
        OptLevel::O0 => "function(mem2reg),default<O0>",
        OptLevel::O1 => LIGHT,
        OptLevel::O2 => "default<O2>",
        OptLevel::O3 => "default<O3>",
        OptLevel::Os => "default<Os>",
        OptLevel::Oz => "default<Oz>",
    }
}

/// What follows on [`FIRST`] at `-O2` and `-O3`, in parts, with room before and after loops are vectorised. It is for functions in which
/// loops are worth it ([`super::aside`]), and deletes none.
pub struct Parts {
    /// Simplifies, and brings loops into the form that LLVM's own loop passes begin with: rotated, entered from one block, their values used outside
    /// by phis alone.
    pub for_loops: &'static str,
    /// Vectorises loops.
    pub vectorising: String,
    /// Vectorises the rest.
    pub second: &'static str,
    /// Unrolls.
    pub third: String,
}

/// In parts, if the level is one for speed.
pub fn parts(level: OptLevel) -> Option<Parts> {
    let (for_loops, early, unrolling) = match level {
        OptLevel::O2 => (ROUND_FOR_LOOPS, "", "O2"),
        OptLevel::O3 => (ALL_FOR_LOOPS, "chr,", "O3"),
        _ => return None,
    };
    // As `opt -passes='default<O3>' -print-pipeline-passes` of LLVM 22 prints it, without what has no effect here, and with one
    // `instcombine` less, before loops are unrolled; copies that do not stay go there.
    let vectorising = format!(
        "elim-avail-extern,rpo-function-attrs,recompute-globalsaa,\
         function<eager-inv>(drop-unnecessary-assumes,float2int,lower-constant-intrinsics,{early}\
         loop(loop-rotate<header-duplication>,loop-deletion),loop-distribute,inject-tli-mappings,loop-vectorize)"
    );
    let second = "function<eager-inv>(infer-alignment,loop-load-elim,instcombine<no-verify-fixpoint>,\
         simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-arithmetic;switch-to-lookup;no-keep-loops;\
         hoist-common-insts;sink-common-insts;speculate-blocks;simplify-cond-branch>,\
         slp-vectorizer,vector-combine)";
    let third = format!(
        "function<eager-inv>(simplifycfg<keep-loops>,loop-unroll<{unrolling}>,\
         infer-alignment,instcombine<no-verify-fixpoint>,loop-mssa(licm<allowspeculation>),\
         loop-sink,instsimplify,div-rem-pairs,\
         simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-arithmetic;switch-to-lookup;keep-loops;\
         hoist-loads-stores-with-cond-faulting;speculate-blocks;simplify-cond-branch;speculate-unpredictables>)"
    );
    Some(Parts { for_loops, vectorising, second, third })
}

/// What follows on [`super::counted`]: it leaves comparisons that nobody needs, and loops whose values no check holds any more.
pub const AFTER_COUNTED: &str =
    "function(simplifycfg<keep-loops>,loop-simplify,early-cse,loop-mssa(licm),instcombine<no-verify-fixpoint>)";

/// Deletes what nobody uses any more.
pub const UNUSED: &str = "globaldce,constmerge";

/// Reduces strength in loops, as LLVM would do in all functions (`machine.rs`). In those that are set aside it takes a twentieth of code
/// generation, and registers from what needs them more.
pub const STRENGTH: &str = "function(loop(canon-freeze,loop-reduce))";

/// The same on RISC-V, where LLVM has loops count their rounds by what else they count, as comparisons take two registers.
pub const STRENGTH_ON_RISCV: &str = "function(loop(canon-freeze,loop-reduce,loop-term-fold))";

/// What follows on [`super::products`]: the former arithmetic goes.
pub const AFTER_PRODUCTS: &str = "function(instcombine<no-verify-fixpoint>,adce)";

/// Unrolls what [`super::nests`] has marked. Addresses are constant then: checks go, and what is stored is known.
pub const NESTS: &str = "function(loop(loop-unroll-full),sroa<modify-cfg>,early-cse<memssa>,instcombine<no-verify-fixpoint>,\
                         simplifycfg<keep-loops>,loop-simplify,gvn,sccp,bdce,instcombine<no-verify-fixpoint>,\
                         adce,dse,loop-simplify,lcssa,loop-mssa(licm),simplifycfg<keep-loops>,\
                         instcombine<no-verify-fixpoint>,loop-simplify,lcssa)";
