//! Messages of the outbox, executed on the layer-1.

use super::{Layer1, RollupNode, finish, soru, until};
use serde_json::Value;

impl Layer1 {
    /// Bakes, and the node follows, until the first message in the outbox of a level can be executed; bootstrap5 executes it. Returns the receipt.
    pub(crate) fn execute_first_message(&self, node: &mut RollupNode, rollup: &str, level: u32) -> String {
        let level = level.to_string();
        let found = until("a proof for the outbox message", || {
            self.bake_and_follow(node);
            let mut command = soru();
            command.args(["rollup-client", "--endpoint", &node.rpc.url]);
            command.args(["get", "proof", "for", "message", "0", "of", "outbox", "at", "level", &level]);
            let finished = finish(command);
            (finished.code == 0).then_some(finished.out)
        });
        let proof: Value = serde_json::from_str(&found).expect("JSON");
        let [hash, proof] = ["commitment", "proof"].map(|name| proof[name].as_str().expect("a string"));
        let text = format!(
            "--wait none --burn-cap 1 execute outbox message of smart rollup {rollup} from bootstrap5 \
             for commitment hash {hash} and output proof {proof}"
        );
        // A proof is there when its commitment is published; it counts when that is cemented.
        until("the outbox message is executed", || {
            self.bake_and_follow(node);
            let sent = self.client(&text.split(' ').collect::<Vec<_>>());
            (sent.code == 0).then_some(())?;
            let contents = self.contents(self.bake(1));
            let executed = contents.iter().find(|c| c["kind"] == "smart_rollup_execute_outbox_message")?;
            let result = &executed["metadata"]["operation_result"];
            assert_eq!(result["status"], "applied", "{result}");
            Some(executed.to_string())
        })
    }

    fn bake_and_follow(&self, node: &mut RollupNode) {
        let level = self.bake(1);
        node.until_at(self, level);
    }
}
