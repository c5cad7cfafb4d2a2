//! Dominator trees.

use super::counted::successors;
use inkwell::basic_block::BasicBlock;
use inkwell::values::FunctionValue;
use std::collections::HashMap;

/// Which block dominates which.
pub struct DominatorTree<'ctx> {
    /// The entry first, those that cannot be reached left out.
    pub blocks: Vec<BasicBlock<'ctx>>,
    /// Of each block: edges that lead to it.
    pub predecessors: Vec<usize>,
    children: Vec<Vec<usize>>,
    /// Of each block: when a walk through the tree comes to it, and when it has seen all below.
    visits: HashMap<BasicBlock<'ctx>, (usize, usize)>,
}

impl<'ctx> DominatorTree<'ctx> {
    /// By Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm".
    pub fn new(function: FunctionValue<'ctx>) -> Self {
        let blocks = reverse_postorder(function);
        let order: HashMap<_, _> = blocks.iter().enumerate().map(|(index, block)| (*block, index)).collect();
        let mut edges: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
        for (from, block) in blocks.iter().enumerate() {
            successors(*block).into_iter().for_each(|to| edges[order[&to]].push(from));
        }
        let mut dominators: Vec<Option<usize>> = vec![None; blocks.len()];
        dominators[0] = Some(0);
        let mut changed = true;
        while changed {
            changed = false;
            for (index, edges) in edges.iter().enumerate().skip(1) {
                let known = edges.iter().copied().filter(|from| dominators[*from].is_some());
                let dominator = known.reduce(|a, b| nearest(&dominators, a, b));
                changed |= dominator != dominators[index];
                dominators[index] = dominator;
            }
        }
        let mut children = vec![Vec::new(); blocks.len()];
        for (index, dominator) in dominators.iter().enumerate().skip(1) {
            children[dominator.expect("the block is reached")].push(index);
        }
        let visits = visits(&blocks, &children);
        DominatorTree { blocks, predecessors: edges.iter().map(Vec::len).collect(), children, visits }
    }

    /// Whether every way from the entry to a block leads through another, or they are the same. Of none that cannot be
    /// reached.
    pub fn dominates(&self, block: BasicBlock<'ctx>, other: BasicBlock<'ctx>) -> bool {
        let visits = self.visits.get(&block).zip(self.visits.get(&other));
        visits.is_some_and(|(above, below)| above.0 <= below.0 && below.1 <= above.1)
    }

    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        self.children[index].iter().copied()
    }
}

fn visits<'ctx>(blocks: &[BasicBlock<'ctx>], children: &[Vec<usize>]) -> HashMap<BasicBlock<'ctx>, (usize, usize)> {
    let (mut visits, mut time) = (HashMap::new(), 0);
    let mut todo = vec![(0, false)];
    while let Some((index, seen)) = todo.pop() {
        time += 1;
        if seen {
            visits.entry(blocks[index]).and_modify(|(_, last)| *last = time);
        } else {
            visits.insert(blocks[index], (time, time));
            todo.push((index, true));
            todo.extend(children[index].iter().map(|child| (*child, false)));
        }
    }
    visits
}

/// The nearest block that dominates both.
fn nearest(dominators: &[Option<usize>], mut a: usize, mut b: usize) -> usize {
    let up = |index: usize| dominators[index].expect("it has been reached");
    while a != b {
        if a > b {
            a = up(a);
        } else {
            b = up(b);
        }
    }
    a
}

fn reverse_postorder(function: FunctionValue<'_>) -> Vec<BasicBlock<'_>> {
    let entry = function.get_first_basic_block().expect("the function has a body");
    let mut seen = std::collections::HashSet::from([entry]);
    let (mut order, mut path) = (Vec::new(), vec![(entry, successors(entry))]);
    while let Some((block, rest)) = path.last_mut() {
        match rest.pop() {
            Some(next) if seen.insert(next) => path.push((next, successors(next))),
            Some(_) => {}
            None => {
                order.push(*block);
                path.pop();
            }
        }
    }
    order.reverse();
    order
}
