//! The whole system: real processes of the `soru` program in temporary folders, on free ports.

mod demo;
mod killed;
mod layer1_gone;
mod reorganised;
mod support;
