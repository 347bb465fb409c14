//! Stands in for the crate `rand` (its interface of 0.7), which every program of HumanEval-X for Rust names and hardly
//! any uses: the same numbers in every run.

use std::cell::Cell;

thread_local!(static STATE: Cell<u64> = const { Cell::new(0x9E37_79B9_7F4A_7C15) });

/// SplitMix64 (Steele, Lea and Flood 2014).
fn next() -> u64 {
    STATE.with(|state| {
        state.set(state.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mut z = state.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

pub trait Random: Sized {
    fn random() -> Self;
}
pub trait Between: Sized {
    fn between(low: Self, high: Self) -> Self;
}
macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Random for $kind {
            fn random() -> Self { next() as $kind }
        }
        impl Between for $kind {
            fn between(low: Self, high: Self) -> Self {
                assert!(low < high, "gen_range: low >= high");
                let span = (high as i128 - low as i128) as u128;
                (low as i128 + (next() as u128 % span) as i128) as $kind
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);
macro_rules! floats {
    ($($kind:ty),*) => {$(
        impl Random for $kind {
            fn random() -> Self { (next() >> 11) as $kind / (1u64 << 53) as $kind }
        }
        impl Between for $kind {
            fn between(low: Self, high: Self) -> Self { low + <$kind>::random() * (high - low) }
        }
    )*};
}
floats!(f32, f64);
impl Random for bool {
    fn random() -> Self { next() & 1 == 1 }
}

pub trait RngCore {
    fn next_u32(&mut self) -> u32 { next() as u32 }
    fn next_u64(&mut self) -> u64 { next() }
}
pub trait Rng: RngCore {
    fn gen<T: Random>(&mut self) -> T { T::random() }
    fn gen_range<T: Between>(&mut self, low: T, high: T) -> T { T::between(low, high) }
    fn gen_bool(&mut self, p: f64) -> bool { f64::random() < p }
}
impl<T: RngCore + ?Sized> Rng for T {}

#[derive(Clone, Debug)]
pub struct ThreadRng;
impl RngCore for ThreadRng {}

pub fn thread_rng() -> ThreadRng { ThreadRng }
pub fn random<T: Random>() -> T { T::random() }

pub mod rngs {
    pub use crate::ThreadRng;
}
pub mod prelude {
    pub use crate::{random, thread_rng, Rng, RngCore, ThreadRng};
}
