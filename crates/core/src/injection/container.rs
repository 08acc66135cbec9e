//! What one container has of an identity, and what it can be given.

use std::borrow::Cow;

use super::{
    filesystem::{Places, Put, puts},
    pod::{ContainerView, TokenFiles},
};

/// Where our volume can be mounted.
struct TokenPlace {
    /// The mount.
    path: &'static str,
    /// The token's file in it.
    file: &'static str,
    /// The mount as [`spelled`](super::filesystem::spelled).
    at: &'static str,
}

/// The token's file in a container that has nothing of its own there.
pub const USUAL_TOKEN_FILE: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";

/// Where the token is mounted, as the AWS webhook does.
const USUAL_PLACE: TokenPlace = TokenPlace {
    path: "/var/run/secrets/eks.amazonaws.com/serviceaccount",
    file: USUAL_TOKEN_FILE,
    at: "var/run/secrets/eks.amazonaws.com/serviceaccount/",
};
/// Where it is mounted when something of the pod's own is in the way there.
const PLACE_BESIDE: TokenPlace = TokenPlace {
    path: "/irsa-anywhere.dev/serviceaccount",
    file: "/irsa-anywhere.dev/serviceaccount/token",
    at: "irsa-anywhere.dev/serviceaccount/",
};
/// The token's file in our volume.
pub(super) const TOKEN: &str = "token";

/// A container that gets something.
#[derive(Debug)]
pub(super) struct InjectedContainer<'a> {
    pub(super) container: &'a ContainerView<'a>,
    /// Where our volume is to be mounted.
    pub(super) mount: Option<&'static str>,
    /// The file that holds a token then; `None` for one that has its own idea of who it is.
    pub(super) token_file: Option<Cow<'a, str>>,
}

/// What the container is to be given; `None` for nothing at all. `has_volume`: whether the pod can have our volume.
///
/// Takes no more than n log n of the container's size: whoever may create pods says how large they are, and nobody has validated them yet.
pub(super) fn target<'a>(
    container: &'a ContainerView<'a>,
    tokens: &TokenFiles<'_>,
    has_volume: bool,
    is_windows: bool,
) -> Option<InjectedContainer<'a>> {
    let puts = puts(container);
    let file = token_file(&puts, tokens, is_windows);
    let free = [USUAL_PLACE, PLACE_BESIDE]
        .into_iter()
        .find(|place| has_volume && file.is_none() && is_free(&puts, place.at));
    if container.sets("AWS_ROLE_ARN") || container.sets("AWS_WEB_IDENTITY_TOKEN_FILE") {
        return Some(InjectedContainer {
            container,
            // As the AWS webhook, the usual place is taken also in one that has its own idea.
            mount: free.map(|place| place.path).filter(|path| *path == USUAL_PLACE.path),
            token_file: None,
        });
    }
    let token_file = match (file, &free) {
        (Some(file), _) => file.into(),
        (None, Some(place)) => place.file.into(),
        (None, None) => return None,
    };
    Some(InjectedContainer {
        container,
        mount: free.map(|place| place.path),
        token_file: Some(token_file),
    })
}

/// The token file that the container has already. It counts if nothing is put over it and its whole volume is mounted.
fn token_file(puts: &[Put<'_>], tokens: &TokenFiles<'_>, is_windows: bool) -> Option<String> {
    let places = Places::of(puts);
    puts.iter().find_map(|put| {
        let token = tokens.get(put.volume?)?;
        let is_usable = !put.is_part && is_absolute(put.path, is_windows) && places.has_one_at_or_below(&put.at);
        let separator = if put.path.ends_with('/') { "" } else { "/" };
        let file = format!("{}{separator}{token}", put.path);
        // A variable in it means another file to who reads it.
        (is_usable && !file.contains('$')).then_some(file)
    })
}

/// Whether nothing is at, above or below the place, which is [`spelled`](super::filesystem::spelled).
fn is_free(puts: &[Put<'_>], place: &str) -> bool {
    !puts
        .iter()
        .any(|put| put.at.starts_with(place) || place.starts_with(&put.at))
}

fn is_absolute(path: &str, is_windows: bool) -> bool {
    let without_drive = match path.as_bytes() {
        [letter, b':', ..] if is_windows && letter.is_ascii_alphabetic() => path.get(2..).unwrap_or_default(),
        _ => path,
    };
    without_drive.starts_with('/') || is_windows && without_drive.starts_with('\\')
}

impl ContainerView<'_> {
    /// Whether the container sets the variable itself, by value or by reference.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.env.iter().flatten().any(|variable| variable.name == name)
    }

    /// Whether the container may have a region of its own. What a ConfigMap or Secret sets by `envFrom` cannot be seen, and a variable of
    /// ours would override it.
    pub(super) fn may_have_region(&self) -> bool {
        let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let mut unseen = self.env_from.iter().flatten();
        regions.iter().any(|name| self.sets(name))
            || unseen.any(|source| regions.iter().any(|name| name.starts_with(source.prefix.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::filesystem::spelled, *};

    #[test]
    fn the_places_of_our_volume_are_spelled_as_those_of_a_pod() {
        for place in [USUAL_PLACE, PLACE_BESIDE] {
            assert_eq!(place.at, spelled(place.path));
            assert_eq!(place.file, format!("{}/{TOKEN}", place.path));
        }
    }
}
