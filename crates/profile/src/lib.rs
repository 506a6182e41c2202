#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod calls;
mod files;
mod folded;
mod graph;
mod json;
mod names;
mod number;
mod profiler;
mod recorder;
mod run;
mod section;
mod storage;
mod text;
mod together;

pub use calls::{Calls, FunctionUse, HostUse};
pub use files::ProfileFile;
pub use folded::Folded;
pub use graph::{GraphError, svg};
pub use names::Names;
pub use profiler::{ProfileError, Profiler, Until};
pub use run::{Inside, MemoryUse, RunProfile};
pub use section::Section;
pub use storage::StorageUse;
pub use text::Rows;
pub use together::{Profile, Together};
