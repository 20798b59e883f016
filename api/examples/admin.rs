//! Creates a topic if there is none, and prints what a cluster has: nodes, topics, groups with their lag.
//!
//! ```sh
//! rampart dev &
//! cargo run --example admin --features client -- 127.0.0.1:8080 orders
//! ```

use std::error::Error;

use rampart_api::client::Admin;
use rampart_api::http::topics::CreateTopicRequest;
use rampart_api::model::error_code::ErrorCode;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, topic] = arguments.as_slice() else {
        return Err("SERVER[,SERVER...] TOPIC, please".into());
    };
    let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
    let admin = Admin::new(servers)?;
    let wanted = CreateTopicRequest {
        name: topic.clone(),
        partitions: Some(3),
        ..CreateTopicRequest::default()
    };
    match admin.create_topic(&wanted).await {
        Ok(created) => println!("created {}", created.name),
        // Every refusal has a code that programs may compare.
        Err(error) if error.code() == Some(ErrorCode::TopicExists) => println!("{topic} is there"),
        Err(error) => return Err(error.into()),
    }
    for node in admin.nodes().await?.nodes {
        println!("node {} at {}: {}, {} leaders", node.id, node.http, node.state, node.leaders);
    }
    for topic in admin.topics().await?.topics {
        println!("topic {}", topic.name);
    }
    for group in admin.groups().await?.groups {
        let lag = admin.group_lag(&group.group).await?.lag;
        println!("group {}: {} members, {lag} records behind", group.group, group.members);
    }
    Ok(())
}
