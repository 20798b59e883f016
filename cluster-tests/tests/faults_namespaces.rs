//! The faults that take a network namespace and a disk per node: each has the effect it is there
//! for, and heals. As root only.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::faults::trial::Trial;
use rampart_cluster_tests::harness::cgroup::Bounded;
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::cluster::{Cluster, Options};
use rampart_cluster_tests::harness::disk::Disk;
use rampart_cluster_tests::harness::environment::Environment;
use rampart_cluster_tests::harness::machine;
use rampart_cluster_tests::harness::probe::wait_for;
use rampart_cluster_tests::harness::session::{phase, run};
use serde_json::json;

const TOPIC: &str = "weather";
/// Exit code after a failed write or sync (docs/operations.md).
const STORAGE: i32 = 74;
/// A kilobit a second.
const BYTES_OF_KBIT: usize = 125;
const LONG: Duration = Duration::from_secs(60);
/// The disks are small: a reserve for elections and metadata that leaves room for records.
const CONFIG: &str = "[storage]\ndisk_reserve_percent = 0\ndisk_reserve_bytes_min = 67108864\n";
const DISKS: Environment = Environment::Namespaces { disk_mib: 256 };

/// A cluster with a topic, or the reason why there can't be one.
async fn cluster() -> Result<Result<Cluster, String>> {
    if let Err(why) = DISKS.possible() {
        return Ok(Err(why));
    }
    let shim = machine::has_tool("cc");
    let options = Options { environment: DISKS, config: CONFIG, shim, ..Options::default() };
    let cluster = Cluster::start_with(3, options).await?;
    cluster.api(0).create_topic(TOPIC, 1, 3, json!({})).await?;
    cluster.wait_in_sync(TOPIC, 3).await?;
    Ok(Ok(cluster))
}

/// The sum of a counter of TCP over the namespaces of all nodes.
fn counted(cluster: &Cluster, counter: &str) -> Result<u64> {
    let mut sum = 0;
    for index in 0..3 {
        let folder = format!("/proc/{}/net", cluster.pid(index)?);
        let read = |name| std::fs::read_to_string(format!("{folder}/{name}"));
        // A line of names is followed by the line of their values.
        let text = read("snmp")? + &read("netstat")?;
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
        let pair = lines.windows(2).find_map(|pair| {
            let place = pair[0].iter().position(|name| *name == counter)?;
            pair[1].get(place)?.parse::<u64>().ok()
        });
        sum += pair.with_context(|| format!("no {counter}"))?;
    }
    Ok(sum)
}

