//! The ticks of each call of `kernel_run`.

use super::RunOptions;
use super::kernel::{first_level, levels, limits, metadata, pages, read_inputs, read_kernel};
use super::progress::Progress;
use anyhow::{Result, bail};
use soru_base::{ContextHash, Level, Profile};
use soru_pvm::Version;
use soru_pvm::replay::{End, Outside, Setup, Tracer};
use soru_pvm::reveal::RollupReveals;

/// A call of `kernel_run`.
pub(crate) struct RunTicks {
    /// The level.
    pub(crate) level: Level,
    /// From the one in which the machine begins to read the kernel to the one in which the call is over.
    pub(crate) ticks: u64,
    /// How it ended.
    pub(crate) end: &'static str,
}

impl RunTicks {
    /// Goes through a run tick by tick; the hash of its last state is what an engine must come to as well.
    pub(crate) fn count(options: &RunOptions) -> Result<(Vec<Self>, ContextHash)> {
        let profile = Profile::named(options.profile);
        let kernel = read_kernel(&options.kernel)?;
        let inboxes = read_inputs(&options.inputs, &profile, options.rollup)?;
        let levels = levels(first_level(options.first_level)?, inboxes)?;
        let setup = Setup {
            version: Version::V0,
            limits: limits(&profile),
            max_reboots: None,
            values: options.config.values()?,
        };
        let mut pages = pages(options.preimage_dir.as_deref());
        let mut reveals = RollupReveals { metadata: metadata(options.rollup), preimages: &mut pages };

        let progress = Progress::new(None);
        let mut watch = |tick| progress.at(tick);
        // What the kernel says for debugging is shown once, by the other engine.
        let mut nothing = ();
        let outside = Outside { reveals: &mut reveals, debug: &mut nothing, watch: &mut watch };
        let mut tracer = Tracer::begin(setup, &kernel, &levels, outside)?;
        let mut runs = Vec::new();
        let mut begun = None;
        let mut trapped = false;
        loop {
            if let Some(end) = tracer.go_to_change(soru_base::tick::Tick(u64::MAX))? {
                progress.finish(tracer.tick());
                return match end {
                    End::NoMessage => Ok((runs, tracer.tree()?.hash()?)),
                    end @ End::NoAnswer { .. } => bail!("tick {}: {end}", tracer.tick().0),
                };
            }
            let now = tracer.tick().0;
            let machine = tracer.machine();
            trapped |= machine.trap().is_some();
            let end = match machine.tick_state.name() {
                "Snapshot" => {
                    begun = Some(now);
                    continue;
                }
                "Padding" if trapped => "trapped",
                "Padding" => "returned",
                "Stuck" => "stuck for ever",
                _ => continue,
            };
            if let (Some(begun), Some(place)) = (begun.take(), machine.last_input) {
                runs.push(Self { level: place.level, ticks: now - begun, end });
                trapped = false;
            }
        }
    }
}
