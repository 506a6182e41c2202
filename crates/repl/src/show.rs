//! What is shown of a machine.

use crate::command::Command;
use crate::console::Console;
use crate::memory::read_memory;
use crate::render;
use crate::session::{Session, SessionError};
use crate::step::has_result;
use crate::value::ValueKind;
use soru_base::Level;
use soru_pvm::Machine;
use soru_pvm::durable::{DurableError, Key};
use soru_pvm::host::hint;
use soru_pvm::state::Status;

/// Does one of the commands that only look.
pub(crate) fn show(
    session: &Session,
    command: &Command,
    console: &mut dyn Console,
) -> Result<(), SessionError> {
    let machine = session.machine();
    match command {
        Command::ShowTick => console.line(&machine.current_tick.to_string()),
        Command::ShowRuns => {
            let lines = session.runs.lines(machine.limits.ticks_per_snapshot);
            lines.iter().for_each(|line| console.line(line));
        }
        Command::ShowInbox => inbox(session, console)?,
        Command::ShowOutbox(level) => outbox(machine, *level, console)?,
        Command::ShowKey(key, kind) => value(machine, key, *kind, console)?,
        Command::ShowKeys(key) => match keys_below(machine, key) {
            Ok(keys) => keys.iter().for_each(|key| console.line(&format!("/{key}"))),
            Err(DurableError::NotANode) => {
                console.line(&format!("The path {} is not in the durable storage", text(key)));
            }
            Err(error) => return Err(error.into()),
        },
        Command::ShowDurable => durable(machine, console)?,
        Command::ShowMemory { address, length, kind } => {
            console.line(&kind.show(&bytes(machine, *address, *length)?));
        }
        _ => status(machine, console),
    }
    Ok(())
}

/// What the machine needs, and what it is doing.
pub(crate) fn status(machine: &Machine, console: &mut dyn Console) {
    let needs = match machine.status() {
        Status::Computing => "Evaluating".to_owned(),
        Status::InputRequired => "Waiting for inputs".to_owned(),
        Status::RevealRequired(request) => format!("Waiting for reveal: {}", render::request(&request)),
    };
    console.line(&format!("Status: {needs}"));
    let name = machine.tick_state.name();
    let inside = match (machine.stuck_error(), machine.trap()) {
        (Some(error), _) => format!("{name} ({error})"),
        (None, Some(trap)) => format!("{name} (Trapped: {trap})"),
        (None, None) if has_result(machine) => format!("{name} (Result)"),
        (None, None) => name.to_owned(),
    };
    console.line(&format!("Internal state: {inside}"));
    if let Some(hint) = machine.stuck_error().and_then(|error| hint(&error.to_string())) {
        console.line(&format!("Hint: {hint}"));
    }
}

fn inbox(session: &Session, console: &mut dyn Console) -> Result<(), SessionError> {
    let mut messages = session.machine().input.clone();
    console.line(&format!("Inbox has {} messages:", messages.len()));
    while let Some(message) = messages.pop()? {
        console.line(&format!(
            "{{ raw_level: {};\n  counter: {}\n  payload: {} }}",
            message.level,
            message.counter,
            render::input(&message.payload, session.ids)
        ));
    }
    Ok(())
}

fn outbox(machine: &Machine, level: Option<Level>, console: &mut dyn Console) -> Result<(), SessionError> {
    let last = || machine.output.last_level().and_then(|l| u32::try_from(l).ok()).and_then(Level::new);
    let Some(level) = level.or_else(last) else {
        console.line("No outbox yet");
        return Ok(());
    };
    let Some(messages) = machine.output.outbox(level)? else {
        console.line(&format!("No outbox found at level {level}"));
        return Ok(());
    };
    console.line(&format!("Outbox has {} messages:", messages.len()));
    for message in &messages {
        console.line(&render::output(message));
    }
    Ok(())
}

/// No longer value is shown.
const VALUE_MAX: u64 = 16 << 20;

fn value(
    machine: &Machine,
    key: &Key,
    kind: ValueKind,
    console: &mut dyn Console,
) -> Result<(), SessionError> {
    let answer = match machine.durable.value_len(key)? {
        None if machine.durable.exists(key)? => "No value found for key".to_owned(),
        None => "Key not found".to_owned(),
        Some(len) if len > VALUE_MAX => {
            format!("The value has {len} bytes: more than {VALUE_MAX} are not shown")
        }
        Some(_) => kind.show(&machine.durable.read_all(key, VALUE_MAX)?.unwrap_or_default()),
    };
    console.line(&answer);
    Ok(())
}

/// The steps directly below a key, in their order as texts.
pub(crate) fn keys_below(machine: &Machine, key: &Key) -> Result<Vec<String>, DurableError> {
    if !machine.durable.exists(key)? {
        return Err(DurableError::NotANode);
    }
    let children = machine.durable.tree().list(key.steps(), 0, usize::MAX)?;
    let names = children.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    Ok(names.filter(|name| name != "@").collect())
}

/// Most values that are shown at once; copies can make a storage that has no end in sight.
const KEYS_MAX: usize = 10_000;
/// Most bytes of a value that are shown where many are.
const GLANCE: u64 = 256;

fn durable(machine: &Machine, console: &mut dyn Console) -> Result<(), SessionError> {
    let mut shown = 0;
    let mut ahead = vec![(String::new(), machine.durable.tree().clone())];
    while let Some((key, tree)) = ahead.pop() {
        let root: [&str; 0] = [];
        let mut below = Vec::new();
        for (name, child) in tree.list(&root, 0, usize::MAX).map_err(DurableError::from)? {
            if *name != *b"@" {
                below.push((format!("{key}/{}", String::from_utf8_lossy(&name)), child));
                continue;
            }
            if shown == KEYS_MAX {
                console.line(&format!(
                    "… and more: the first {KEYS_MAX} are shown, `show keys` goes level by level"
                ));
                return Ok(());
            }
            shown += 1;
            let value = soru_pvm::lazy::ByteVector::of_tree(child);
            let len = value.length()?;
            let glance = hex::encode(value.read(0, len.min(GLANCE))?);
            let more = if len > GLANCE { format!("… ({len} bytes)") } else { String::new() };
            console.line(&format!("{key}\n  {glance}{more}"));
        }
        // The last one comes next.
        ahead.extend(below.into_iter().rev());
    }
    Ok(())
}

fn bytes(machine: &Machine, address: u64, length: u64) -> Result<Vec<u8>, SessionError> {
    // No more than `command` allows.
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    match read_memory(machine, address, &mut bytes)? {
        Some(size) if address.checked_add(length).is_some_and(|end| end <= size) => Ok(bytes),
        Some(size) => {
            Err(SessionError::Memory(format!("{length} bytes at {address}: the memory has {size} bytes")))
        }
        None => {
            let name = machine.tick_state.name();
            Err(SessionError::Memory(format!(
                "no memory: kernel_run is not running (internal state {name}); `step result` stops while its memory is there"
            )))
        }
    }
}

fn text(key: &Key) -> String {
    key.steps().iter().fold(String::new(), |all, step| format!("{all}/{step}"))
}
