use super::*;
use crate::batcher::{Batcher, Inlet, MESSAGE_OVERHEAD, Settings};
use crate::games::turnstile::Turnstile;
use crate::layer1::Header;
use crate::store::{EnqueueError, Place, Room, Wishes};
use proptest::prelude::*;
use soru_base::{BOOTSTRAP_ACCOUNTS, L2MessageId, LevelSpan};
use std::collections::BTreeMap;

/// The fake's own messages have another length.
const LENGTH: usize = 20;

/// A batcher without its loop: tests say when it looks at the layer-1.
struct Post {
    layer1: FakeLayer1,
    store: Store,
    status: StatusCell,
    batcher: Batcher<FakeLayer1>,
}

fn key(n: usize) -> PublicKeyHash {
    BOOTSTRAP_ACCOUNTS[n].pkh()
}

impl Post {
    fn open(layer1: &FakeLayer1, dir: &Path, keys: usize, settings: Settings) -> Self {
        let mut config = config(dir, Mode::Batcher);
        config.operators.set_batchers(&(0..keys).map(key).collect::<Vec<_>>());
        let store = Store::open(dir, ROLLUP).unwrap();
        Self::with(layer1, &config, store, settings, Turnstile::default())
    }

    fn with(
        layer1: &FakeLayer1,
        config: &Config,
        store: Store,
        settings: Settings,
        turnstile: Turnstile,
    ) -> Self {
        let inlet = Inlet { settings, arrived: Arc::default(), picking: Arc::default() };
        let status = StatusCell::default();
        let shared = Arc::new(layer1.clone());
        let batcher = Batcher::new(shared, store.clone(), status.clone(), turnstile, &inlet, config);
        Self { layer1: layer1.clone(), store, status, batcher }
    }

    fn take(&self, contents: &[Vec<u8>], wishes: Wishes) -> Vec<L2MessageId> {
        self.store.enqueue(contents.to_vec(), wishes, Settings::default().room).unwrap()
    }

    async fn act(&mut self) {
        let head = self.layer1.head().await.unwrap();
        self.batcher.act(&head).await.unwrap();
    }

    async fn bake(&mut self) {
        self.layer1.bake(1);
        self.act().await;
    }

    fn batch_of(&self, id: &L2MessageId) -> crate::store::Batch {
        match self.store.queued(id).unwrap().unwrap().place {
            Place::Batch(number) => self.store.batch(number).unwrap().unwrap(),
            Place::Queue | Place::Expired(_) => panic!("{id} is in no batch"),
        }
    }
}

fn text(n: usize) -> Vec<u8> {
    format!("{n:0LENGTH$}").into_bytes()
}

fn texts(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(text).collect()
}

#[tokio::test]
async fn messages_go_into_the_inbox_in_their_order_each_once() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let mut post = Post::open(&layer1, dir.path(), 1, Settings::default());
    post.act().await;
    let ids = post.take(&texts(0..3), Wishes::default());
    post.act().await;
    assert!(layer1.signed().is_empty(), "so few wait for the next block");
    post.bake().await;
    assert_eq!(layer1.signed().len(), 1);
    assert!(post.batch_of(&ids[0]).sent);
    post.bake().await;
    assert_eq!(layer1.contents_of_length(LENGTH), texts(0..3));
    let included = post.batch_of(&ids[2]).included.unwrap();
    assert_eq!(included.level.get(), layer1.head_level());
    // Ten and more do not wait.
    post.take(&texts(3..15), Wishes::default());
    post.act().await;
    assert_eq!(layer1.signed().len(), 1);
    assert_eq!(post.store.queue_size().unwrap(), Default::default());
    post.bake().await;
    post.bake().await;
    assert_eq!(layer1.contents_of_length(LENGTH), texts(0..15));
    assert!(layer1.signed().is_empty());
}

