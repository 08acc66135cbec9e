//! What source-controller would do: archives of directories over HTTP, and the status of a `GitRepository` that names one.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use irsa_testkit::controlplane::ControlPlane;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A server on loopback. Dropping it ends it.
pub(crate) struct Artifacts {
    address: String,
    files: Files,
    server: JoinHandle<()>,
}

impl Drop for Artifacts {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Artifacts {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let files = Files::default();
        let served = Arc::clone(&files);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served)));
            }
        });
        Self { address, files, server }
    }

    /// Makes these paths of a directory the newest revision of a `GitRepository` of flux-system.
    pub(crate) async fn publish(&self, cluster: &ControlPlane, repository: &str, directory: &Path, paths: &[&str]) {
        let archive = Command::new("tar")
            .args(["-czf", "-", "-C"])
            .arg(directory)
            .args(paths)
            .output()
            .unwrap();
        assert!(archive.status.success(), "{}", String::from_utf8_lossy(&archive.stderr));
        let digest = Sha256::digest(&archive.stdout);
        let digest = digest
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let path = format!("gitrepository/flux-system/{repository}/{digest}.tar.gz");
        let artifact = json!({
            "url": format!("http://{}/{path}", self.address), "path": path, "digest": format!("sha256:{digest}"),
            "revision": format!("main@sha1:{}", &digest[..40]), "size": archive.stdout.len(),
            "lastUpdateTime": "2026-01-01T00:00:00Z",
        });
        self.files.lock().unwrap().insert(format!("/{path}"), archive.stdout);
        let object = format!("/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/{repository}");
        let client = cluster.client().unwrap();
        let generation = client.get(&object).await.unwrap().body["metadata"]["generation"].clone();
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
            "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let status = json!({"status": {"artifact": artifact, "conditions": [ready], "observedGeneration": generation}});
        let reply = client.merge_patch(&format!("{object}/status"), &status).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }
}

async fn answer(mut stream: TcpStream, files: Files) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = files.lock().unwrap().get(path).cloned();
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let body = body.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}
