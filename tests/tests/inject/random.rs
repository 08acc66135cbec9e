//! Random pods, near everything that injection touches: paths at, above and below its own in many spellings, volumes of its
//! names with other content, variables of its names from all sources.

use serde_json::{Value, json};

use crate::bench::{DIRECTORY, SECOND_DIRECTORY, SECOND_VOLUME, VOLUME};

/// A generator that gives the same numbers for the same seed on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

fn paths() -> Vec<String> {
    let under = |text: &str| format!("{DIRECTORY}{text}");
    let windows = DIRECTORY.replace('/', "\\");
    [
        "",
        "/",
        "/.",
        "//",
        "/../serviceaccount",
        "/token",
        "/token/",
        "/deeper",
        "2",
        "/..data",
    ]
    .map(under)
    .into_iter()
    .chain(
        [
            "/var/run/secrets/eks.amazonaws.com",
            "/var/run/secrets",
            "/var/run",
            "/var",
            "/run",
            "/run/",
            "/",
        ]
        .map(str::to_owned),
    )
    .chain(["", "/", "/token", "2"].map(|text| format!("{SECOND_DIRECTORY}{text}")))
    .chain(
        [
            "/irsa-anywhere.dev",
            "/data",
            "/data/",
            "/own",
            "/tmp/../own",
            "/data/../var/run/secrets",
            "/data/../irsa-anywhere.dev",
            "own",
            "/$(HOME)",
        ]
        .map(str::to_owned),
    )
    .chain([
        DIRECTORY.replace("/var/run", "/run"),
        DIRECTORY.trim_start_matches('/').to_owned(),
        DIRECTORY.to_uppercase(),
        format!("C:{windows}"),
        windows,
        r"C:\own".to_owned(),
    ])
    .collect()
}

fn volume(dice: &mut Dice, name: &str) -> Value {
    let token = |audience: &str, path: &str| json!({"serviceAccountToken": {"audience": audience, "path": path}});
    let projected = |sources: Value| json!({"name": name, "projected": {"sources": sources}});
    match dice.below(13) {
        0 => json!({"name": name, "emptyDir": {}}),
        // What the API server then shows as null.
        10 => json!({"name": name, "projected": {}}),
        1 => json!({"name": name, "secret": {"secretName": "x"}}),
        2 => json!({"name": name, "hostPath": {"path": "/x"}}),
        3 => projected(json!([token("vault", "token")])),
        4 => projected(json!([{"serviceAccountToken": {"path": "token"}}])),
        5 => projected(json!([token("sts.amazonaws.com", "jwt")])),
        6 => projected(json!([token("sts.amazonaws.com", "deeper/token")])),
        7 => projected(json!([token("sts.amazonaws.com", "token"), {"secret": {"name": "x"}}])),
        8 => projected(json!([token("vault", "token"), token("sts.amazonaws.com", "other")])),
        9 => projected(json!([])),
        _ => projected(json!([token("sts.amazonaws.com", "token")])),
    }
}

fn variables(dice: &mut Dice) -> Vec<Value> {
    let names = [
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ROLE_SESSION_NAME",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_EC2_METADATA_DISABLED",
        "OTHER",
    ];
    let count = dice.below(3) * dice.below(2);
    (0..count)
        .map(|_| {
            let name = *dice.one_of(&names);
            match dice.below(3) {
                0 => json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}),
                1 => json!({"name": name, "value": "$(AWS_REGION)"}),
                _ => json!({"name": name, "value": format!("{DIRECTORY}/token")}),
            }
        })
        .collect()
}

fn container(dice: &mut Dice, name: &str, volumes: &[Value], paths: &[String]) -> Value {
    let mut made = json!({"name": name, "image": "x"});
    let mut mounts = Vec::new();
    for _ in 0..dice.below(4) {
        if volumes.is_empty() {
            break;
        }
        let mut mount = json!({"name": dice.one_of(volumes)["name"], "mountPath": dice.one_of(paths)});
        match dice.below(10) {
            0 => mount["subPath"] = json!("token"),
            1 => mount["readOnly"] = json!(true),
            _ => {}
        }
        mounts.push(mount);
    }
    if !mounts.is_empty() || dice.once_in(3) {
        made["volumeMounts"] = json!(mounts);
    }
    let env = variables(dice);
    if !env.is_empty() || dice.once_in(3) {
        made["env"] = json!(env);
    }
    if dice.once_in(5) {
        let prefix = *dice.one_of(&["", "AWS_", "APP_"]);
        made["envFrom"] = json!([{"prefix": prefix, "secretRef": {"name": "x"}}]);
    }
    if dice.once_in(12) {
        made["volumeDevices"] = json!([{"name": "disk", "devicePath": dice.one_of(paths)}]);
    }
    made
}