#[tokio::test]
async fn limits_and_keys_say_how_much_goes_into_a_block() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let settings =
        Settings { max_elements: 7, max_size: 5 * (LENGTH + MESSAGE_OVERHEAD), ..Settings::default() };
    let mut post = Post::open(&layer1, dir.path(), 3, settings);
    post.act().await;
    post.take(&texts(0..32), Wishes::default());
    let mut found = Vec::new();
    for _ in 0..5 {
        post.bake().await;
        found.push(layer1.contents_of_length(LENGTH).len());
        assert!(layer1.signed().len() <= 3);
    }
    assert_eq!(found, [0, 15, 30, 32, 32]);
    let mut all = layer1.contents_of_length(LENGTH);
    all.sort();
    assert_eq!(all, texts(0..32));
}

#[tokio::test]
async fn an_order_goes_first_and_duplicates_are_two_unless_they_are_to_be_one() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let mut post = Post::open(&layer1, dir.path(), 1, Settings::default());
    post.act().await;
    let plain = post.take(&[text(1), text(1)], Wishes::default());
    assert_ne!(plain[0], plain[1]);
    let once = Wishes { drop_duplicates: true, ..Wishes::default() };
    let dropped = post.take(&[text(2), text(2)], once);
    assert_eq!(dropped[0], dropped[1]);
    for (n, order) in [(3, 9), (4, 2), (5, 9)] {
        post.take(&[text(n)], Wishes { order: Some(order), ..Wishes::default() });
    }
    let expected = [4, 3, 5, 1, 1, 2].map(text);
    post.bake().await;
    post.bake().await;
    assert_eq!(layer1.contents_of_length(LENGTH), expected);
    // It is not taken again as long as its status is known.
    assert_eq!(post.take(&[text(2)], once), dropped[..1]);
    assert_eq!(post.store.queue_size().unwrap().elements, 0);
    for _ in 0..2_050 {
        layer1.bake(1);
        post.act().await;
    }
    assert!(post.store.queued(&dropped[0]).unwrap().is_none());
    assert_eq!(post.take(&[text(2)], once), dropped[..1]);
    assert_eq!(post.store.queue_size().unwrap().elements, 1);
}

#[tokio::test]
async fn a_full_queue_takes_nothing_of_what_does_not_fit() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let post = Post::open(&layer1, dir.path(), 1, Settings::default());
    let take = |contents: Vec<Vec<u8>>, room| post.store.enqueue(contents, Wishes::default(), room);
    let room = Room { elements: 3, bytes: 1_000 };
    assert_eq!(take(texts(0..2), room).unwrap().len(), 2);
    assert!(matches!(take(texts(2..4), room), Err(EnqueueError::Full { .. })));
    assert!(matches!(take(vec![vec![0; 961]], room), Err(EnqueueError::Full { .. })));
    assert_eq!(take(vec![vec![0; 960]], room).unwrap().len(), 1);
    let size = post.store.queue_size().unwrap();
    assert_eq!((size.elements, size.bytes), (3, 1_000));
}

#[tokio::test]
async fn a_batch_that_the_layer_1_refuses_is_made_smaller() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let mut post = Post::open(&layer1, dir.path(), 1, Settings::default());
    post.act().await;
    layer1.take_at_most(6);
    post.take(&texts(0..20), Wishes::default());
    post.bake().await;
    assert!(post.status.get().all_warnings().is_empty());
    post.bake().await;
    let warnings = post.status.get().all_warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("gas_exhausted"), "{warnings:?}");
    for _ in 0..20 {
        post.bake().await;
    }
    assert_eq!(layer1.contents_of_length(LENGTH), texts(0..20));
    assert!(post.status.get().all_warnings().is_empty());
}

