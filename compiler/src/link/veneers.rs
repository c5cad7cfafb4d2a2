//! Veneers: pieces of code that jump on to where a branch does not reach. They stand in islands
//! between the pieces of code, behind a group of pieces for the far-reaching branches, which are
//! calls, and directly behind its piece for a short one.

use super::layout::Layout;
use super::machine::{Machine, Relocation, Value};
use super::read::Object;
use super::relocate;
use super::resolve::Definition;
use std::collections::{BTreeMap, HashMap};

/// A group of pieces takes up to this part of what the farthest branch reaches: so every branch of it
/// reaches its end, with room for the island there and for those that are added on the way.
const GROUP: i64 = 4;

/// A section with code: its object, its place there.
pub type Piece = (usize, usize);

/// All veneers.
#[derive(Debug, Default)]
pub struct Islands {
    /// By the piece behind which they stand, and where they lead.
    veneers: BTreeMap<(Piece, Destination), Veneer>,
    /// By piece: the last one of its group. For look-ups only: its order is not one.
    group_ends: HashMap<Piece, Piece>,
}

/// Where a branch leads: so many bytes from what is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    pub definition: Definition,
    pub offset: i64,
}

/// A veneer.
#[derive(Debug)]
pub struct Veneer {
    pub to: Destination,
    pub offset: u32,
}

/// A branch to be resolved.
pub struct Branch {
    /// The piece that it is in.
    pub piece: Piece,
    pub row: &'static Relocation,
    /// S, before it has its place.
    pub definition: Definition,
    /// A and P.
    pub addend: i64,
    pub place: u32,
}

impl Islands {
    /// All veneers.
    pub fn veneers(&self) -> impl Iterator<Item = &Veneer> {
        self.veneers.values()
    }

    /// Those behind a piece.
    pub fn of_piece(&mut self, (object, section): Piece) -> impl Iterator<Item = &mut Veneer> {
        let least = Destination { definition: Definition::LEAST, offset: i64::MIN };
        let range = ((object, section), least)..((object, section + 1), least);
        self.veneers.range_mut(range).map(|(_, veneer)| veneer)
    }

    /// The pieces behind which a branch looks for veneers.
    fn places(&self, branch: &Branch, machine: &Machine) -> impl Iterator<Item = Piece> {
        let is_far = reach(branch.row) == farthest(machine);
        let group_end = self.group_ends.get(&branch.piece).copied().filter(|_| is_far);
        group_end.into_iter().chain([branch.piece])
    }
}

impl Branch {
    /// What goes into the field: the distance to the destination or, if that is too far, to a veneer
    /// that leads there. `None` if both are.
    pub fn distance(&self, layout: &Layout, machine: &Machine) -> Option<i64> {
        let bias = machine.code.veneer.as_ref()?.branch_bias;
        let direct = i64::from(layout.offset(self.definition)?) + self.addend - i64::from(self.place);
        let fits = |distance: &i64| self.row.field.range.contains(distance);
        let veneers = layout.islands.places(self, machine).filter_map(|piece| {
            let veneer = layout.islands.veneers.get(&(piece, self.destination(bias)))?;
            Some(i64::from(veneer.offset) - bias - i64::from(self.place))
        });
        [direct].into_iter().chain(veneers).find(fits)
    }

    fn destination(&self, bias: i64) -> Destination {
        Destination { definition: self.definition, offset: self.addend + bias }
    }
}

/// Adds a veneer for each branch that reaches neither its destination nor a veneer that leads there.
/// True if there was one: everything has to be placed again then, and there may be more.
pub fn add_missing(layout: &mut Layout, objects: &[Object<'_>], machine: &Machine) -> bool {
    let Some(veneer) = &machine.code.veneer else { return false };
    if layout.islands.group_ends.is_empty() {
        layout.islands.group_ends = group_ends(layout, objects, machine);
    }
    let mut missing = Vec::new();
    for piece in layout.pieces.iter().copied() {
        let branches = branches(layout, objects, machine, piece);
        for branch in branches.filter(|branch| layout.offset(branch.definition).is_some()) {
            if branch.distance(layout, machine).is_none() {
                let to = branch.destination(veneer.branch_bias);
                let mut places = layout.islands.places(&branch, machine).map(|piece| (piece, to));
                missing.extend(places.find(|place| !layout.islands.veneers.contains_key(place)));
            }
        }
    }
    let found = !missing.is_empty();
    let veneers = missing.into_iter().map(|(piece, to)| ((piece, to), Veneer { to, offset: 0 }));
    layout.islands.veneers.extend(veneers);
    found
}

/// The branches of a piece, but for those that cannot be read, which is somebody else's to say.
fn branches<'a>(
    layout: &'a Layout,
    objects: &'a [Object<'_>],
    machine: &'a Machine,
    piece: Piece,
) -> impl Iterator<Item = Branch> + 'a {
    let section = &objects[piece.0].sections[piece.1];
    let start = layout.section(piece.0, piece.1);
    section.relocations.iter().filter_map(move |relocation| {
        let row = machine.relocation(relocation.number).filter(|row| row.value == Value::Branch)?;
        let addend = relocate::addend(row, section.bytes, relocation).ok()?;
        let definition = layout.definition(piece.0, relocation.symbol);
        Some(Branch { piece, row, definition, addend, place: start + relocation.offset })
    })
}

/// How far a branch reaches, bytes.
fn reach(row: &Relocation) -> i64 {
    *row.field.range.end()
}

fn farthest(machine: &Machine) -> i64 {
    let branches = machine.code.relocations.iter().filter(|row| row.value == Value::Branch);
    branches.map(reach).max().unwrap_or(i64::MAX)
}

/// Cuts the code into groups.
fn group_ends(layout: &Layout, objects: &[Object<'_>], machine: &Machine) -> HashMap<Piece, Piece> {
    let group_len = farthest(machine) / GROUP;
    let start = |piece: Piece| i64::from(layout.section(piece.0, piece.1));
    let end = |piece: Piece| start(piece) + objects[piece.0].sections[piece.1].bytes.len() as i64;
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    for piece in layout.pieces.iter().copied() {
        match groups.last_mut().filter(|group| end(piece) - start(group[0]) <= group_len) {
            Some(group) => group.push(piece),
            None => groups.push(vec![piece]),
        }
    }
    let of_group = |group: Vec<Piece>| {
        let last = group[group.len() - 1];
        group.into_iter().map(move |piece| (piece, last))
    };
    groups.into_iter().flat_map(of_group).collect()
}
