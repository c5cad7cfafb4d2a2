//! What became of units, kept from one compilation to the next.
//!
//! A unit's key is a digest of all that its object depends on: the LLVM module as translated, the bodies that it was
//! translated from, the options, and what optimisation reads beside. So translation is always done, and an entry is never
//! out of date. Locations in the LLVM module are relative to functions, as are the sites of an entry: a body that grows
//! changes no other unit.

use crate::error::CompileError;
use crate::generate::Emitted;
use crate::optimize::{Chains, Place, Shape};
use crate::options::Options;
use crate::parse::Module;
use crate::units::Extent;
use inkwell::module::Module as LlvmModule;
use sha2::{Digest, Sha256};

/// Where entries are kept. Methods are called from several threads at a time.
///
/// An entry is code that is going to be run: a store gives back only what this compiler, the same build of it and of
/// LLVM, has put there.
pub trait Store: Sync {
    /// What was kept under a key. It may be damaged; then it is not used, and kept anew.
    fn find(&self, key: &Key) -> Option<Vec<u8>>;

    /// Keeps an entry under a key.
    fn keep(&self, key: &Key, entry: Vec<u8>);
}

/// Under what an entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub [u8; 32]);

/// The units of a module in a store.
pub struct Kept<'s> {
    store: &'s dyn Store,
    /// Of what is the same for all units.
    common: Sha256,
}

impl<'s> Kept<'s> {
    /// For units that are compiled with these options, of a module whose vmctx block has that shape.
    pub fn new(store: &'s dyn Store, options: &Options, shape: &Shape) -> Kept<'s> {
        let (major, minor, patch) = inkwell::support::get_llvm_version();
        let mut common = Sha256::new();
        for part in [
            format!("unit {} LLVM {major}.{minor}.{patch}", env!("CARGO_PKG_VERSION")),
            options.description(),
            format!("{shape:?}"),
        ] {
            add(&mut common, part.as_bytes());
        }
        Kept { store, common }
    }

    /// What is to be made of a unit, translated to `llvm`: as it was kept, or as `make` does it.
    pub fn find_or_make(
        &self,
        llvm: &LlvmModule<'_>,
        module: &Module<'_>,
        extent: &Extent<'_>,
        make: impl FnOnce() -> Result<Emitted<Place>, CompileError>,
    ) -> Result<Emitted<Place>, CompileError> {
        let key = self.key(llvm, module, extent);
        if let Some(kept) = self.store.find(&key).as_deref().and_then(decode) {
            return Ok(kept);
        }
        let made = make()?;
        self.store.keep(&key, encode(&made));
        Ok(made)
    }

    fn key(&self, llvm: &LlvmModule<'_>, module: &Module<'_>, extent: &Extent<'_>) -> Key {
        let mut digest = self.common.clone();
        add(&mut digest, llvm.write_bitcode_to_memory().as_slice());
        // LLVM's work depends on the order of uses too, which bitcode does not tell, but the same instructions make.
        for function in extent.functions() {
            add(&mut digest, &module.bodies[function.get()].bytes);
        }
        Key(digest.finalize().into())
    }
}

/// The length keeps parts apart.
fn add(digest: &mut Sha256, part: &[u8]) {
    digest.update((part.len() as u64).to_le_bytes());
    digest.update(part);
}

/// An entry: SHA-256 of the rest; length of the object, count of sites; for each site the count of its places; for each place
/// function and line; the object. Numbers are little-endian, the length has 8 bytes, the others 4.
fn encode(unit: &Emitted<Place>) -> Vec<u8> {
    let Emitted { bytes, sites } = unit;
    let chains = || (0..sites.len()).map(|site| sites.get(site));
    let mut rest = (bytes.len() as u64).to_le_bytes().to_vec();
    let mut number = |number: u32| rest.extend(number.to_le_bytes());
    number(sites.len() as u32);
    chains().for_each(|chain| number(chain.len() as u32));
    chains().flatten().for_each(|place| [place.function, place.line].map(&mut number).into_iter().collect());
    rest.extend_from_slice(bytes);
    [&Sha256::digest(&rest)[..], &rest].concat()
}

/// `None` for what [`encode`] has not made.
fn decode(entry: &[u8]) -> Option<Emitted<Place>> {
    let (digest, rest) = entry.split_at_checked(32)?;
    if Sha256::digest(rest)[..] != *digest {
        return None;
    }
    let (len, mut rest) = rest.split_first_chunk()?;
    let mut number = || {
        let (number, after) = rest.split_first_chunk()?;
        rest = after;
        Some(u32::from_le_bytes(*number))
    };
    let count = number()?;
    let lens: Vec<u32> = (0..count).map(|_| number()).collect::<Option<_>>()?;
    let mut sites = Chains::default();
    for len in lens {
        let places = (0..len).map(|_| Some(Place { function: number()?, line: number()? }));
        sites.push(&places.collect::<Option<Vec<_>>>()?);
    }
    (rest.len() as u64 == u64::from_le_bytes(*len)).then(|| Emitted { bytes: rest.to_vec(), sites })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Emitted<Place> {
        let mut sites = Chains::default();
        sites.push(&[Place { function: 7, line: 1 }]);
        sites.push(&[Place { function: 1, line: 300 }, Place { function: u32::MAX, line: 0 }]);
        Emitted { bytes: b"an object".to_vec(), sites }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        for unit in [unit(), Emitted::default()] {
            let read = decode(&encode(&unit)).unwrap();
            assert_eq!((read.bytes, read.sites), (unit.bytes, unit.sites));
        }
    }

    #[test]
    fn a_damaged_entry_is_none() {
        let entry = encode(&unit());
        for len in 0..entry.len() {
            assert!(decode(&entry[..len]).is_none(), "cut to {len}");
            let mut damaged = entry.clone();
            damaged[len] ^= 0x10;
            assert!(decode(&damaged).is_none(), "byte {len}");
        }
        assert!(decode(&[&entry[..], b"\0"].concat()).is_none());
    }
}
