//! Somebody who shows the same tokens to STS all the time, and remembers every refusal.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use irsa_tests::{
    admin::Sts,
    world::{ACCOUNT, World},
};
use tokio::{task::JoinHandle, time::sleep};

const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Seen {
    tokens: Vec<(String, String)>,
    refused: Vec<String>,
    accepted: usize,
}

pub(crate) struct Witness {
    sts: Sts,
    role: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Witness {
    /// Of the role that the samples bind.
    pub(crate) async fn start(world: &World) -> Self {
        let sts = Sts::of(world).await.unwrap();
        let role = world.aws.account(ACCOUNT).role_names().remove(0);
        let binding = world.get("iamrolebinding", "default", "app").await.unwrap().unwrap();
        let role_arn = binding["status"]["roleArn"].as_str().unwrap().to_owned();
        assert!(role_arn.ends_with(&role));
        let seen = Arc::<Mutex<Seen>>::default();
        let task = tokio::spawn(watch(sts.clone(), role_arn.clone(), Arc::clone(&seen)));
        Self {
            sts,
            role: role_arn,
            seen,
            task,
        }
    }

    pub(crate) async fn verdict(&self, token: &str) -> Result<String, String> {
        self.sts.assume(&self.role, token).await
    }

    /// Waits until the token is accepted for the first time. From then on it must always be.
    pub(crate) async fn trust(&self, label: &str, token: &str) {
        self.wait_for(label, token, true).await;
        self.seen
            .lock()
            .unwrap()
            .tokens
            .push((label.to_owned(), token.to_owned()));
    }

    /// The token was right to be refused from now on.
    pub(crate) fn forget(&self, label: &str) {
        self.seen.lock().unwrap().tokens.retain(|(known, _)| known != label);
    }

    /// Waits until the token is accepted, or until it is refused.
    pub(crate) async fn wait_for(&self, label: &str, token: &str, accepted: bool) {
        let mut last = Ok(String::new());
        for _ in 0..900 {
            last = self.verdict(token).await;
            match &last {
                Ok(_) if accepted => return,
                Err(code) if !accepted && code == super::REFUSED => return,
                _ => sleep(PAUSE).await,
            }
        }
        panic!("{label}: expected accepted={accepted}, got {last:?}");
    }

    /// Every token was accepted every time.
    pub(crate) fn end(self) {
        self.task.abort();
        let seen = self.seen.lock().unwrap();
        assert!(seen.refused.is_empty(), "{:#?}", seen.refused);
        assert!(seen.accepted > 20, "only {} looks", seen.accepted);
    }
}

async fn watch(sts: Sts, role: String, seen: Arc<Mutex<Seen>>) {
    loop {
        let tokens = seen.lock().unwrap().tokens.clone();
        for (label, token) in tokens {
            let verdict = sts.assume(&role, &token).await;
            let mut seen = seen.lock().unwrap();
            let still = seen.tokens.iter().any(|(known, _)| *known == label);
            match verdict {
                Ok(_) => seen.accepted += 1,
                Err(code) if still => seen.refused.push(format!("{label}: {code}")),
                Err(_) => {}
            }
        }
        sleep(PAUSE).await;
    }
}
