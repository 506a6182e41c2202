//! Kernels at random.

pub mod keys;
pub mod shapes;
pub mod smith;
