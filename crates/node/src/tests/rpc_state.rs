use super::rpc::{Running, running, start};
use super::*;
use crate::node::Node;
use crate::rpc::WRITE_ROUTES;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

type Lines = tokio::io::Lines<BufReader<TcpStream>>;

impl Running {
    async fn ask(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The body of an answer that goes on.
    async fn lines(&self, path: &str) -> Lines {
        let stream = self.ask(&format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")).await;
        let mut lines = BufReader::new(stream).lines();
        while !lines.next_line().await.unwrap().unwrap().is_empty() {}
        lines
    }
}

async fn next(lines: &mut Lines) -> Value {
    let line = lines.next_line().await.unwrap().unwrap();
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

#[tokio::test]
async fn a_state_is_read_at_any_path() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(6);
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    assert_eq!(node.value("/global/block/head/state?key=kernel").await, json!(hex::encode("kernel")));
    let fold = node.value("/global/block/5/state?key=levels/5").await;
    assert_eq!(fold, node.value("/global/block/head/state?key=levels/5").await);
    assert_eq!(node.value("/global/block/5/state?key=fold").await, fold);
    assert_eq!(node.value("/global/block/5/state_current_level").await, json!(5));
    assert_eq!(node.value("/global/block/3/state_current_level").await, Value::Null);
    for query in ["?key=levels", "?key=levels/99", "?key=", "?key=/kernel", ""] {
        let (status, body) = node.get(&format!("/global/block/head/state{query}")).await;
        assert_eq!((status, &body[0]["id"]), (404, &json!("soru.node.not_found")), "{query}");
    }
    let long = ["a"; 65].join("/");
    assert_eq!(node.get(&format!("/global/block/head/state?key={long}")).await.0, 400);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn a_block_s_way_from_uncommitted_to_cemented() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(2);
    let node = start(&layer1, dir.path(), Mode::Operator).await;
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..100 {
        node.settled(&layer1).await;
        let told = node.value("/global/block/4/committed_status").await;
        let (kind, told) = told.as_object().unwrap().iter().next().unwrap();
        if seen.last() != Some(kind) {
            seen.push(kind.clone());
        }
        if kind != "uncommitted" {
            assert_eq!(told["first_published_level"], told["published_level"]);
        }
        if kind == "cemented" {
            break;
        }
        layer1.bake(1);
    }
    assert_eq!(seen, ["uncommitted", "committed", "cemented"]);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn blocks_are_told_as_they_come_each_once() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(3);
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    let first = layer1.head_level();
    let mut heads = node.lines("/global/monitor_blocks").await;
    let mut finalized = node.lines("/global/monitor_finalized_blocks").await;
    assert_eq!(next(&mut heads).await["level"], json!(first));
    assert_eq!(next(&mut finalized).await["level"], json!(first - 2));
    layer1.bake(4);
    for n in 1..=4 {
        assert_eq!(next(&mut heads).await["level"], json!(first + n));
        assert_eq!(next(&mut finalized).await["level"], json!(first - 2 + n));
    }
    let shown = node.value("/global/block/head").await;
    layer1.bake(1);
    let told = next(&mut heads).await;
    assert_eq!(told["predecessor"], shown["block_hash"]);
    assert!(told.get("messages").is_none() && told["inbox_hash"].is_string());
    node.stop().await.unwrap();
}

#[tokio::test]
async fn a_simulation_tells_and_stores_nothing() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(2);
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    let before = node.value("/global/block/head").await;
    let asked = json!({
        "messages": [hex::encode(b"\x01out of it")],
        "insight_requests": [
            {"kind": "pvm_state", "key": ["fold"]},
            {"kind": "durable_storage", "key": ["kernel"]},
            {"kind": "durable_storage", "key": ["nothing"]},
        ],
    });
    let path = "/global/block/head/simulate";
    let (status, told) = node.post(path, &asked).await;
    assert_eq!(status, 200, "{told}");
    let level = layer1.head_level() + 1;
    assert_eq!((&told["inbox_level"], &told["num_ticks"]), (&json!(level), &json!("3")));
    assert_eq!(told["output"][0]["message_index"], json!("0"));
    assert_eq!(told["output"][0]["message"]["bytes"], json!(hex::encode(b"out of it")));
    assert_eq!(told["insights"][1], json!(hex::encode(b"kernel")));
    assert_eq!(told["insights"][2], Value::Null);
    assert_eq!(node.value("/global/block/head").await, before);
    let (_, again) = node.post(path, &json!({"messages": []})).await;
    assert!(again.get("insights").is_none());
    assert_ne!(again["state_hash"], told["state_hash"]);
    // What it comes to is what the level comes to.
    layer1.send(b"out of it");
    layer1.bake(1);
    node.synchronized(&layer1).await;
    let block = node.value("/global/block/head").await;
    let all = block["messages"].as_array().unwrap();
    // The protocol's own are added by the node.
    let own = &all[1..all.len() - 1];
    let path = format!("/global/block/{}/simulate", level - 1);
    let (_, told) = node.post(&path, &json!({"messages": own})).await;
    assert_eq!(block["state_hash"], told["state_hash"], "{block}");
    node.stop().await.unwrap();
}

#[tokio::test]
async fn what_kernels_write_in_simulations_stays_in_its_folder() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    for allowed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), Mode::Observer);
        config.options.log_kernel_debug = allowed;
        let node = running(Node::start(config, layer1.clone(), FakeMachine::default()).await.unwrap());
        node.synchronized(&layer1).await;
        let ask = async |name: &str| {
            let asked = json!({"messages": [], "log_kernel_debug_file": name});
            node.post("/global/block/head/simulate", &asked).await.0
        };
        for name in ["", "../out", "a/b", ".hidden", "/etc/passwd", "a\\b", &"x".repeat(101)] {
            assert_eq!(ask(name).await, 400, "{name}");
        }
        assert_eq!(ask("run-1.log").await, if allowed { 200 } else { 400 });
        assert_eq!(dir.path().join("simulation_kernel_logs/run-1.log").exists(), allowed);
        node.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_queue_is_cleared_of_what_waits() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let node = start(&layer1, dir.path(), Mode::Batcher).await;
    for (query, message) in [("?order=3", "03"), ("?order=5", "05"), ("", "ff")] {
        let (status, _) = node.post(&format!("/local/batcher/injection{query}"), &json!([message])).await;
        assert_eq!(status, 200);
    }
    for (query, kept) in [
        ("?order_below=2", &["03", "05", "ff"][..]),
        ("?order_below=3", &["05", "ff"]),
        ("?order_below=0&drop_no_order=true", &["05"]),
        ("", &[]),
    ] {
        let (status, body) = node.request("DELETE", &format!("/admin/batcher/queue{query}"), "", "").await;
        assert_eq!((status, body.as_str()), (200, "{}"), "{query}");
        let queue = node.value("/local/batcher/queue").await;
        let left: Vec<&str> =
            queue.as_array().unwrap().iter().map(|m| m["message"]["content"].as_str().unwrap()).collect();
        assert_eq!(left, kept, "{query}");
    }
    node.stop().await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let node = start(&layer1, other.path(), Mode::Observer).await;
    assert_eq!(node.request("DELETE", "/admin/batcher/queue", "", "").await.0, 500);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn others_write_only_where_it_is_allowed_by_name() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    let requests = [
        ("POST", "/local/batcher/injection", json!(["00"])),
        ("DELETE", "/admin/batcher/queue", Value::Null),
        ("POST", "/global/block/head/simulate", json!({"messages": []})),
    ];
    for allowed in 0..=requests.len() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), Mode::Operator);
        config.options.rpc_addr = "0.0.0.0".parse().unwrap();
        config.options.rpc_allow =
            WRITE_ROUTES.iter().take(allowed).map(|route| (*route).to_owned()).collect();
        let node = running(Node::start(config, layer1.clone(), FakeMachine::default()).await.unwrap());
        node.synchronized(&layer1).await;
        for (n, (verb, path, body)) in requests.iter().enumerate() {
            let (status, answer) = node.request(verb, path, "application/json", &body.to_string()).await;
            assert_eq!(status, if n < allowed { 200 } else { 401 }, "{verb} {path}: {answer}");
        }
        node.stop().await.unwrap();
    }
}

