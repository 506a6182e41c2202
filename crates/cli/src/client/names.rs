//! Commands on the names of contracts, smart rollups and scripts.

use super::{Request, print};
use crate::UsageError;
use crate::phrase::Parameters;
use crate::wallet::{CONTRACTS, ROLLUPS, SCRIPTS};
use anyhow::{Context, Result};
use soru_base::{ContractHash, RollupAddress};
use soru_michelson::Micheline;

/// A command on names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    RememberContract,
    ForgetContract,
    ForgetAllContracts,
    ListContracts,
    ShowContract,
    RememberRollup,
    ForgetRollup,
    ForgetAllRollups,
    ListRollups,
    ShowRollup,
    RememberScript,
    ForgetScript,
    ListScripts,
    ShowScript,
}

super::grammar::phrases! { Names:
    RememberContract: "remember contract <name> <contract>", "Give a contract a name", &["force"];
    ForgetContract: "forget contract <name>", "Forget the name of a contract", &[];
    ForgetAllContracts: "forget all contracts", "Forget the names of all contracts, with --force only", &["force"];
    ListContracts: "list known contracts", "List the contracts of the wallet, and its accounts", &[];
    ShowContract: "show known contract <name>", "Show the address of a contract", &[];
    RememberRollup: "remember smart rollup <name> <rollup>", "Give a smart rollup a name", &["force"];
    ForgetRollup: "forget smart rollup <name>", "Forget the name of a smart rollup", &[];
    ForgetAllRollups: "forget all smart rollups", "Forget the names of all smart rollups, with --force only", &["force"];
    ListRollups: "list known smart rollups", "List the smart rollups of the wallet", &[];
    ShowRollup: "show known smart rollup <name>", "Show the address of a smart rollup", &[];
    RememberScript: "remember script <name> <script>", "Give a script of Michelson a name", &["force"];
    ForgetScript: "forget script <name>", "Forget a script", &[];
    ListScripts: "list known scripts", "List the scripts of the wallet", &[];
    ShowScript: "show known script <name>", "Show a script", &[];
}

pub(super) fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let wallet = &request.wallet;
    let force = request.options.force;
    let name = parameters.get("name");
    let forced = |what: &str| match force {
        true => Ok(()),
        false => Err(UsageError(format!("this forgets all {what}: add --force to do it"))),
    };
    match command {
        Command::RememberContract => {
            wallet.add_contract(name, &parameters.get("contract").parse::<ContractHash>()?, force)
        }
        Command::ForgetContract => wallet.forget(CONTRACTS, name),
        Command::ForgetAllContracts => {
            forced("contracts")?;
            wallet.forget_all(CONTRACTS)
        }
        Command::ListContracts => {
            let contracts = wallet.all(CONTRACTS)?;
            list(&contracts)?;
            for account in wallet.accounts()? {
                // A contract of the same name comes first.
                let key = if contracts.iter().any(|(name, _)| *name == account.name) { "key:" } else { "" };
                print(format_args!("{key}{}: {}", account.name, account.hash))?;
            }
            Ok(())
        }
        Command::ShowContract => print(wallet.contract(name)?),
        Command::RememberRollup => {
            let word = parameters.get("rollup");
            word.parse::<RollupAddress>()?;
            wallet.add_rollup(name, word.to_owned(), force)
        }
        Command::ForgetRollup => wallet.forget(ROLLUPS, name),
        Command::ForgetAllRollups => {
            forced("smart rollups")?;
            wallet.forget_all(ROLLUPS)
        }
        Command::ListRollups => list(&wallet.all(ROLLUPS)?),
        Command::ShowRollup => print(wallet.text(ROLLUPS, name)?),
        Command::RememberScript => {
            let text = wallet.script_text(parameters.get("script"))?;
            Micheline::parse_script(&text).context("this is no Michelson script")?;
            wallet.add_script(name, &text, force)
        }
        Command::ForgetScript => wallet.forget(SCRIPTS, name),
        Command::ListScripts => {
            for (name, _) in wallet.all(SCRIPTS)? {
                print(name)?;
            }
            Ok(())
        }
        Command::ShowScript => print(wallet.text(SCRIPTS, name)?.trim_end()),
    }
}

fn list(names: &[(String, String)]) -> Result<()> {
    for (name, value) in names {
        print(format_args!("{name}: {value}"))?;
    }
    Ok(())
}
