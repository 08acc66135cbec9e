//! Several operators side by side, told apart by their AWS users and by their ways to the API server.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use irsa_testkit::{
    aws::{Access, Entry, Mark},
    controlplane::{ApiCall, ApiProxy},
};

use super::{ACCOUNT, Operator, Problem, World, operator, operator_policy};

/// One of several operators. Dropping it kills it.
pub struct Replica {
    /// Its name: of its pod, and of its AWS user.
    pub name: String,
    /// Its own way to the API server.
    pub proxy: ApiProxy,
    operator: Operator,
    _directory: tempfile::TempDir,
}

/// The wrong time of day for a process, by a shim in front of the C library; its other clocks are right.
pub struct Skew {
    library: PathBuf,
    _directory: tempfile::TempDir,
}

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += SECONDS;
    return result;
}
"#;

impl Skew {
    /// A clock that is so many seconds ahead.
    ///
    /// # Errors
    /// When the shim cannot be compiled.
    pub fn seconds(seconds: i64) -> Result<Self, Problem> {
        let directory = tempfile::tempdir()?;
        let (source, library) = (directory.path().join("skew.c"), directory.path().join("skew.so"));
        std::fs::write(&source, SHIM)?;
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", &format!("-DSECONDS=({seconds})"), "-o"])
            .args([library.as_path(), source.as_path(), Path::new("-ldl")])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(Self {
            library,
            _directory: directory,
        })
    }
}

impl World {
    /// Starts another operator, as a user of its own in the account.
    ///
    /// # Errors
    /// Why it could not be started.
    pub async fn start_replica(&self, name: &str, arguments: &[&str], skew: Option<&Skew>) -> Result<Replica, Problem> {
        let credentials = self.aws.account(ACCOUNT).create_user(name, &operator_policy()?)?;
        let proxy = self.cluster.proxy(0).await?;
        let directory = tempfile::tempdir()?;
        let mut environment = vec![("POD_NAME".to_owned(), name.to_owned())];
        if let Some(skew) = skew {
            environment.push(("LD_PRELOAD".to_owned(), skew.library.display().to_string()));
        }
        let start = operator::Start {
            directory: directory.path(),
            credentials: &credentials,
            proxy: Some(&proxy),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment,
        };
        Ok(Replica {
            name: name.to_owned(),
            operator: Operator::start(self, start).await?,
            proxy,
            _directory: directory,
        })
    }

    /// Its calls to AWS since a mark, in the order in which they were answered.
    pub fn aws_calls_of(&self, replica: &str, since: Option<Mark>) -> Vec<Entry> {
        let entries = since.map_or_else(|| self.aws.requests(), |mark| self.aws.since(mark));
        entries.into_iter().filter(|entry| is_of(entry, replica)).collect()
    }

    /// Those that write, refused ones included.
    pub fn aws_writes_of(&self, replica: &str, since: Option<Mark>) -> Vec<Entry> {
        let mut calls = self.aws_calls_of(replica, since);
        calls.retain(|entry| entry.access == Access::Write);
        calls
    }

    /// The AWS users that have written, each once for every time that it began to: `[a, b]` when `b` took over from `a`.
    pub fn aws_writers(&self) -> Vec<String> {
        let mut writers: Vec<String> = Vec::new();
        for entry in self.aws.requests() {
            let user = entry.caller.as_deref().and_then(|arn| arn.rsplit_once(":user/"));
            let Some((_, user)) = user.filter(|_| entry.access == Access::Write) else {
                continue;
            };
            if writers.last().is_none_or(|last| last != user) {
                writers.push(user.to_owned());
            }
        }
        writers
    }
}

fn is_of(entry: &Entry, user: &str) -> bool {
    let caller = entry.caller.as_deref();
    caller.is_some_and(|arn| arn.ends_with(&format!(":user/{user}")))
}

impl Replica {
    /// The process.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Its calls to the API server that write, since a mark of its proxy; not those about the lease.
    pub fn api_writes(&self, since: usize) -> Vec<ApiCall> {
        let writes =
            |call: &ApiCall| !["get", "list", "watch"].contains(&call.verb.as_str()) && call.resource != "leases";
        self.proxy.calls().into_iter().skip(since).filter(writes).collect()
    }

    /// Stops it where it stands (SIGSTOP).
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<(), Problem> {
        self.operator.signal("STOP")
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<(), Problem> {
        self.operator.signal("CONT")
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self) -> Result<(), Problem> {
        self.operator.signal("KILL")
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<(), Problem> {
        self.operator.signal("TERM")
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn ends(&mut self) -> Result<ExitStatus, Problem> {
        self.operator.ends().await
    }
}