/// A page can have the name of its server mean this machine, but not leave it out.
#[tokio::test]
async fn a_page_that_calls_this_machine_by_another_name_writes_nothing() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(2);
    let node = start(&layer1, dir.path(), Mode::Operator).await;
    node.synchronized(&layer1).await;
    let requests = [
        ("POST /local/batcher/injection", "[\"00\"]"),
        ("DELETE /admin/batcher/queue", ""),
        ("POST /global/block/head/simulate", "{\"messages\":[]}"),
    ];
    for (host, status) in
        [("evil.example:8932", "401"), ("127.0.0.1.evil.example", "401"), ("[::1]:8932", "200")]
    {
        for (request, body) in requests {
            let length = body.len();
            let request = format!(
                "{request} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let mut answer = String::new();
            node.ask(&request).await.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.split(' ').nth(1), Some(status), "{request}: {answer}");
        }
        assert_eq!(node.get("/ping").await.0, 200);
    }
    node.stop().await.unwrap();
}

#[tokio::test]
async fn pages_in_browsers_need_to_be_named() {
    let layer1 = FakeLayer1::new();
    for named in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), Mode::Observer);
        if named {
            config.options.cors.origins = vec!["https://example.org".to_owned()];
        }
        let node = running(Node::start(config, layer1.clone(), FakeMachine::default()).await.unwrap());
        let mut stream =
            node.ask("GET /ping HTTP/1.0\r\nHost: localhost\r\nOrigin: https://example.org\r\n\r\n").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.contains("access-control-allow-origin: https://example.org"), named, "{answer}");
        node.stop().await.unwrap();
    }
}

