//! Commands on the wallet alone.

use super::grammar::Command;
use super::{Request, print};
use crate::UsageError;
use crate::phrase::Parameters;
use anyhow::{Result, anyhow, bail};
use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;
use soru_base::keys::Curve;
use soru_base::{ContractHash, PublicKeyHash, RollupAddress, SecretKey};

pub(super) fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let wallet = &request.wallet;
    let force = request.options.force;
    let name = parameters.get("name");
    match command {
        Command::GenKeys => {
            let hash = wallet.add_secret_key(name, &generate(&request.options.sig)?, force)?;
            print(format_args!("Generated {name}: {hash}"))
        }
        Command::ImportSecretKey => {
            let uri = parameters.get("uri");
            // The errors leave the word out: it may be a secret.
            let Some(key) = uri.strip_prefix("unencrypted:").or((!uri.contains(':')).then_some(uri)) else {
                bail!("secret keys of that scheme are not supported: only unencrypted:KEY");
            };
            let key: SecretKey =
                key.parse().map_err(|_| anyhow!("this is no secret key (edsk…, spsk…, p2sk…, BLsk…)"))?;
            let hash = wallet.add_secret_key(name, &key, force)?;
            print(format_args!("Tezos address added: {hash}"))
        }
        Command::ImportBootstrapKeys => {
            for account in &BOOTSTRAP_ACCOUNTS {
                wallet.add_secret_key(account.alias, &account.sk(), true)?;
                print(format_args!("{}: {}", account.alias, account.public_key_hash))?;
            }
            Ok(())
        }
        Command::ListAddresses => {
            for account in wallet.accounts()? {
                let known = if account.has_secret { " (unencrypted sk known)" } else { "" };
                print(format_args!("{}: {}{known}", account.name, account.hash))?;
            }
            Ok(())
        }
        Command::ListContracts => list(wallet.contracts()?),
        Command::ListRollupNames => list(wallet.rollups()?),
        Command::ShowAddress => show(request, name),
        Command::AddAddress => {
            wallet.add_account(name, &parameters.get("address").parse::<PublicKeyHash>()?, force)
        }
        Command::RememberContract => {
            wallet.add_contract(name, &parameters.get("contract").parse::<ContractHash>()?, force)
        }
        Command::RememberRollup => {
            let word = parameters.get("rollup");
            word.parse::<RollupAddress>()?;
            wallet.add_rollup(name, word.to_owned(), force)
        }
        Command::Forget => {
            if !force {
                return Err(UsageError(format!(
                    "this forgets the keys of `{name}` for ever: add --force to do it"
                ))
                .into());
            }
            wallet.forget(name)
        }
        other => unreachable!("{other:?} is no command on the wallet"),
    }
}

fn list(names: Vec<(String, String)>) -> Result<()> {
    for (name, value) in names {
        print(format_args!("{name}: {value}"))?;
    }
    Ok(())
}

fn show(request: &Request, name: &str) -> Result<()> {
    let hash = request.wallet.account(name)?;
    print(format_args!("Hash: {hash}"))?;
    if let Some(key) = request.wallet.public_key(&hash) {
        print(format_args!("Public Key: {key}"))?;
    }
    if request.options.show_secret {
        print(format_args!(
            "Secret Key: unencrypted:{}",
            request.wallet.secret_key(&hash)?.reveal().as_str()
        ))?;
    }
    Ok(())
}

/// A new key from the system's randomness.
fn generate(curve: &str) -> Result<SecretKey> {
    let curve = match curve {
        "ed25519" => Curve::Ed25519,
        "secp256k1" => Curve::Secp256k1,
        "p256" => Curve::P256,
        "bls" => Curve::Bls,
        other => {
            return Err(UsageError(format!("--sig {other}: expected ed25519, secp256k1, p256 or bls")).into());
        }
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| anyhow!("the system has no randomness: {e}"))?;
    Ok(SecretKey::from_seed(curve, &seed)?)
}
