//! Where things are put in a container's file system, spelled in one way, so that "at or below" is "starts with".

use super::pod::ContainerView;

/// Something that is put into the file system.
#[derive(Debug)]
pub(super) struct Put<'a> {
    /// The mounted volume; `None` for a device and for the file of the container's last words.
    pub(super) volume: Option<&'a str>,
    /// As written.
    pub(super) path: &'a str,
    /// Whether a part of the volume is mounted, which is never renewed.
    pub(super) is_part: bool,
    /// As [`spelled`].
    pub(super) at: String,
}

/// All that is put into the container's file system.
pub(super) fn puts<'a>(container: &'a ContainerView<'a>) -> Vec<Put<'a>> {
    let other = |path| Put {
        volume: None,
        path,
        is_part: false,
        at: spelled(path),
    };
    let mounts = container.volume_mounts.iter().flatten().map(|mount| Put {
        volume: Some(&mount.name),
        path: &mount.mount_path,
        is_part: !mount.sub_path.is_empty() || !mount.sub_path_expr.is_empty(),
        at: spelled(&mount.mount_path),
    });
    let devices = container.volume_devices.iter().flatten();
    let last_words = Some(container.termination_message_path.as_str()).filter(|path| !path.is_empty());
    mounts
        .chain(devices.map(|device| other(&device.device_path)))
        .chain(last_words.map(other))
        .collect()
}

/// The places of all that is put, in order, so that what is at or below one lies together.
#[derive(Debug)]
pub(super) struct Places<'a>(Vec<&'a str>);

impl<'a> Places<'a> {
    pub(super) fn of(puts: &'a [Put<'_>]) -> Self {
        let mut places: Vec<&str> = puts.iter().map(|put| put.at.as_str()).collect();
        places.sort_unstable();
        Self(places)
    }

    /// Whether one thing and no other is put at or below the place. What may be anywhere is below each.
    pub(super) fn has_one_at_or_below(&self, place: &str) -> bool {
        let is_anywhere = self.0.first().is_some_and(|first| first.is_empty());
        let from = self.0.partition_point(|other| *other < place);
        let below = self.0.iter().skip(from).take_while(|other| other.starts_with(place));
        !is_anywhere && below.take(2).count() == 1
    }
}

/// The path with no empty or `.` parts, no case and no backslashes (Windows), and `/run` as `/var/run` (a link in most images);
/// each part ends with `/`. Empty is the root, and also a path with `..`, which may be anywhere.
pub(super) fn spelled(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let parts = || lower.split(['/', '\\']).filter(|part| !["", ".", "c:"].contains(part));
    let mut at = String::with_capacity(lower.len() + 5);
    if parts().any(|part| part == "..") {
        return at;
    }
    if parts().next() == Some("run") {
        at.push_str("var/");
    }
    for part in parts() {
        at.push_str(part);
        at.push('/');
    }
    at
}
