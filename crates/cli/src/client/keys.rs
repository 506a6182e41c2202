//! Commands on the keys of the wallet.

use super::{Request, mnemonic, print};
use crate::UsageError;
use crate::phrase::Parameters;
use crate::wallet::{Known, SecretLocator, ask_secret, public_key_of};
use anyhow::{Result, anyhow, bail};
use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;
use soru_base::keys::Curve;
use soru_base::{PublicKeyHash, SecretKey};

/// A command on keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    GenKeys,
    EncryptSecretKey,
    ImportSecretKey,
    ImportPublicKey,
    ImportMnemonic,
    ImportBootstrapKeys,
    ListAddresses,
    ListSchemes,
    ShowAddress,
    AddAddress,
    ForgetAddress,
    ForgetAllKeys,
}

super::grammar::phrases! { Keys:
    GenKeys: "gen keys <name>", "Make a key pair and remember it under a name", &["sig", "encrypted", "unencrypted", "force"];
    EncryptSecretKey: "encrypt secret key", "Put an unencrypted key, which is asked for, under a password, and show it", &[];
    ImportSecretKey: "import secret key <name> <uri>",
        "Remember a secret key, written unencrypted:KEY or encrypted:KEY", &["force"];
    ImportPublicKey: "import public key <name> <uri>", "Remember a public key, written unencrypted:KEY", &["force"];
    ImportMnemonic: "import keys from mnemonic <name>",
        "Remember the key of a BIP39 mnemonic, which is asked for, and of its passphrase", &["force", "encrypted"];
    ImportBootstrapKeys: "import bootstrap keys", "Remember the well-known keys of the sandbox, bootstrap1 to bootstrap5", &[];
    ListAddresses: "list known addresses", "List the accounts of the wallet, and which keys are known", &[];
    ListSchemes: "list signing schemes", "List how secret keys can be kept", &[];
    ShowAddress: "show address <name>", "Show the address and the public key of an account", &["show-secret"];
    AddAddress: "add address <name> <address>", "Give an account a name", &["force"];
    ForgetAddress: "forget address <name>", "Forget an account and, with --force, its keys", &["force"];
    ForgetAllKeys: "forget all keys", "Forget all accounts and their keys, with --force only", &["force"];
}

pub(super) fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let wallet = &request.wallet;
    let force = request.options.force;
    let name = parameters.get("name");
    match command {
        Command::GenKeys => {
            if !force {
                wallet.check_fresh(name)?;
            }
            let hash = keep(request, name, generate(&request.options.sig)?)?;
            print(format_args!("Generated {name}: {hash}"))
        }
        Command::EncryptSecretKey => {
            let locator: SecretLocator = ask_secret("Enter unencrypted secret key: ")?.parse()?;
            let SecretLocator::Unencrypted(key) = locator else {
                bail!("this key is encrypted already");
            };
            print(format_args!("Encrypted secret key {}", wallet.seal(&key)?.reveal().as_str()))
        }
        Command::ImportSecretKey => {
            if !force {
                wallet.check_fresh(name)?;
            }
            let locator: SecretLocator = parameters.get("uri").parse()?;
            let key = wallet.unlock(name, &locator)?;
            let hash = wallet.add_key(name, &locator, &key.public_key(), force)?;
            print(format_args!("Tezos address added: {hash}"))
        }
        Command::ImportPublicKey => {
            let key = public_key_of(parameters.get("uri"))
                .map_err(|error| anyhow!("the public key (edpk…, sppk…, p2pk…, BLpk…): {error}"))?;
            let hash = wallet.add_public_key(name, &key, force)?;
            print(format_args!("Tezos address added: {hash}"))
        }
        Command::ImportMnemonic => {
            if !force {
                wallet.check_fresh(name)?;
            }
            let hash = keep(request, name, mnemonic::ask_for_key()?)?;
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
                let known = match account.known {
                    Known::Address => String::new(),
                    Known::PublicKey => " (pk known)".to_owned(),
                    Known::SecretKey(scheme) => format!(" ({scheme} sk known)"),
                };
                print(format_args!("{}: {}{known}", account.name, account.hash))?;
            }
            Ok(())
        }
        Command::ListSchemes => list_schemes(),
        Command::ShowAddress => show(request, name),
        Command::AddAddress => {
            wallet.add_account(name, &parameters.get("address").parse::<PublicKeyHash>()?, force)
        }
        Command::ForgetAddress => wallet.forget_keys(name, force),
        Command::ForgetAllKeys => {
            if !force {
                return Err(
                    UsageError("this forgets all keys for ever: add --force to do it".to_owned()).into()
                );
            }
            wallet.forget_all_keys()
        }
    }
}

fn list_schemes() -> Result<()> {
    print("Scheme `encrypted`: keys in the wallet, each under a password.")?;
    print("  encrypted:KEY, where KEY is edesk…, spesk…, p2esk… or BLesk…")?;
    print("Scheme `unencrypted`: keys in the wallet, for everybody who reads it.")?;
    print("  unencrypted:KEY, where KEY is edsk…, spsk…, p2sk… or BLsk…")
}

fn show(request: &Request, name: &str) -> Result<()> {
    let hash = request.wallet.account(name)?;
    print(format_args!("Hash: {hash}"))?;
    if let Some(key) = request.wallet.public_key(&hash)? {
        print(format_args!("Public Key: {key}"))?;
    }
    if request.options.show_secret
        && let Some((_, locator)) = request.wallet.secret_locator(&hash)?
    {
        print(format_args!("Secret Key: {}", locator.reveal().as_str()))?;
    }
    Ok(())
}

/// Puts a new key into the wallet, under a password if that is asked for.
fn keep(request: &Request, name: &str, key: SecretKey) -> Result<PublicKeyHash> {
    let options = &request.options;
    let locator = match options.encrypted {
        true => request.wallet.seal(&key)?,
        false => SecretLocator::Unencrypted(key.clone()),
    };
    request.wallet.add_key(name, &locator, &key.public_key(), options.force)
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
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|e| anyhow!("the system has no randomness: {e}"))?;
    Ok(SecretKey::from_seed(curve, &seed)?)
}