#[tokio::test]
async fn an_operation_that_was_lost_is_made_anew() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let mut post = Post::open(&layer1, dir.path(), 1, Settings::default());
    post.act().await;
    let ids = post.take(&texts(0..2), Wishes::default());
    layer1.lose_operations(1);
    layer1.bake(1);
    let head = layer1.head().await.unwrap();
    assert!(post.batcher.act(&head).await.is_err());
    let batch = post.batch_of(&ids[0]);
    assert!(!batch.sent && batch.attempts.len() == 1);
    drop(post);
    // Restarted in between.
    let mut post = Post::open(&layer1, dir.path(), 1, Settings::default());
    post.act().await;
    assert_eq!(post.batch_of(&ids[0]).attempts.len(), 2);
    post.bake().await;
    assert_eq!(layer1.contents_of_length(LENGTH), texts(0..2));
}

#[tokio::test]
async fn messages_of_a_block_that_vanished_are_sent_again() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let mut post = Post::open(&layer1, dir.path(), 1, Settings::default());
    layer1.bake(5);
    post.act().await;
    let ids = post.take(&texts(0..2), Wishes::default());
    post.bake().await;
    post.bake().await;
    let first = post.batch_of(&ids[0]).included.unwrap();
    layer1.reorganise(2, 3);
    post.act().await;
    assert_eq!(post.batch_of(&ids[0]).included, None);
    assert!(layer1.contents_of_length(LENGTH).is_empty());
    post.bake().await;
    let second = post.batch_of(&ids[0]).included.unwrap();
    assert_ne!(first, second);
    assert_eq!(layer1.contents_of_length(LENGTH), texts(0..2));
}

#[tokio::test]
async fn batches_publishing_and_cementing_share_a_key() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let config = config(dir.path(), Mode::Operator);
    let mut node = TestNode::with(&layer1, &config);
    let turnstile = Turnstile::default();
    node.publisher =
        Publisher::new(Arc::new(layer1.clone()), node.chain.clone(), node.status.clone(), &config)
            .with_turnstile(turnstile.clone());
    let settings = Settings { max_elements: 1, min_elements: 1, ..Settings::default() };
    let mut post = Post::with(&layer1, &config, node.store().clone(), settings, turnstile);
    post.take(&texts(0..60), Wishes::default());
    for _ in 0..60 {
        layer1.bake(1);
        // The batcher evaluates nothing: it is always the first.
        post.act().await;
        node.follow().await.unwrap();
        node.act().await;
    }
    let (head, sent) = (layer1.head_level(), layer1.contents_of_length(LENGTH));
    assert!(sent.len() >= 25, "{} messages in {head} blocks", sent.len());
    assert_eq!(sent, texts(0..sent.len()));
    assert!(head - layer1.staked(operator()).unwrap().level.get() < 4 + 2 * fake_layer1::PERIOD);
    assert!(head - layer1.cemented().level.get() < fake_layer1::WINDOW + 4 * fake_layer1::PERIOD);
    assert_eq!(layer1.failed_operations(), 0);
    assert!(layer1.publications().values().all(|n| *n == 1));
}

