//! A profile as files.

use crate::folded::Folded;
use crate::graph::{GraphError, svg};
use crate::number::{number, several};
use crate::text::Rows;
use crate::together::Profile;

/// A file of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Profile {
    /// `profile.txt` with all functions, `profile.json`, and stacks of all runs as `all.svg` and `all.folded`; of each run, too, if there
    /// are several, as `level-3-run-0.svg` and so on. No files without runs.
    pub fn files(&self) -> Result<Vec<ProfileFile>, GraphError> {
        if self.runs.is_empty() {
            return Ok(Vec::new());
        }
        let text = self.lines(Rows(usize::MAX)).join("\n") + "\n";
        let json = format!("{:#}\n", self.to_json());
        let mut files = vec![
            ProfileFile { name: "profile.txt".to_owned(), text },
            ProfileFile { name: "profile.json".to_owned(), text: json },
        ];
        let mut all = Folded::default();
        for run in &self.runs {
            let folded = run.folded();
            all.add_all(&folded);
            if self.runs.len() > 1 {
                let level = run.level.map(|level| format!("level-{level}-")).unwrap_or_default();
                let title = format!("{}: {} ticks", run.title(), number(run.ticks.0));
                pictures(&mut files, &format!("{level}run-{}", run.number), &folded, &title)?;
            }
        }
        let runs = several(self.runs.len() as u64, "run", "runs");
        pictures(&mut files, "all", &all, &format!("{runs}: {} ticks", number(all.ticks())))?;
        Ok(files)
    }
}

fn pictures(
    files: &mut Vec<ProfileFile>,
    name: &str,
    stacks: &Folded,
    title: &str,
) -> Result<(), GraphError> {
    files.push(ProfileFile { name: format!("{name}.svg"), text: svg(stacks, title)? });
    files.push(ProfileFile { name: format!("{name}.folded"), text: stacks.to_string() });
    Ok(())
}
