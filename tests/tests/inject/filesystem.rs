//! What a container sees of its pod's volumes: an independent model of mounts, written from what kubelet and container
//! runtimes do and not from the policy.

use serde_json::Value;

/// A container's file system, as far as the pod puts things into it.
pub(crate) struct FileSystem<'a> {
    pod: &'a Value,
    windows: bool,
    mounts: Vec<(Vec<String>, &'a Value)>,
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

pub(crate) fn is_windows(pod: &Value) -> bool {
    let by_node = |label: &str| pod["spec"]["nodeSelector"][label] == "windows";
    pod["spec"]["os"]["name"] == "windows" || by_node("kubernetes.io/os") || by_node("beta.kubernetes.io/os")
}

/// The directories down to a path, cleaned as runtimes do; `/var/run` is a link to `/run` in most images.
pub(crate) fn clean(path: &str, windows: bool) -> Vec<String> {
    let path = if windows {
        path.to_lowercase()
            .replace('\\', "/")
            .trim_start_matches("c:")
            .to_owned()
    } else {
        path.to_owned()
    };
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    if parts.starts_with(&["var".to_owned(), "run".to_owned()]) {
        parts.remove(0);
    }
    parts
}

impl<'a> FileSystem<'a> {
    pub(crate) fn of(pod: &'a Value, container: &'a Value) -> Self {
        let windows = is_windows(pod);
        let mounts = list(container, "volumeMounts")
            .iter()
            .map(|mount| (clean(text(mount, "mountPath"), windows), mount))
            .collect();
        Self { pod, windows, mounts }
    }

    /// Whether the file is there, holds a token for the audience and is renewed.
    pub(crate) fn has_token(&self, file: &str, audience: &str) -> bool {
        let absolute = if self.windows {
            file.starts_with("C:\\")
        } else {
            file.starts_with('/')
        };
        if !absolute || file.contains('$') {
            return false;
        }
        let file = clean(file, self.windows);
        let over = self.mounts.iter().filter(|(at, _)| file.starts_with(at));
        let Some(deepest) = over.clone().map(|(at, _)| at.len()).max() else {
            return false;
        };
        let mut holders = over.filter(|(at, _)| at.len() == deepest);
        let (Some((at, mount)), None) = (holders.next(), holders.next()) else {
            return false;
        };
        if mount.get("subPath").is_some() || mount.get("subPathExpr").is_some() {
            return false;
        }
        let Some(volume) = list(&self.pod["spec"], "volumes")
            .iter()
            .find(|volume| volume["name"] == mount["name"])
        else {
            return false;
        };
        let sources = list(&volume["projected"], "sources");
        // Whatever else writes into the directory may take the file's place.
        let [source] = sources else { return false };
        let token = &source["serviceAccountToken"];
        token["audience"] == audience && clean(text(token, "path"), false) == file[at.len()..]
    }

    /// Whether two things that are put into the container are at one place or inside each other, one of them the mount of
    /// this number. Runtimes cannot make a directory inside what is read-only, and what is put over hides.
    pub(crate) fn collides(&self, number: usize, container: &Value) -> bool {
        let at = &self.mounts[number].0;
        let devices = list(container, "volumeDevices")
            .iter()
            .map(|device| clean(text(device, "devicePath"), self.windows));
        let others = self.mounts.iter().enumerate().filter(|(other, _)| *other != number);
        let others = others.map(|(_, (other, _))| other.clone()).chain(devices);
        let mut others = others;
        others.any(|other| other.starts_with(at) || at.starts_with(&other))
    }
}

#[test]
fn paths_are_cleaned_as_runtimes_clean_them() {
    let joined = |path: &str, windows: bool| clean(path, windows).join("/");
    assert_eq!(joined("/var/run//a/./b/../c/", false), "run/a/c");
    assert_eq!(joined("run/a", false), "run/a");
    assert_eq!(joined(r"C:\Var\Run\a", true), "run/a");
    assert_eq!(joined("/../..", false), "");
}
