//! A thin HTTP client of one node, made on purpose without the product's own: what the tests see
//! must not pass through the code they judge. It never retries and never follows a leader.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// Longest wait for any answer: above the server's own longest wait for a produce.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);

/// One node's HTTP interface.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
}

/// What came back: any status is an answer, only a broken connection is an error.
#[derive(Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    asked: String,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(2_000)]);
        write!(f, "{} answered {} {body}", self.asked, self.status)
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {self:?}"))
    }

    /// The body as JSON, if the status says success; else the answer is the error.
    pub fn ok(self) -> Result<Value> {
        if !(200..300).contains(&self.status) {
            return Err(anyhow!("{self:?}"));
        }
        if self.body.is_empty() { Ok(Value::Null) } else { self.json() }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Demands a refusal of this status and code, in the form every error has.
    pub fn problem(self, status: u16, code: &str) -> Result<Value> {
        let kind = self.header("content-type").unwrap_or("").to_owned();
        if self.status != status || !kind.starts_with("application/problem+json") {
            bail!("wanted {status} {code} as problem+json, got {kind}: {self:?}");
        }
        let problem = self.json()?;
        if problem["code"] != code {
            bail!("wanted {code}: {self:?}");
        }
        for field in ["title", "detail", "outcome"] {
            if problem[field].as_str().unwrap_or("").is_empty() {
                bail!("the refusal has no {field}: {self:?}");
            }
        }
        if problem["status"] != status || !problem["retriable"].is_boolean() {
            bail!("the refusal's status or retriable is wrong: {self:?}");
        }
        if matches!(status, 429 | 503) && self.header("retry-after").is_none() {
            bail!("a {status} without Retry-After: {self:?}");
        }
        Ok(problem)
    }
}

/// One record as it was read back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Position in its partition.
    pub offset: u64,
    /// Key, `None` for Kafka's null.
    pub key: Option<String>,
    /// Value, `None` for Kafka's null.
    pub value: Option<String>,
}

/// A page of records.
#[derive(Debug, Clone)]
pub struct Page {
    /// In offset order.
    pub records: Vec<Record>,
    /// Where to go on.
    pub next_offset: u64,
    /// Nobody reads at or above it.
    pub high_watermark: u64,
    /// First readable offset.
    pub log_start: u64,
}

impl Api {
    /// A client of the node whose HTTP listener is at `address`.
    pub fn new(address: impl fmt::Display) -> Result<Api> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .build()?;
        Ok(Api { http, base: format!("http://{address}") })
    }

    /// `http://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to a path, to be filled in by the caller.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request that was filled in.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url());
        let response = self.http.execute(request).await.with_context(|| asked.clone())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.with_context(|| format!("the answer to {asked}"))?;
        Ok(Answer { status, headers, body, asked })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.with_json(Method::POST, path, body).await
    }

    /// Any method with a JSON body.
    pub async fn with_json(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(method, path).json(body)).await
    }

    /// POST of bytes of a media type.
    pub async fn post_bytes(
        &self,
        path: &str,
        media_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, media_type);
        self.send(request.body(body.into())).await
    }

    /// Creates a topic and answers its description.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        replication_factor: u32,
        config: Value,
    ) -> Result<Value> {
        let body = json!({
            "name": name,
            "partitions": partitions,
            "replication_factor": replication_factor,
            "config": config,
        });
        self.post("/v1/topics", &body).await?.ok()
    }

    /// Describes a topic.
    pub async fn topic(&self, name: &str) -> Result<Value> {
        self.get(&format!("/v1/topics/{name}")).await?.ok()
    }

    /// Produces one record with a string value to a partition; `query` is added to the address.
    pub async fn produce(
        &self,
        topic: &str,
        partition: u32,
        value: &str,
        query: &str,
    ) -> Result<Answer> {
        let path = format!("/v1/topics/{topic}/records?partition={partition}{query}");
        let body = json!({ "encoding": "string", "records": [{ "value": value }] });
        self.post(&path, &body).await
    }

    /// Produces lines, each line one value stored verbatim; every line must be acknowledged.
    /// Answers (partition, offset) of each, in order.
    pub async fn produce_lines(
        &self,
        topic: &str,
        lines: &[&str],
        query: &str,
    ) -> Result<Vec<(u32, u64)>> {
        let path = format!("/v1/topics/{topic}/records?lines=value{query}");
        let answer = self.post_bytes(&path, "application/x-ndjson", lines.join("\n")).await?;
        if answer.status != 200 {
            bail!("{answer:?}");
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let mut landed = Vec::with_capacity(lines.len());
        for line in text.lines().filter(|line| !line.is_empty()) {
            let ack: Value = serde_json::from_str(line)?;
            let position = ack["partition"].as_u64().zip(ack["offset"].as_u64());
            let (partition, offset) = position.with_context(|| format!("not an ack: {line}"))?;
            landed.push((u32::try_from(partition)?, offset));
        }
        if landed.len() != lines.len() {
            bail!("{} lines were sent, {} acknowledged", lines.len(), landed.len());
        }
        Ok(landed)
    }

    /// One page of a partition, keys and values as text.
    pub async fn read(&self, topic: &str, partition: u32, query: &str) -> Result<Page> {
        let path = format!("/v1/topics/{topic}/partitions/{partition}/records?encoding=string");
        page(&self.get(&format!("{path}{query}")).await?.ok()?)
    }

    /// A whole partition, from its log start to the high watermark.
    pub async fn read_all(&self, topic: &str, partition: u32) -> Result<Vec<Record>> {
        let mut all = Vec::new();
        let mut from = "earliest".to_owned();
        loop {
            let query = format!("&offset={from}&max_records=5000&max_bytes=8388608");
            let page = self.read(topic, partition, &query).await?;
            let end = page.next_offset >= page.high_watermark;
            if page.records.is_empty() && !end {
                bail!("an empty page below the high watermark: {page:?}");
            }
            all.extend(page.records);
            if end {
                return Ok(all);
            }
            from = page.next_offset.to_string();
        }
    }
}

fn page(body: &Value) -> Result<Page> {
    let number = |value: &Value, name: &str| {
        value[name].as_u64().with_context(|| format!("no number {name} in {value}"))
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut records = Vec::new();
    for record in body["records"].as_array().context("a page without records")? {
        records.push(Record {
            offset: number(record, "offset")?,
            key: text(&record["key"]),
            value: text(&record["value"]),
        });
    }
    Ok(Page {
        records,
        next_offset: number(body, "next_offset")?,
        high_watermark: number(body, "high_watermark")?,
        log_start: number(body, "log_start_offset")?,
    })
}
