//! Claimed: a private server comes back after a kill with what it promised to keep, and none outlives the tests.
//! Shown: each is killed and asked again; a stand-in for the test process is killed while a server of its own runs.

use super::{Folder, Mariadb, Redis, ServerProcess, mariadb, redis, wait_until};
use crate::support::{Backend, backend, full, variable};
use sqlx::{Connection, Executor, MySqlConnection, Row};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Whether a process runs; one that was killed and not yet reaped does not.
fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps is there");
    !matches!(state.stdout.trim_ascii().first(), None | Some(b'Z'))
}

#[tokio::test]
async fn mariadb_keeps_what_it_acknowledged_through_a_kill() {
    if backend() != Backend::Mariadb {
        return;
    }
    let server = Mariadb::private();
    let mut connection = MySqlConnection::connect(&server.url_base()).await.unwrap();
    connection.execute("CREATE DATABASE kept").await.unwrap();
    connection.execute("CREATE TABLE kept.t (a BIGINT)").await.unwrap();
    connection.execute("INSERT INTO kept.t VALUES (7)").await.unwrap();
    let url = server.url_base();
    for _ in 0..if full() { 10 } else { 2 } {
        let pid = server.pid();
        server.kill9();
        assert!(MySqlConnection::connect(&url).await.is_err());
        server.restart();
        assert_ne!(server.pid(), pid);
        let mut connection = MySqlConnection::connect(&url).await.unwrap();
        let row = connection.fetch_one("SELECT a FROM kept.t").await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 7);
    }
    server.restart();
    assert!(MySqlConnection::connect(&url).await.is_ok(), "after an orderly restart");
}

#[tokio::test]
async fn the_shared_servers_are_one_each() {
    if backend() != Backend::Mariadb {
        return;
    }
    assert!(std::ptr::eq(mariadb(), mariadb()) && std::ptr::eq(redis(), redis()));
    let mut connection = MySqlConnection::connect(&mariadb().url_base()).await.unwrap();
    let row = connection.fetch_one("SELECT CAST(@@innodb_flush_log_at_trx_commit AS SIGNED)").await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 1);
}

#[tokio::test]
async fn redis_forgets_and_comes_back() {
    if backend() != Backend::Mariadb {
        return;
    }
    let server = Redis::private();
    let ask = async || {
        let client = ::redis::Client::open(server.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        ::redis::cmd("INCR").arg("n").query_async::<i64>(&mut connection).await
    };
    assert_eq!((ask().await, ask().await), (Ok(1), Ok(2)));
    let pid = server.pid();
    server.kill9();
    assert!(ask().await.is_err());
    server.restart();
    assert_ne!(server.pid(), pid);
    assert_eq!(ask().await, Ok(1));
}

#[test]
fn a_frozen_server_takes_connections_and_says_nothing() {
    if backend() != Backend::Mariadb {
        return;
    }
    let (maria, memory) = (Mariadb::private(), Redis::private());
    let signal = |port: u16, name: &str| if port == maria.port() { maria.signal(name) } else { memory.signal(name) };
    for port in [maria.port(), memory.port()] {
        signal(port, "STOP");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert!(stream.read(&mut [0]).is_err());
        signal(port, "CONT");
        stream.set_read_timeout(None).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
    }
}

#[test]
fn a_process_can_be_frozen_asked_to_end_and_killed() {
    let folder = Folder::new("process");
    let script = "trap 'echo bye; exit 3' TERM; echo $GREETING; while :; do sleep 0.01; done";
    let start = || ServerProcess::start("/bin/sh", &["-c", script], &[("GREETING", "hello")], folder.path());
    let mut process = start();
    assert!(process.wait_ready(|| true) && wait_until(|| process.log() == "hello\n"));
    process.signal("STOP");
    process.signal("CONT");
    assert_eq!(process.terminate().code(), Some(3));
    assert_eq!(process.log(), "hello\nbye\n");
    assert!(!process.wait_ready(|| false), "it has ended");

    let mut process = start();
    let pid = process.pid();
    assert!(runs(pid));
    process.kill9();
    assert!(!runs(pid));
}

#[test]
fn our_own_binary_can_be_started() {
    let folder = Folder::new("weizhan");
    ServerProcess::weizhan(&["--version"], &[], folder.path()).wait();
}

/// The same test is both sides: started once more with a variable set, it is the test process that gets killed.
#[test]
fn no_server_outlives_a_killed_test_process() {
    if variable("WEIZHAN_TEST_STAND_IN").is_some() {
        let folder = Folder::new("orphan");
        let server = ServerProcess::start("/bin/sh", &["-c", "exec sleep 3600"], &[], folder.path());
        println!("\nserver {} {}", server.pid(), folder.path().display());
        wait_until(|| false);
        return;
    }
    let mut stand_in = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "support::servers::tests::no_server_outlives_a_killed_test_process", "--nocapture"])
        .env("WEIZHAN_TEST_STAND_IN", "1")
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(stand_in.stdout.take().unwrap()).lines();
    let said = lines.map(|line| line.unwrap()).find(|line| line.starts_with("server ")).expect("it has started one");
    let [_, pid, folder] = said.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    let pid = pid.parse().unwrap();
    assert!(runs(pid) && Path::new(folder).is_dir());
    stand_in.kill().unwrap();
    stand_in.wait().unwrap();
    assert!(wait_until(|| !runs(pid)), "the server runs on");
    assert!(wait_until(|| !Path::new(folder).exists()), "its folder stays");
}