#[tokio::test]
async fn health_names_the_parts_that_run() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    for (mode, parts) in [
        (Mode::Operator, &["publisher", "batcher", "refutation_coordinator"][..]),
        (Mode::Maintenance, &["publisher", "refutation_coordinator"]),
        (Mode::Accuser, &["publisher", "refutation_coordinator"]),
        (Mode::Batcher, &["batcher"]),
        (Mode::Observer, &[]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let node = start(&layer1, dir.path(), mode).await;
        node.synchronized(&layer1).await;
        let health = node.value("/health").await;
        let expected: Vec<Value> = parts.iter().map(|part| json!([part, "running"])).collect();
        assert_eq!(health["active_workers"], json!(expected), "{mode}");
        assert_eq!(health["l1"]["blocks_late"], json!(0), "{mode}");
        assert_eq!(node.value("/local/synchronized").await, json!("synchronized"), "{mode}");
        node.stop().await.unwrap();
    }
}

#[tokio::test]
async fn every_route_answers_what_is_described() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.send(b"out one");
    layer1.bake(9);
    let node = start(&layer1, dir.path(), Mode::Operator).await;
    node.synchronized(&layer1).await;
    let paths = crate::rpc::description()["paths"].as_object().unwrap().clone();
    let commitment = node.value("/global/last_stored_commitment").await["hash"].as_str().unwrap().to_owned();
    let message = crate::batcher::message_id(None, b"nobody sent this").to_string();
    let mut asked = 0;
    for (path, verbs) in &paths {
        if verbs.get("get").is_none() || path.contains("/monitor_") {
            continue;
        }
        let path = path
            .replace("{block_id}", "head")
            .replace("{level}", "4")
            .replace("{commitment_hash}", &commitment)
            .replace("{l2_message_id}", &message);
        // Whatever the answer is: it is held against the description.
        let (status, _) =
            node.get_text(&format!("{path}?outbox_level=4&index=0&key=/kernel&outbox=true")).await;
        assert!([200, 404, 503].contains(&status), "{path}: {status}");
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
    assert_eq!(node.value("/openapi").await, *crate::rpc::description());
    let (_, help) = node.get_text("/help").await;
    assert!(paths.keys().all(|path| help.contains(path)));
    node.stop().await.unwrap();
}
