//! Commands that write scripts and data in another form. They ask nobody.

use super::signing::bytes;
use super::{Request, print};
use crate::UsageError;
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use soru_base::Binary;
use soru_base::json_text;
use soru_michelson::values::Reading;
use soru_michelson::{Gas, MAX_DEPTH, Micheline, Script, Type, Value as MichelsonValue};

/// A command on forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Script,
    Data,
    HashScript,
    Unpack,
    ExpandMacros,
}

super::grammar::phrases! { Convert:
    Script: "convert script <script> from <input> to <output>",
        "Write a script in another form: michelson, json or binary; the types of Michelson are checked", &["legacy"];
    Data: "convert data <data> from <input> to <output>", "Write data in another form: michelson, json or binary", &["type"];
    HashScript: "hash script <scripts...>", "Show the hashes of scripts", &["display-names"];
    Unpack: "unpack michelson data <bytes>", "Show packed data in Michelson", &[];
    ExpandMacros: "expand macros in <script>", "Show a script without macros", &["no-print-source"];
}

pub(super) fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let forms = || -> Result<(Form, Form)> {
        Ok((Form::named(parameters.get("input"))?, Form::named(parameters.get("output"))?))
    };
    match command {
        Command::Script => {
            let (from, to) = forms()?;
            let text = request.wallet.script_text(parameters.get("script"))?;
            let script = from.read(&text, true)?;
            if from == Form::Michelson {
                Script::typecheck(&script, &mut Gas::unlimited()).context("the script is ill-typed")?;
            }
            print(to.write(&script))
        }
        Command::Data => {
            let (from, to) = forms()?;
            let data = from.read(&super::word_or_file(parameters.get("data"))?, false)?;
            if let Some(ty) = &request.options.scripts.data_type {
                check_type(&data, ty)?;
            }
            print(to.write(&data))
        }
        Command::HashScript => {
            for (number, word) in parameters.rest("scripts").iter().enumerate() {
                let script = super::scripts::script(request, word)?;
                let hash = script.expr_hash();
                match request.options.scripts.display_names {
                    true if std::path::Path::new(word).exists() => print(format_args!("{hash}\t{word}"))?,
                    true => print(format_args!("{hash}\tLiteral script {}", number + 1))?,
                    false => print(hash)?,
                }
            }
            Ok(())
        }
        Command::Unpack => {
            let bytes = bytes(parameters.get("bytes"))?;
            if bytes.first() != Some(&5) {
                bail!("not a piece of packed Michelson data: it must start with 0x05");
            }
            print(Micheline::unpack(&bytes).context("the bytes are no packed Michelson data")?.to_pretty())
        }
        Command::ExpandMacros => {
            let script = super::scripts::script(request, parameters.get("script"))?;
            print(script.to_script_text().trim_end())
        }
    }
}

fn check_type(data: &Micheline, ty: &str) -> Result<()> {
    let ty = super::contracts::michelson(ty, "--type")?;
    let ty = Type::parse(&ty).map_err(|error| anyhow!("--type: {error}"))?;
    let mut gas = Gas::unlimited();
    let read = MichelsonValue::parse(data, &ty, &mut Reading::literal(&mut gas));
    read.map(|_| ()).map_err(|error| anyhow!("the data do not have the type of --type: {error}"))
}

/// How an expression is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Michelson,
    Json,
    Binary,
}

impl Form {
    fn named(word: &str) -> Result<Self> {
        match word {
            "michelson" => Ok(Self::Michelson),
            "json" => Ok(Self::Json),
            "binary" => Ok(Self::Binary),
            "ocaml" => {
                Err(UsageError("the form `ocaml` is not supported: michelson, json or binary".to_owned())
                    .into())
            }
            other => {
                Err(UsageError(format!("unknown form `{other}`: expected michelson, json or binary")).into())
            }
        }
    }

    fn read(self, text: &str, is_script: bool) -> Result<Micheline> {
        match self {
            Self::Michelson if is_script => {
                Micheline::parse_script(text).context("this is no Michelson script")
            }
            Self::Michelson => Micheline::parse(text).context("this is no Michelson"),
            Self::Json => {
                let value: Value =
                    json_text::parse(text.as_bytes(), 4 * MAX_DEPTH).context("this is no JSON")?;
                Ok(Micheline::from_json_value(&value)?)
            }
            Self::Binary => Ok(Micheline::from_bytes(&bytes(text.trim())?)?),
        }
    }

    fn write(self, expression: &Micheline) -> String {
        match self {
            Self::Michelson => expression.to_pretty(),
            Self::Json => expression.to_json_value().to_string(),
            Self::Binary => format!("0x{}", hex::encode(expression.to_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_leads_to_every_other() {
        let expression = Form::Michelson.read("Pair 1 (Some \"x\")", false).unwrap();
        for form in [Form::Michelson, Form::Json, Form::Binary] {
            assert_eq!(form.read(&form.write(&expression), false).unwrap(), expression, "{form:?}");
        }
        assert_eq!(Form::Binary.write(&expression), "0x0707000105090100000001 78".replace(' ', ""));
        assert!(Form::named("ocaml").unwrap_err().to_string().contains("not supported"));
        assert!(Form::Binary.read("0707", false).unwrap_err().to_string().contains("behind 0x"));
        assert!(Form::Json.read("[1]", false).is_err());
    }
}
