//! Vectors as lanes.