/// What happens between two looks at the layer-1.
#[derive(Debug, Clone)]
enum Event {
    Bake(u32),
    Arrive(usize),
    Reorganise { depth: u32, blocks: u32, keep: bool },
    Restart,
    Lose,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (1..3u32).prop_map(Event::Bake),
        4 => (1..15usize).prop_map(Event::Arrive),
        1 => (1..9u32, 0..9u32, any::<bool>())
            .prop_map(|(depth, blocks, keep)| Event::Reorganise { depth, blocks, keep }),
        2 => Just(Event::Restart),
        1 => Just(Event::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_message_is_lost_or_doubled(
        keys in 1..4usize, elements in 1..9usize, events in proptest::collection::vec(event(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
            let settings = Settings { max_elements: elements, min_elements: 3, ..Settings::default() };
            let mut post = Post::open(&layer1, dir.path(), keys, settings);
            let mut taken = 0;
            for event in events {
                match event {
                    Event::Bake(blocks) => layer1.bake(blocks),
                    Event::Arrive(count) => {
                        post.take(&texts(taken..taken + count), Wishes::default());
                        taken += count;
                    }
                    Event::Reorganise { depth, blocks, keep } => {
                        let depth = depth.min(layer1.head_level() - fake_layer1::ORIGINATION);
                        match keep {
                            true => layer1.reorganise_keeping(depth, blocks),
                            false => layer1.reorganise(depth, blocks),
                        }
                    }
                    Event::Restart => {
                        drop(post);
                        post = Post::open(&layer1, dir.path(), keys, settings);
                    }
                    Event::Lose => layer1.lose_operations(1),
                }
                let head: Header = layer1.head().await.unwrap();
                // An operation may get lost: the next look makes it anew.
                drop(post.batcher.act(&head).await);
            }
            layer1.lose_operations(0);
            for _ in 0..taken + 20 {
                post.bake().await;
            }
            let mut found: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
            layer1.contents_of_length(LENGTH).into_iter().for_each(|c| *found.entry(c).or_insert(0) += 1);
            assert_eq!(found, texts(0..taken).into_iter().map(|c| (c, 1)).collect());
            assert_eq!(post.store.queue_size().unwrap(), Default::default());
            assert!(post.store.flights().unwrap().is_empty());
        });
    }
}

#[tokio::test]
async fn a_message_that_waits_for_too_long_is_given_up_and_says_so() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let settings = Settings {
        max_age: Some(LevelSpan(5)),
        retention: LevelSpan(40),
        max_elements: 1,
        min_elements: 1,
        ..Settings::default()
    };
    let mut post = Post::open(&layer1, dir.path(), 1, settings);
    // Taken before any head was seen.
    let once = Wishes { drop_duplicates: true, ..Wishes::default() };
    let ids = post.take(&texts(0..20), once);
    let place = |post: &Post, id: &L2MessageId| post.store.queued(id).unwrap().map(|message| message.place);
    post.act().await;
    let first = layer1.head_level();
    while layer1.head_level() < first + 5 {
        assert_eq!(place(&post, &ids[19]), Some(Place::Queue), "level {}", layer1.head_level());
        post.bake().await;
    }
    let given_up: Vec<&L2MessageId> =
        ids.iter().filter(|id| matches!(place(&post, id), Some(Place::Expired(_)))).collect();
    assert!(given_up.len() >= 14, "one goes into a block, the others wait: {}", given_up.len());
    assert_eq!(place(&post, given_up[0]).unwrap(), Place::Expired(level(layer1.head_level())));
    assert_eq!(post.store.queue_size().unwrap(), Default::default());
    // A restart changes nothing, and nothing that was given up is sent.
    let Post { store, batcher, .. } = post;
    drop((store, batcher));
    let mut post = Post::open(&layer1, dir.path(), 1, settings);
    for _ in 0..5 {
        post.bake().await;
    }
    let arrived = layer1.contents_of_length(LENGTH).len();
    assert_eq!(arrived + given_up.len(), 20, "each was sent or given up");
    // Who wants it all the same hands it over again.
    let again = post.take(&texts(19..20), once);
    assert_eq!((again[0], place(&post, &again[0])), (ids[19], Some(Place::Queue)));
    post.bake().await;
    post.bake().await;
    assert_eq!(layer1.contents_of_length(LENGTH).len(), arrived + 1);
    // Its status is kept as long as those of messages that were included.
    assert!(matches!(place(&post, given_up[0]), Some(Place::Expired(_))));
    for _ in 0..40 {
        post.bake().await;
    }
    assert_eq!(place(&post, given_up[0]), None);
}

#[tokio::test]
async fn without_a_limit_of_age_messages_wait_for_ever() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let settings = Settings { max_age: None, max_elements: 1, min_elements: 1, ..Settings::default() };
    let mut post = Post::open(&layer1, dir.path(), 1, settings);
    post.act().await;
    post.take(&texts(0..30), Wishes::default());
    while post.store.queue_size().unwrap().elements > 0 {
        post.bake().await;
    }
    post.bake().await;
    assert_eq!(layer1.contents_of_length(LENGTH), texts(0..30));
}