/// A pod of the ServiceAccount `app`; most are valid.
pub(crate) fn pod(dice: &mut Dice) -> Value {
    let paths = paths();
    let mut volumes: Vec<Value> = Vec::new();
    for name in [VOLUME, SECOND_VOLUME, "own", "data"] {
        if dice.once_in(2) {
            volumes.push(volume(dice, name));
        }
    }
    let count = if dice.once_in(20) { 20 } else { 1 + dice.below(3) };
    let containers: Vec<Value> = (0..count)
        .map(|index| container(dice, &format!("c{index}"), &volumes, &paths))
        .collect();
    let mut first = Vec::new();
    for index in 0..dice.below(3) {
        let mut made = container(dice, &format!("i{index}"), &volumes, &paths);
        if dice.once_in(2) {
            made["restartPolicy"] = json!("Always");
        }
        first.push(made);
    }
    if containers
        .iter()
        .chain(&first)
        .any(|container| container.get("volumeDevices").is_some())
    {
        volumes.push(json!({"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}));
    }
    let mut spec = json!({"serviceAccountName": "app", "containers": containers});
    if !first.is_empty() {
        spec["initContainers"] = json!(first);
    }
    if !volumes.is_empty() || dice.once_in(3) {
        spec["volumes"] = json!(volumes);
    }
    if dice.once_in(2) {
        spec["automountServiceAccountToken"] = json!(false);
    }
    match dice.below(8) {
        0 => spec["os"] = json!({"name": "windows"}),
        1 => spec["nodeSelector"] = json!({"kubernetes.io/os": "windows"}),
        _ => {}
    }
    let metadata = match dice.below(5) {
        0 => json!({"name": "a".repeat(1 + dice.below(100))}),
        1 => json!({"generateName": "a".repeat(1 + dice.below(100))}),
        2 => json!({"generateName": "app-", "annotations": {"eks.amazonaws.com/skip-containers": "c0"}}),
        _ => json!({"generateName": "app-"}),
    };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// Annotations of a ServiceAccount or of a pod with values of all kinds, most of them wrong.
pub(crate) fn annotations(dice: &mut Dice) -> Value {
    let numbers = [
        "",
        "0",
        "600",
        "599",
        "3607",
        "+3607",
        "-3607",
        "86400",
        "86401",
        "999999999999999999",
        "9999999999999999999",
        "1e3",
        " 700",
        "７００",
        "0x10",
        "900.5",
        "+",
        "--1",
        "+-1",
    ];
    let truths = ["1", "t", "T", "true", "TRUE", "True", "yes", "false", "", " true"];
    let values: [(&str, &[&str]); 9] = [
        ("eks.amazonaws.com/token-expiration", &numbers),
        (
            "eks.amazonaws.com/audience",
            &["", "sts.amazonaws.com", "vault", "sts.amazonaws.com.cn", " "],
        ),
        ("eks.amazonaws.com/sts-regional-endpoints", &truths),
        ("irsa-anywhere.dev/sts-regional-endpoints", &truths),
        (
            "irsa-anywhere.dev/region",
            &[
                "eu-central-1",
                "us-iso-east-1",
                "us-gov-west-1",
                "ap-southeast-12",
                "EU-central-1",
                "eu-central",
                "eu--central-1",
                "e-central-1",
                "eu-central-123",
                "eu-central-1\n",
                "",
                "aaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1",
                "eu-a-b-c-d-1",
                "eu-1",
                "eu-céntral-1",
            ],
        ),
        ("irsa-anywhere.dev/session-name", &["PodName", "podname", "", "Other"]),
        (
            "irsa-anywhere.dev/instance-metadata",
            &["Disabled", "Keep", "disabled", ""],
        ),
        (
            "eks.amazonaws.com/skip-containers",
            &[
                "c0",
                "c0,i0",
                " c0 , c1",
                "\"c0\",\"c1\"",
                "\u{a0}c0\u{2003}",
                "c",
                "",
                ",",
                "c0;c1",
            ],
        ),
        ("other", &["value"]),
    ];
    let mut chosen = serde_json::Map::new();
    for (key, values) in values {
        if dice.once_in(2) {
            chosen.insert(key.to_owned(), json!(dice.one_of(values)));
        }
    }
    Value::Object(chosen)
}
