use serde_json::Value;
use soru_pvm::replay::RunFile;
use soru_pvm::reveal::RevealSource;
use soru_pvm::state::{InputPlace, Status};
use soru_pvm::step_proof::{StepInput, StepProof};
use soru_pvm::Machine;
use std::path::Path;

fn run_one(path: &Path, proofs: bool) -> Result<(usize, usize), String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut run = RunFile::parse(&text).map_err(|e| e.to_string())?;
    let kernel = std::fs::read(root.join(&run.kernel)).map_err(|e| format!("{} {e}", run.kernel))?;
    let mut tree = run.boot(&kernel).map_err(|e| e.to_string())?;
    let mut machine = Machine::from_tree(&tree).unwrap();
    let lines: Vec<Value> = run.lines.iter().skip(1).filter(|l| l["tick"].is_u64() && l["at"] != "initial_state" && l["at"] != "boot_sector" && l["at"] != "max_reboots").cloned().collect();
    let mut at = 0;
    let mut checked = 0;
    let mut sizes = 0;
    let levels = run.levels.clone();
    let (mut level, mut index) = (0, 0);
    loop {
        if std::env::var("DUMP").ok().and_then(|d| d.parse().ok()) == Some(machine.current_tick.0) {
            machine.apply(&mut tree).unwrap();
            let mut out = String::new();
            tree.for_each_leaf(&mut |path: &[soru_merkle::Name], bytes: &bytes::Bytes| -> Result<(), soru_merkle::TreeError> {
                let path: Vec<_> = path.iter().map(|p| String::from_utf8_lossy(p).into_owned()).collect();
                out.push_str(&format!("/{} {}\n", path.join("/"), hex::encode(bytes)));
                Ok(())
            }).unwrap();
            std::fs::write("/tmp/soru/dump.txt", out).unwrap();
        }
        // compare if this tick is observed
        while at < lines.len() && lines[at]["tick"].as_u64().unwrap() == machine.current_tick.0 {
            let line = &lines[at];
            machine.apply(&mut tree).map_err(|e| format!("{line} {e}"))?;
            let hash = tree.hash().unwrap().to_hex();
            if std::env::var("REBUILD").is_ok() {
                let mut other = soru_merkle::Tree::empty();
                tree.for_each_leaf(&mut |path: &[soru_merkle::Name], bytes: &bytes::Bytes| -> Result<(), soru_merkle::TreeError> {
                    other.insert(path, bytes.clone())
                }).unwrap();
                let again = other.hash().unwrap().to_hex();
                if again != hash {
                    // find where
                    fn find(a: &soru_merkle::Tree, b: &soru_merkle::Tree, at: String) {
                        if a.hash().unwrap() == b.hash().unwrap() { return; }
                        let (x, y) = (a.list::<&str>(&[], 0, 100000).unwrap(), b.list::<&str>(&[], 0, 100000).unwrap());
                        let names: Vec<_> = x.iter().map(|(n, _)| String::from_utf8_lossy(n).into_owned()).collect();
                        let other: Vec<_> = y.iter().map(|(n, _)| String::from_utf8_lossy(n).into_owned()).collect();
                        if names != other { println!("{at}: {names:?} {other:?}"); return; }
                        let mut any = false;
                        for ((n, p), (_, q)) in x.iter().zip(&y) { if p.hash().unwrap() != q.hash().unwrap() { any = true; find(p, q, format!("{at}/{}", String::from_utf8_lossy(n))); } }
                        if !any { println!("{at}: same children, other hash {names:?}"); }
                    }
                    find(&tree, &other, String::new());
                    return Err(format!("rebuilt {again} {hash} {line}"));
                }
            }
            let name = machine.state_name();
            if line["state"] != name { return Err(format!("after {checked}: state {name} for {line}")); }
            if line["hash"] != hash && std::env::var("DUMP").is_ok() { println!("MIS {line}"); }
            if line["hash"] != hash && std::env::var("DUMP").is_err() { return Err(format!("after {checked}: hash {hash} for {line}")); }
            if let Some(trap) = line["trap"].as_str() { if machine.trap().as_deref() != Some(trap) { return Err(format!("trap {:?} {line}", machine.trap())); } }
            if line["paying"].as_u64().unwrap_or(0) != machine.paying() { return Err(format!("paying {line}")); }
            if line["error"].is_object() && machine.stuck_error().unwrap().to_json() != line["error"] { return Err(format!("error {line}")); }
            if let Some(size) = line["proof_size"].as_u64().filter(|_| proofs) {
                let input = match machine.status() {
                    Status::Computing => StepInput::Nothing,
                    Status::InputRequired => StepInput::Message { place: InputPlace { level: levels[level].level, counter: index as u64 }, message: levels[level].messages[index].clone() },
                    Status::RevealRequired(r) => StepInput::Reveal(run.reveals.reveal(&r).unwrap()),
                };
                let proof = StepProof::produce(&tree, input).map_err(|e| format!("proof {line} {e}"))?;
                use soru_base::bin::Binary;
                let len = proof.proof.to_bytes().len() as u64;
                if len != size { return Err(format!("after {checked}: proof size {len} for {line}")); }
                proof.verify().map_err(|e| format!("verify {line} {e}"))?;
                sizes += 1;
            }
            checked += 1;
            at += 1;
        }
        if at >= lines.len() { return Ok((checked, sizes)); }
        let next = lines[at]["tick"].as_u64().unwrap();
        let dump = std::env::var("DUMP").ok().and_then(|d| d.parse::<u64>().ok()).filter(|d| *d > machine.current_tick.0).unwrap_or(u64::MAX);
        let next = next.min(dump);
        if next < machine.current_tick.0 { return Err(format!("missed {}", lines[at])); }
        match machine.status() {
            Status::Computing => { machine.step(next - machine.current_tick.0, &mut ()).map_err(|e| format!("{next} {e}"))?; }
            Status::RevealRequired(r) => { let answer = run.reveals.reveal(&r).unwrap(); machine.set_reveal(&answer).map_err(|e| e.to_string())?; }
            Status::InputRequired => {
                if level >= levels.len() { return Err("no more".into()); }
                let place = InputPlace { level: levels[level].level, counter: index as u64 };
                machine.set_input(place, &levels[level].messages[index]).map_err(|e| e.to_string())?;
                index += 1;
                if index == levels[level].messages.len() { level += 1; index = 0; }
            }
        }
    }
}

#[test]
fn all() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/expected"));
    let only = std::env::var("ONLY").ok();
    let proofs = std::env::var("PROOFS").is_ok();
    let mut files: Vec<_> = std::fs::read_dir(root).unwrap().chain(std::fs::read_dir(root.join("invalid")).unwrap()).map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "jsonl") && !p.ends_with("opcodes.jsonl")).collect();
    files.sort();
    let (mut ok, mut bad, mut states, mut sizes) = (0, 0, 0, 0);
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|o| *o != name) { continue; }
        match std::panic::catch_unwind(|| run_one(&file, proofs)) {
            Ok(Ok((n, s))) => { ok += 1; states += n; sizes += s; }
            Ok(Err(e)) => { bad += 1; println!("BAD {name}: {}", e.chars().take(500).collect::<String>()); }
            Err(_) => { bad += 1; println!("PANIC {name}"); }
        }
    }
    println!("{ok} ok {bad} bad, {states} states {sizes} sizes");
}
