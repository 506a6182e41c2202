//! The book and the README are true: their commands are run, their outputs compared, their links followed, their tables made from the code.
//! `book/README.md` says how a page is written so that it can be tested.

mod generated;
mod links;
mod markdown;
mod matching;
mod page;
mod shell;