#[test]
fn kernel_links_are_cut_lossy_and_slow_and_mend() {
    run(async {
        let mut cluster = match cluster().await? {
            Ok(cluster) => cluster,
            Err(why) => return machine::skip("netns", why),
        };
        let leader = cluster.leader(0, TOPIC, 0).await?;
        let trial = Trial::begin(&mut cluster, "isolate-leader", 4).await?;
        ensure!(trial.nodes() == [leader], "{leader} leads, {:?} was hit", trial.nodes());
        let answer = cluster.api(leader).produce(TOPIC, 0, "lost", "&timeout_ms=1500").await?;
        ensure!(matches!(answer.status, 503 | 504), "a leader without a majority: {answer:?}");
        cluster.wait_other_leader(TOPIC, leader).await?;
        trial.end(&mut cluster, TOPIC, 3).await?;

        // What the kernels of all nodes count: segments sent again, and such that came twice.
        for (name, counter) in [("loss", "RetransSegs"), ("twice", "TCPDSACKOldSent")] {
            let before = counted(&cluster, counter)?;
            let trial = Trial::begin(&mut cluster, name, 5).await?;
            wait_for(format!("{counter} to grow"), LONG, || async {
                cluster.wait_write(TOPIC, name).await?;
                let now = counted(&cluster, counter)?;
                ensure!(now > before + 5, "{counter} is {now}, was {before}");
                Ok(())
            })
            .await?;
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        if machine::has_tool("iptables-restore") {
            // There and back, so twice what a seed draws at least. Where that is longer than the
            // lease of a leader no write is promised; one that is taken takes so long.
            for (seed, least_ms, is_promised) in [(5, 50, true), (1, 300, false)] {
                let trial = Trial::begin(&mut cluster, "late", seed).await?;
                let least = Duration::from_millis(2 * least_ms - 10);
                let watch = Stopwatch::start();
                if is_promised {
                    cluster.wait_write(TOPIC, "late").await?;
                    ensure!(watch.elapsed() > least, "it took {:?}", watch.elapsed());
                }
                let watch = Stopwatch::start();
                let node = cluster.api(0);
                let taken = node.produce(TOPIC, 0, "later", "&timeout_ms=2000").await?.ok().is_ok();
                ensure!(!taken || watch.elapsed() > least, "it took {:?}", watch.elapsed());
                trial.end(&mut cluster, TOPIC, 3).await?;
            }
        }
        let trial = Trial::begin(&mut cluster, "slow-link", 1).await?;
        trial.demand_slow(&cluster, TOPIC, BYTES_OF_KBIT).await?;
        trial.end(&mut cluster, TOPIC, 3).await?;
        for name in ["majority-ring", "bridge", "one-way"] {
            let trial = Trial::begin(&mut cluster, name, 5).await?;
            trial.wait_cut(&cluster).await?;
            cluster.wait_write(TOPIC, name).await?;
            trial.end(&mut cluster, TOPIC, 3).await?;
            cluster.wait_heard(&[2; 3]).await?;
        }
        Ok(())
    });
}

/// A file beside a node's data, and whether it is synced.
fn leave(cluster: &Cluster, node: usize, name: &str, synced: bool) -> Result<()> {
    let file = std::fs::File::create(cluster.disk(node)?.path().join(name))?;
    (&file).write_all(b"here")?;
    if synced { Ok(file.sync_all()?) } else { Ok(()) }
}

#[test]
fn power_cuts_take_what_was_not_synced_and_nothing_else() {
    run(async {
        let mut cluster = match cluster().await? {
            Ok(cluster) => cluster,
            Err(why) => return machine::skip("power-cut", why),
        };
        for (name, count) in [("power-cut-one", 1), ("power-cut-leader", 1), ("power-cut-all", 3)] {
            cluster.api(0).produce(TOPIC, 0, name, "&ack=-1").await?.ok()?;
            for node in 0..3 {
                leave(&cluster, node, &format!("synced-{name}"), true)?;
                leave(&cluster, node, &format!("unsynced-{name}"), false)?;
            }
            let trial = Trial::begin(&mut cluster, name, 1).await?;
            ensure!(trial.nodes().len() == count, "{name} hit {:?}", trial.nodes());
            for &node in trial.nodes() {
                let path = cluster.disk(node)?.path();
                ensure!(!cluster.is_up(node), "node {node} is up");
                let read = |what| std::fs::read(path.join(format!("{what}-{name}")));
                ensure!(read("synced")? == b"here", "a synced file is gone");
                // Its name is there if something else was synced after it, its bytes are not.
                let unsynced = read("unsynced").unwrap_or_default();
                ensure!(unsynced.is_empty(), "unsynced bytes are there: {unsynced:?}");
            }
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        let values = cluster.api(0).read_all(TOPIC, 0).await?.into_iter().map(|r| r.value);
        let values: Vec<_> = values.flatten().collect();
        ensure!(values == ["power-cut-one", "power-cut-leader", "power-cut-all"], "{values:?}");
        Ok(())
    });
}

#[test]
fn disks_fail_stall_and_fill_up_and_recover() {
    run(async {
        let mut cluster = match cluster().await? {
            Ok(cluster) => cluster,
            Err(why) => return machine::skip("loop", why),
        };
        if let Err(why) = cluster.has_shim() {
            return machine::skip("cc", why);
        }
        let trial = Trial::begin(&mut cluster, "sync-error-one", 1).await?;
        let node = trial.nodes()[0];
        cluster.wait_write(TOPIC, "to sync").await?;
        let code = cluster.wait_end(node, LONG).await?;
        ensure!(code == STORAGE, "it ended with {code}");
        trial.end(&mut cluster, TOPIC, 3).await?;

        // A seed that draws half a second.
        let trial = Trial::begin(&mut cluster, "slow-sync-minority", 4).await?;
        let took = cluster.time_of_write(TOPIC, "slow").await?;
        ensure!(took > Duration::from_millis(500), "it took {took:?}");
        trial.end(&mut cluster, TOPIC, 3).await?;

        let trial = Trial::begin(&mut cluster, "disk-full-all", 1).await?;
        let refused = cluster.api(0).produce(TOPIC, 0, &"x".repeat(512 << 10), "").await?;
        refused.problem(507, "STORAGE_FULL")?;
        trial.end(&mut cluster, TOPIC, 3).await?;
        let trial = Trial::begin(&mut cluster, "disk-full-leader", 1).await?;
        cluster.api(0).produce(TOPIC, 0, "small", "").await?.problem(507, "STORAGE_FULL")?;
        trial.end(&mut cluster, TOPIC, 3).await?;
        let trial = Trial::begin(&mut cluster, "disk-full-one", 1).await?;
        let one = cluster.disk(trial.nodes()[0])?.path().join("one");
        let full = std::fs::write(&one, vec![1; 1 << 20]).map_err(|error| error.kind());
        ensure!(full == Err(std::io::ErrorKind::StorageFull), "it is not full: {full:?}");
        std::fs::remove_file(one)?;
        trial.end(&mut cluster, TOPIC, 3).await?;
        // Seeds that draw 100 ms.
        for (name, seed) in [("slow-disk", 1), ("slow-sync-leader", 1)] {
            let trial = Trial::begin(&mut cluster, name, seed).await?;
            let took = cluster.time_of_write(TOPIC, name).await?;
            ensure!(took > Duration::from_millis(100), "{name}: it took {took:?}");
            trial.end(&mut cluster, TOPIC, 3).await?;
        }
        match Bounded::Writes.possible() {
            Err(why) => machine::skip("cgroup", why)?,
            Ok(()) => {
                let trial = Trial::begin(&mut cluster, "narrow-disk", 2).await?;
                trial.demand_slow(&cluster, TOPIC, 1_024).await?;
                trial.end(&mut cluster, TOPIC, 3).await?;
            }
        }
        let trial = Trial::begin(&mut cluster, "sync-error-all", 1).await?;
        cluster.api(0).produce(TOPIC, 0, "nowhere", "&timeout_ms=1000").await.ok();
        let code = cluster.wait_end(0, LONG).await?;
        ensure!(code == STORAGE, "it ended with {code}");
        trial.end(&mut cluster, TOPIC, 3).await
    });
}

/// Seconds since 1970 of the newest record, as the node that took it stamped it.
async fn newest(cluster: &Cluster, node: usize) -> Result<i64> {
    cluster.api(node).produce(TOPIC, 0, "what time is it", "").await?.ok()?;
    let path = format!("/v1/topics/{TOPIC}/partitions/0/records?offset=-1");
    let page = cluster.api(node).get(&path).await?.ok()?;
    let stamp = page["records"][0]["timestamp"].as_i64();
    Ok(stamp.with_context(|| page.to_string())? / 1_000)
}

#[test]
fn clocks_go_wrong_and_right_again() {
    run(async {
        let mut cluster = match cluster().await? {
            Ok(cluster) => cluster,
            Err(why) => return machine::skip("netns", why),
        };
        if let Err(why) = cluster.has_shim() {
            return machine::skip("cc", why);
        }
        let trial = Trial::begin(&mut cluster, "clock-skew", 1).await?;
        let node = trial.nodes()[0];
        let wrong = newest(&cluster, node).await?;
        let right = newest(&cluster, (node + 1) % 3).await?;
        ensure!((3_590..3_610).contains(&wrong.abs_diff(right)), "{wrong} and {right}");
        trial.end(&mut cluster, TOPIC, 3).await?;
        let healed = newest(&cluster, node).await?;
        ensure!(healed.abs_diff(right) < 60, "{healed} and {right}");

        let trial = Trial::begin(&mut cluster, "clock-strobe", 2).await?;
        let node = trial.nodes()[0];
        let first = newest(&cluster, node).await?;
        wait_for("the clock to jump", LONG, || async {
            let now = newest(&cluster, node).await?;
            ensure!(now.abs_diff(first) > 3_000, "{first} and {now}");
            Ok(())
        })
        .await?;
        trial.end(&mut cluster, TOPIC, 3).await?;

        let trial = Trial::begin(&mut cluster, "uptime-jump", 3).await?;
        let pid = cluster.pid(trial.nodes()[0])?;
        wait_for("the process to be in its time namespace", LONG, || async {
            let offsets = std::fs::read_to_string(format!("/proc/{pid}/timens_offsets"))?;
            let words: Vec<&str> = offsets.split_whitespace().collect();
            ensure!(words[1].parse::<u32>()? >= 3_600, "{offsets}");
            Ok(())
        })
        .await?;
        trial.end(&mut cluster, TOPIC, 3).await
    });
}

#[test]
fn what_a_killed_run_left_is_cleared_away_by_the_next() {
    run(async {
        if let Err(why) = DISKS.possible() {
            return machine::skip("netns", why);
        }
        // It lives while its things are made, so that no other run clears them.
        let mut gone = std::process::Command::new("sleep").arg("1000").spawn()?;
        let pid = gone.id();
        let folder = tempfile::Builder::new().prefix(&format!("rampart-{pid}-0-")).tempdir()?;
        let disk = Disk::make(&folder.path().join("node-0"), 16)?;
        let (space, link) = (format!("rampart-{pid}-0-0"), format!("rp{pid}x0"));
        for line in [format!("netns add {space}"), format!("link add {link} type bridge")] {
            machine::tool("ip", &line.split(' ').map(AsRef::as_ref).collect::<Vec<_>>())?;
        }
        let inside = format!("--net=/run/netns/{space}");
        let mut orphan =
            std::process::Command::new("nsenter").args([&inside, "sleep", "1000"]).spawn()?;
        wait_for("the orphan to be inside", LONG, || async {
            let pids = std::process::Command::new("ip").args(["netns", "pids", &space]).output()?;
            ensure!(!pids.stdout.is_empty(), "it is not yet");
            Ok(())
        })
        .await?;
        let present = || {
            let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
            [
                std::path::Path::new("/run/netns").join(&space).exists(),
                std::path::Path::new("/sys/class/net").join(&link).exists(),
                mounts.contains(&format!("rampart-{pid}-0-")),
            ]
        };
        ensure!(present() == [true; 3], "{:?}", present());
        gone.kill()?;
        gone.wait()?;

        let options = Options { environment: DISKS, ..Options::default() };
        let mut cluster = Cluster::empty(options)?;
        ensure!(present() == [false; 3], "{:?}", present());
        ensure!(!orphan.wait()?.success(), "its process lives");
        drop(disk);

        phase("a cluster that is dropped leaves nothing either");
        let index = cluster.prepare().await?;
        let mount = cluster.disk(index)?.path().to_owned();
        ensure!(std::fs::read_to_string("/proc/mounts")?.contains(&*mount.to_string_lossy()), "");
        drop(cluster);
        let mine = format!("rampart-{}-", std::process::id());
        for entry in std::fs::read_dir("/run/netns")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            ensure!(!name.starts_with(&mine), "{name} is there");
        }
        let mounts = std::fs::read_to_string("/proc/mounts")?;
        ensure!(!mounts.contains(&*mount.to_string_lossy()), "{mounts}");
        Ok(())
    });
}
