//! Stacks: unit tests of Michelson, which say what becomes of one, and stacks in another form.

use super::scripts::named;
use super::state::{micheline, post};
use super::{Request, print};
use crate::UsageError;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use soru_l1::Client;
use soru_michelson::text::{Shape, Syntax};
use soru_michelson::tzt::{self, Test, Verdict};
use soru_michelson::{Micheline, Source};

/// `run unit tests from`: the tests run here, no layer-1 is asked.
pub(super) fn run_unit_tests(request: &Request, words: &[String]) -> Result<()> {
    let (mut literals, mut failed) = (0, Vec::new());
    for word in words {
        let name = named(word, &mut literals);
        let text = request.wallet.script_text(word)?;
        match Test::parse(&text).map_or_else(|error| Verdict::Failed(error.to_string()), tzt::run) {
            Verdict::Passed => {}
            Verdict::Refused(what) => failed.push((name, format!("{what} is not supported"))),
            Verdict::Failed(why) => failed.push((name, why)),
        }
    }
    for (name, why) in &failed {
        print(format_args!("{name}:\n{why}"))?;
    }
    let (failures, total) = (failed.len(), words.len());
    print(format_args!("Test results: Passed:{} Failed:{failures} Total:{total}", total - failures))?;
    if failures > 0 {
        bail!("Some tests have failed");
    }
    print("All tests have passed")
}

/// `normalize stack`.
pub(super) async fn normalize(request: &Request, client: &Client, stack: &str) -> Result<()> {
    let scripts = &request.options.scripts;
    let input = items(stack)?.into_iter().map(|(ty, data)| {
        let family = client.family();
        use soru_base::Json as _;
        json!({ "type": ty.to_json(family), "val": data.to_json(family) })
    });
    let body = json!({
        "input": input.collect::<Vec<_>>(), "unparsing_mode": scripts.unparsing_mode, "legacy": scripts.legacy,
    });
    let answer = post(client, &request.path("/helpers/scripts/normalize_stack"), &body).await;
    let answer = answer.context("ill-typed stack")?;
    let items = answer["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    let items = items
        .iter()
        .map(|item: &Value| Ok(element(&micheline(&item["type"])?, &micheline(&item["val"])?)))
        .collect::<Result<Vec<_>>>()?;
    print(written(&items))
}

/// The types and values of `{ Stack_elt TYPE VALUE; … }`.
fn items(text: &str) -> Result<Vec<(Micheline, Micheline)>> {
    let malformed = || UsageError(format!("`{text}` is no stack: expected {{ Stack_elt TYPE VALUE; … }}"));
    let mut all =
        Syntax::script(text).map_err(|error| UsageError(format!("`{text}` is no stack: {error}")))?;
    // A list that stands alone may or may not be unwrapped by the reader of scripts.
    if let [only] = all.children()
        && matches!(only.shape, Shape::Seq(_))
    {
        all = all.take_children().remove(0);
    }
    let mut items = Vec::new();
    for mut item in all.take_children() {
        match &item.shape {
            Shape::Prim { name, annots, .. } if name == "Stack_elt" && annots.is_empty() => {}
            _ => return Err(malformed().into()),
        }
        let parts: [Syntax; 2] = item.take_children().try_into().map_err(|_| malformed())?;
        let [ty, data] = parts.map(Source::from_syntax);
        items.push((ty?.node, data?.node));
    }
    Ok(items)
}

fn element(ty: &Micheline, data: &Micheline) -> String {
    let enclosed = |node: &Micheline| match node {
        Micheline::Prim(_, args, annots) if !args.is_empty() || !annots.is_empty() => format!("({node})"),
        other => other.to_string(),
    };
    format!("Stack_elt {} {}", enclosed(ty), enclosed(data))
}

/// In one line if there is place.
fn written(items: &[String]) -> String {
    const WIDTH: usize = 80;
    if items.is_empty() {
        return "{}".to_owned();
    }
    let line = format!("{{ {} }}", items.join(" ; "));
    if line.chars().count() <= WIDTH { line } else { format!("{{ {} }}", items.join(" ;\n  ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_read_and_written() {
        for text in ["{}", "{ Stack_elt int 1 ; Stack_elt (pair nat string) (Pair 1 \"x\") }"] {
            let read: Vec<String> = items(text).unwrap().iter().map(|(ty, data)| element(ty, data)).collect();
            assert_eq!(written(&read), text);
        }
        for wrong in ["{ int 1 }", "{ Stack_elt int }", "{ Stack_elt int 1 2 }", "3", "{"] {
            assert!(items(wrong).is_err(), "{wrong}");
        }
        let long = vec!["Stack_elt (pair nat nat nat nat) (Pair 0 3 6 9)".to_owned(); 2];
        assert_eq!(written(&long), format!("{{ {} ;\n  {} }}", long[0], long[1]));
    }
}
