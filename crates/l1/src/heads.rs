//! The stream of a layer-1's heads, which outlives lost connections.

use crate::block::Header;
use crate::client::{Client, causes};
use crate::error::L1Error;
use crate::values::Values;
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt, unfold};
use serde_json::Value;

const PATH: &str = "/monitor/heads/main";

/// New heads, beginning with the present one.
///
/// When the reader is slower than the layer-1, heads in between may be left out: [`crate::chain`] finds them.
pub struct Heads {
    client: Client,
    open: Option<Open>,
    last: Option<Header>,
    outage: Outage,
}

struct Open {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    values: Values,
    // Whether anything came yet: a layer-1 sends its present head at once.
    has_spoken: bool,
}

impl Client {
    /// Follows the heads. Nothing is sent before the first head is asked for.
    pub fn monitor_heads(&self) -> Heads {
        Heads { client: self.clone(), open: None, last: None, outage: Outage::default() }
    }

    /// Waits until the layer-1 answers, and says so in the log. Gives its head.
    pub async fn wait_until_reachable(&self) -> Header {
        let mut outage = Outage::default();
        loop {
            match self.header(soru_base::BlockId::HEAD).await {
                Ok(head) => {
                    outage.over(self);
                    return head;
                }
                Err(error) => outage.wait(self, &error).await,
            }
        }
    }
}

impl Heads {
    /// The next head. It waits as long as the layer-1 is away, and says so in the log.
    pub async fn next(&mut self) -> Header {
        loop {
            match self.try_next().await {
                Ok(head) => return head,
                Err(error) => self.outage.wait(&self.client, &error).await,
            }
        }
    }

    /// The next head; an error if the stream cannot be opened or broke. The next call opens it anew, at once.
    ///
    /// Nothing is lost when the future is dropped before it is done.
    pub async fn try_next(&mut self) -> Result<Header, L1Error> {
        loop {
            let heads = match self.open.as_mut() {
                Some(open) => open.read(&self.client).await,
                None => {
                    self.open = Some(Open::connect(&self.client).await?);
                    continue;
                }
            };
            if heads.is_err() {
                let was_quiet = self.open.take().is_some_and(|open| open.has_spoken);
                if was_quiet && matches!(heads, Err(L1Error::Timeout { .. })) {
                    // Maybe there is no new block, maybe the other side is gone: a new stream tells.
                    tracing::debug!("no head for long: asking {} again", self.client.endpoint());
                    continue;
                }
            }
            // A stream that was opened anew starts with a head that is known already.
            let is_new = |head: &Header| self.last.is_none_or(|last| last.hash != head.hash);
            if let Some(head) = heads?.into_iter().next_back().filter(is_new) {
                self.last = Some(head);
                self.outage.over(&self.client);
                return Ok(head);
            }
        }
    }

    /// The heads as a stream that never ends.
    pub fn into_stream(self) -> impl Stream<Item = Header> + Send {
        unfold(self, |mut heads| async move { Some((heads.next().await, heads)) })
    }
}

impl Open {
    async fn connect(client: &Client) -> Result<Self, L1Error> {
        let response = client.open_stream(PATH).await?;
        Ok(Self { chunks: response.bytes_stream().boxed(), values: Values::default(), has_spoken: false })
    }

    /// The heads of the next piece that comes: none, one or several.
    async fn read(&mut self, client: &Client) -> Result<Vec<Header>, L1Error> {
        let settings = client.settings();
        let after = if self.has_spoken { settings.silence } else { settings.request_timeout };
        let piece = match tokio::time::timeout(after, self.chunks.next()).await {
            Err(_) => return Err(L1Error::Timeout { place: client.place(PATH), after }),
            Ok(None) => return Err(client.broken(PATH, "the stream of heads ended")),
            Ok(Some(Err(error))) => return Err(client.broken(PATH, &causes(&error))),
            Ok(Some(Ok(piece))) => piece,
        };
        self.has_spoken = true;
        client.read(PATH, &Value::Null, |_| {
            self.values.push(&piece)?.iter().map(|value| Header::read(value, client.family())).collect()
        })
    }
}

/// A time during which the layer-1 is away: it is logged when it begins and when it ends.
#[derive(Debug, Default)]
struct Outage {
    attempts: u32,
}

impl Outage {
    async fn wait(&mut self, client: &Client, error: &L1Error) {
        let wait = client.settings().backoff.wait(self.attempts);
        match self.attempts {
            0 => tracing::warn!(%error, "layer-1 unreachable at {}, waiting", client.endpoint()),
            _ => tracing::debug!(%error, ?wait, "layer-1 still unreachable at {}", client.endpoint()),
        }
        self.attempts = self.attempts.saturating_add(1);
        tokio::time::sleep(wait).await;
    }

    fn over(&mut self, client: &Client) {
        if self.attempts > 0 {
            tracing::info!("layer-1 reachable again at {}", client.endpoint());
            self.attempts = 0;
        }
    }
}
